// The query page: panels, whose state is the page's address.
import { Button } from '@mantine/core';
import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import { readStored, writeStored } from '../browser.ts';
import { Icon } from '../icons.tsx';
import { navigate, usePlace } from '../router.tsx';
import { useTitle } from '../title.ts';
import { HISTORY_KEY, parseHistory, remember } from './history.ts';
import { QueryPanel } from './panel.tsx';
import {
  decodePanels,
  encodePanels,
  NEW_PANEL,
  PANELS_LIMIT,
  samePanel,
  type PanelState,
} from './panel-url.ts';

interface Entry {
  /** Stays with the panel while others come and go. */
  readonly id: number;
  readonly panel: PanelState;
  /** Grows with each run, so that the same expression can be run again. */
  readonly run: number;
}

export function QueryPage(): ReactNode {
  const { search, path } = usePlace();
  const nextId = useRef(0);
  const enter = (panel: PanelState): Entry => ({ id: nextId.current++, panel, run: 0 });
  const [entries, setEntries] = useState<readonly Entry[]>(() => decodePanels(search).map(enter));
  const written = useRef(search);
  const [history, setHistory] = useState(() => parseHistory(readStored(HISTORY_KEY)));

  // The address changed by itself (back, forward, a link): it is right, and panels that stay the same keep their results.
  useEffect(() => {
    if (search === written.current) return;
    written.current = search;
    setEntries((old) =>
      decodePanels(search).map((panel, i) => {
        const there = old[i];
        if (there === undefined) return enter(panel);
        return samePanel(there.panel, panel) ? there : { ...there, panel };
      }),
    );
  }, [search]);

  const show = useCallback(
    (next: readonly Entry[], how: 'push' | 'replace' = 'push') => {
      setEntries(next);
      const to = encodePanels(next.map((e) => e.panel));
      if (to === written.current) return;
      written.current = to;
      navigate(`${path}${to}`, how);
    },
    [path],
  );

  const change = (id: number, panel: PanelState, run: boolean): void => {
    if (run && panel.expr.trim() !== '') {
      const list = remember(history, panel.expr);
      setHistory(list);
      writeStored(HISTORY_KEY, JSON.stringify(list));
    }
    show(entries.map((e) => (e.id === id ? { ...e, panel, run: run ? e.run + 1 : e.run } : e)));
  };
  const add = (): void => show([...entries, enter(NEW_PANEL)]);
  const remove = (id: number): void => {
    const rest = entries.filter((e) => e.id !== id);
    show(rest.length > 0 ? rest : [enter(NEW_PANEL)]);
  };

  const first = entries[0]?.panel.expr ?? '';
  useTitle(first === '' ? 'Query' : first.slice(0, 60));
  return (
    <div className="page query">
      <h1 className="hidden">Query</h1>
      {entries.map((e, i) => (
        <QueryPanel
          key={e.id}
          number={i + 1}
          panel={e.panel}
          run={e.run}
          history={history}
          onChange={(panel, run) => change(e.id, panel, run)}
          onRemove={entries.length > 1 || e.panel.expr !== '' ? (): void => remove(e.id) : null}
        />
      ))}
      <Button
        variant="default"
        size="compact-sm"
        className="add-panel"
        leftSection={<Icon name="plus" size={14} />}
        disabled={entries.length >= PANELS_LIMIT}
        onClick={add}
      >
        Add panel
      </Button>
    </div>
  );
}
