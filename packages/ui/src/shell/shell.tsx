// The frame around every page: header, navigation, settings, help, the banner that says when the server doesn't answer.
import {
  ActionIcon,
  Button,
  Kbd,
  Menu,
  Modal,
  useMantineColorScheme,
  type MantineColorScheme,
} from '@mantine/core';
import { useEffect, useRef, useState, type ReactNode } from 'react';
import { every, now_ms } from '../browser.ts';
import { retryNow, useContact } from '../connection.ts';
import { printAgo } from '../duration.ts';
import { Icon, type IconName } from '../icons.tsx';
import { printClock } from '../instant.ts';
import { Link, navigate, usePlace } from '../router.tsx';
import { useSettings } from '../settings.tsx';
import { wishForEditor } from './focus-editor.ts';
import { pressKey, SHORTCUTS, type Command, type Typed } from './shortcuts.ts';

const PAGES: readonly { path: string; text: string; icon: IconName }[] = [
  { path: '/', text: 'Overview', icon: 'overview' },
  { path: '/query', text: 'Query', icon: 'query' },
  { path: '/targets', text: 'Targets', icon: 'targets' },
  { path: '/status', text: 'Status', icon: 'status' },
];

export function Shell(props: { children: ReactNode }): ReactNode {
  const [help, setHelp] = useState(false);
  useShortcuts((command) => runCommand(command, () => setHelp(true)));
  return (
    <>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <header className="header">
        <Link to="/" className="brand" aria-label="Munjigi, overview">
          <span className="brand-mark">
            <Icon name="gate" size={18} />
          </span>
          <span className="brand-hangul" lang="ko">
            문지기
          </span>
          <span className="brand-latin">Munjigi</span>
        </Link>
        <Navigation />
        <div className="header-tools">
          <SettingsMenu />
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label="Keyboard shortcuts"
            onClick={() => setHelp(true)}
          >
            <Icon name="help" size={18} />
          </ActionIcon>
        </div>
      </header>
      <ContactBanner />
      <main id="main" tabIndex={-1}>
        {props.children}
      </main>
      <Help opened={help} onClose={() => setHelp(false)} />
    </>
  );
}

function Navigation(): ReactNode {
  const { path } = usePlace();
  return (
    <nav className="nav" aria-label="Pages">
      {PAGES.map((page) => (
        <Link
          key={page.path}
          to={page.path}
          className="nav-link"
          aria-current={isAt(path, page.path) ? 'page' : undefined}
        >
          <Icon name={page.icon} />
          {page.text}
        </Link>
      ))}
    </nav>
  );
}

function isAt(path: string, page: string): boolean {
  return path === page || (page === '/query' && path === '/graph');
}

function SettingsMenu(): ReactNode {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { zone, setZone } = useSettings();
  return (
    <Menu position="bottom-end" shadow="md" width={190} transitionProps={{ duration: 0 }}>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label="Settings">
          <Icon name="settings" size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Theme</Menu.Label>
        <Menu.RadioGroup value={colorScheme} onChange={(v) => setColorScheme(v as MantineColorScheme)}>
          <Menu.RadioItem value="auto">Like the system</Menu.RadioItem>
          <Menu.RadioItem value="light">Light</Menu.RadioItem>
          <Menu.RadioItem value="dark">Dark</Menu.RadioItem>
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Label>Times</Menu.Label>
        <Menu.RadioGroup value={zone} onChange={(v) => setZone(v === 'local' ? 'local' : 'utc')}>
          <Menu.RadioItem value="utc">UTC</Menu.RadioItem>
          <Menu.RadioItem value="local">Local</Menu.RadioItem>
        </Menu.RadioGroup>
      </Menu.Dropdown>
    </Menu>
  );
}

function ContactBanner(): ReactNode {
  const { lostSince_ms } = useContact();
  const { zone } = useSettings();
  const [, tick] = useState(0);
  useEffect(
    () => (lostSince_ms === null ? undefined : every(1000, () => tick((n) => n + 1))),
    [lostSince_ms],
  );
  return (
    <div role="status" aria-live="polite">
      {lostSince_ms === null ? null : (
        <div className="banner">
          <Icon name="alert" />
          <span>
            The server has not answered since {printClock(lostSince_ms, zone)} (
            {printAgo(lostSince_ms, now_ms())}). What you see may be old; this page recovers by itself.
          </span>
          <Button size="compact-xs" variant="default" onClick={retryNow}>
            Try now
          </Button>
        </div>
      )}
    </div>
  );
}

function Help(props: { opened: boolean; onClose: () => void }): ReactNode {
  return (
    <Modal
      opened={props.opened}
      onClose={props.onClose}
      title="Keyboard shortcuts"
      centered
      transitionProps={{ duration: 0 }}
      closeButtonProps={{ 'aria-label': 'Close' }}
      overlayProps={{ backgroundOpacity: 0.35 }}
    >
      <dl className="keys">
        {SHORTCUTS.map((s) => (
          <KeyRow key={s.command} keys={s.keys} text={s.text} />
        ))}
        <KeyRow keys={['Enter']} text="Run the query" />
        <KeyRow keys={['Alt', 'Enter']} text="New line in the query" />
        <KeyRow keys={['Ctrl', 'Space']} text="Complete what stands at the cursor" />
      </dl>
    </Modal>
  );
}

function KeyRow(props: { keys: readonly string[]; text: string }): ReactNode {
  return (
    <div>
      <dt>
        {props.keys.map((k) => (
          <Kbd key={k}>{k}</Kbd>
        ))}
      </dt>
      <dd>{props.text}</dd>
    </div>
  );
}

function runCommand(command: Command, showHelp: () => void): void {
  switch (command) {
    case 'help':
      showHelp();
      return;
    case 'editor':
      if (!/\/(query|graph)\/?$/.test(window.location.pathname)) navigate('/query');
      wishForEditor();
      return;
    case 'overview':
    case 'query':
    case 'targets':
    case 'status':
      navigate(command === 'overview' ? '/' : `/${command}`);
      // Whoever works by keyboard goes on from the new page's top.
      document.getElementById('main')?.focus();
  }
}

function useShortcuts(run: (command: Command) => void): void {
  const typed = useRef<Typed | null>(null);
  const latest = useRef(run);
  useEffect(() => {
    latest.current = run;
  });
  useEffect(() => {
    const press = (e: KeyboardEvent): void => {
      if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey || isTyping(e.target)) return;
      if (document.querySelector('[role="dialog"]') !== null) return;
      const next = pressKey(typed.current, e.key, now_ms());
      typed.current = next.typed;
      if (next.command === null) return;
      e.preventDefault();
      latest.current(next.command);
    };
    document.addEventListener('keydown', press);
    return (): void => document.removeEventListener('keydown', press);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
