// Starts the console.
import '@mantine/core/styles/baseline.layer.css';
import '@mantine/core/styles/default-css-variables.layer.css';
import '@mantine/core/styles/global.layer.css';
import '@mantine/core/styles/ScrollArea.layer.css';
import '@mantine/core/styles/UnstyledButton.layer.css';
import '@mantine/core/styles/VisuallyHidden.layer.css';
import '@mantine/core/styles/Paper.layer.css';
import '@mantine/core/styles/Popover.layer.css';
import '@mantine/core/styles/CloseButton.layer.css';
import '@mantine/core/styles/Group.layer.css';
import '@mantine/core/styles/Loader.layer.css';
import '@mantine/core/styles/Overlay.layer.css';
import '@mantine/core/styles/ModalBase.layer.css';
import '@mantine/core/styles/Input.layer.css';
import '@mantine/core/styles/InlineInput.layer.css';
import '@mantine/core/styles/FloatingIndicator.layer.css';
import '@mantine/core/styles/ActionIcon.layer.css';
import '@mantine/core/styles/Button.layer.css';
import '@mantine/core/styles/Kbd.layer.css';
import '@mantine/core/styles/Menu.layer.css';
import '@mantine/core/styles/Modal.layer.css';
import '@mantine/core/styles/SegmentedControl.layer.css';
import './app.css';
import { createTheme, MantineProvider, type MantineColorsTuple } from '@mantine/core';
import { lazy, StrictMode, Suspense, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { CrashGuard } from './shell/crash.tsx';
import { Shell } from './shell/shell.tsx';
import { OverviewPage } from './overview/overview-page.tsx';
import { Link, usePlace } from './router.tsx';
import { SettingsProvider } from './settings.tsx';

const QueryPage = lazy(async () => ({ default: (await import('./query/query-page.tsx')).QueryPage }));
const TargetsPage = lazy(async () => ({ default: (await import('./targets/targets-page.tsx')).TargetsPage }));
const StatusPage = lazy(async () => ({ default: (await import('./status/status-page.tsx')).StatusPage }));

const GATE: MantineColorsTuple = [
  '#eef4fa',
  '#dbe6f1',
  '#b5cce2',
  '#8bb0d3',
  '#6999c6',
  '#548abe',
  '#4882bb',
  '#386fa5',
  '#2f6395',
  '#1f5583',
];

/** Mantine's greys of the dark scheme, in the tint of app.css. */
const DARK: MantineColorsTuple = [
  '#dfe5ec',
  '#b8c1cc',
  '#97a2b0',
  '#6b7684',
  '#3a434e',
  '#2d353f',
  '#20262e',
  '#1a1f26',
  '#161b21',
  '#12161b',
];

const theme = createTheme({
  primaryColor: 'gate',
  colors: { gate: GATE, dark: DARK },
  primaryShade: { light: 8, dark: 6 },
  defaultRadius: 'sm',
  fontFamily:
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Apple SD Gothic Neo', 'Noto Sans KR', 'NanumBarunGothic', 'NanumGothic', 'DejaVu Sans', sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace",
  respectReducedMotion: true,
});

function Page(): ReactNode {
  const { path } = usePlace();
  switch (path) {
    case '/':
      return <OverviewPage />;
    case '/query':
    // Where Prometheus before version 3 had this page.
    case '/graph':
      return <QueryPage />;
    case '/targets':
      return <TargetsPage />;
    case '/status':
      return <StatusPage />;
    default:
      return (
        <div className="page">
          <h1 className="page-title">There is no page {path}</h1>
          <p>
            Go to the <Link to="/">overview</Link>.
          </p>
        </div>
      );
  }
}

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <SettingsProvider>
        <Shell>
          <CrashGuard>
            <Suspense fallback={<div className="page page-loading" aria-busy="true" />}>
              <Page />
            </Suspense>
          </CrashGuard>
        </Shell>
      </SettingsProvider>
    </MantineProvider>
  </StrictMode>,
);
