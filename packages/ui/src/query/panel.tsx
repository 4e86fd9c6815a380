// One panel: the expression, how it is shown, what came of it.
import { ActionIcon, Button, Menu, SegmentedControl } from '@mantine/core';
import { useEffect, useState, type ReactNode } from 'react';
import { printElapsed, printDuration } from '../duration.ts';
import { Icon } from '../icons.tsx';
import { printCount } from '../number.ts';
import { EditorSlot } from './editor-slot.tsx';
import { Failure } from './failure.tsx';
import { formatExpr, useFormatter } from './own-parser.ts';
import { GraphControls } from './graph-controls.tsx';
import { GraphView } from './graph-view.tsx';
import { MetricExplorer } from './metric-explorer.tsx';
import { MomentInput } from './moment-input.tsx';
import type { PanelState } from './panel-url.ts';
import { useRun, type Outcome, type RunState } from './run.ts';
import { TableView } from './table-view.tsx';

/** How far the table's moment goes at a press of its arrows. */
const MOMENT_STEP_ms = 300_000;

export function QueryPanel(props: {
  number: number;
  panel: PanelState;
  run: number;
  history: readonly string[];
  onChange: (panel: PanelState, run: boolean) => void;
  onRemove: (() => void) | null;
}): ReactNode {
  const { panel, onChange } = props;
  const [draft, setDraft] = useState(panel.expr);
  const [explorer, setExplorer] = useState(false);
  const canFormat = useFormatter();
  const { state, cancel } = useRun(panel, props.run);
  useEffect(() => setDraft(panel.expr), [panel.expr]);

  const runWith = (expr: string): void => onChange({ ...panel, expr }, true);
  const change = (part: Partial<PanelState>): void => onChange({ ...panel, ...part }, false);
  const loading = state.kind === 'loading';

  return (
    <section className="card panel" aria-label={`Panel ${props.number}`}>
      <div className="panel-top">
        <EditorSlot
          value={draft}
          label={`Expression of panel ${props.number}`}
          onChange={setDraft}
          onRun={runWith}
        />
        <div className="panel-buttons">
          <HistoryMenu history={props.history} onPick={runWith} />
          <ActionIcon
            variant="default"
            size="md"
            aria-label="Metrics"
            title="Metrics"
            onClick={() => setExplorer(true)}
          >
            <Icon name="list" />
          </ActionIcon>
          {canFormat ? (
            <ActionIcon
              variant="default"
              size="md"
              aria-label="Format"
              title="Format the expression"
              onClick={() => {
                const text = formatExpr(draft);
                if (text !== null) setDraft(text);
              }}
            >
              <Icon name="format" />
            </ActionIcon>
          ) : null}
          {props.onRemove === null ? null : (
            <ActionIcon
              variant="default"
              size="md"
              aria-label="Remove panel"
              title="Remove panel"
              onClick={props.onRemove}
            >
              <Icon name="cross" />
            </ActionIcon>
          )}
          {loading ? (
            <Button size="compact-md" variant="default" onClick={cancel}>
              Cancel
            </Button>
          ) : (
            <Button size="compact-md" onClick={() => runWith(draft)}>
              Run
            </Button>
          )}
        </div>
      </div>
      <div className="panel-bar">
        <SegmentedControl
          size="xs"
          aria-label="View"
          value={panel.tab}
          onChange={(tab) => change({ tab })}
          data={[
            { value: 'table', label: 'Table' },
            { value: 'graph', label: 'Graph' },
          ]}
        />
        {panel.tab === 'table' ? (
          <MomentInput
            label="Evaluation time"
            value_ms={panel.end_ms}
            step_ms={MOMENT_STEP_ms}
            onChange={(end_ms) => change({ end_ms })}
          />
        ) : (
          <GraphControls panel={panel} onChange={change} />
        )}
        <Stats state={state} />
      </div>
      <div className={`panel-result${loading ? ' is-loading' : ''}`} aria-busy={loading}>
        <Result state={state} panel={panel} onZoom={(range_ms, end_ms) => change({ range_ms, end_ms })} />
      </div>
      <MetricExplorer
        opened={explorer}
        onClose={() => setExplorer(false)}
        onPick={(name) => {
          setExplorer(false);
          if (draft.trim() === '') runWith(name);
          else setDraft(`${draft.trimEnd()} ${name}`);
        }}
      />
    </section>
  );
}

function Result(props: {
  state: RunState;
  panel: PanelState;
  onZoom: (range_ms: number, end_ms: number) => void;
}): ReactNode {
  const { state } = props;
  switch (state.kind) {
    case 'idle':
      return (
        <p className="empty">
          Nothing asked yet. Write an expression, as <code>up</code>, and press Enter.
        </p>
      );
    case 'failed':
      return <Failure error={state.error} expr={state.expr} />;
    case 'loading':
      return state.last === null ? (
        <p className="empty">Asking</p>
      ) : (
        <Answer outcome={state.last} panel={props.panel} onZoom={props.onZoom} />
      );
    case 'done':
      return <Answer outcome={state.outcome} panel={props.panel} onZoom={props.onZoom} />;
  }
}

function Answer(props: {
  outcome: Outcome;
  panel: PanelState;
  onZoom: (range_ms: number, end_ms: number) => void;
}): ReactNode {
  const { outcome } = props;
  const { warnings, infos } = outcome.reply;
  return (
    <>
      {warnings.length === 0 ? null : <Notes kind="warning" title="Warning" lines={warnings} />}
      {infos.length === 0 ? null : <Notes kind="info" title="Note" lines={infos} />}
      {outcome.series === 0 ? (
        <p className="empty">
          No series. The expression is valid, but nothing matches it{' '}
          {outcome.tab === 'graph' ? 'in this range' : 'at this time'}.
        </p>
      ) : outcome.tab === 'table' ? (
        <TableView outcome={outcome} />
      ) : (
        <GraphView outcome={outcome} display={props.panel.display} onZoom={props.onZoom} />
      )}
    </>
  );
}

/** Lines shown of many; servers repeat themselves. */
const NOTES_LIMIT = 10;

function Notes(props: { kind: 'warning' | 'info'; title: string; lines: readonly string[] }): ReactNode {
  return (
    <div className={`note note-${props.kind}`} role="note">
      <strong>{props.title}</strong>
      <ul>
        {props.lines.slice(0, NOTES_LIMIT).map((line) => (
          <li key={line}>{line}</li>
        ))}
        {props.lines.length > NOTES_LIMIT ? <li>and {props.lines.length - NOTES_LIMIT} more</li> : null}
      </ul>
    </div>
  );
}

function Stats(props: { state: RunState }): ReactNode {
  const { state } = props;
  if (state.kind !== 'done') return <span className="stats dim" role="status" />;
  const { outcome } = state;
  const parts = [
    `${printCount(outcome.series)} series`,
    ...(outcome.tab === 'graph'
      ? [`${printCount(outcome.samples)} samples`, `step ${printDuration(outcome.grid.step_s * 1000)}`]
      : []),
    printElapsed(outcome.reply.elapsed_ms),
  ];
  return (
    <span className="stats dim" role="status">
      {parts.join(' · ')}
    </span>
  );
}

function HistoryMenu(props: { history: readonly string[]; onPick: (expr: string) => void }): ReactNode {
  return (
    <Menu position="bottom-end" shadow="md" width={420} transitionProps={{ duration: 0 }}>
      <Menu.Target>
        <ActionIcon variant="default" size="md" aria-label="History" title="History">
          <Icon name="history" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown className="history">
        {props.history.length === 0 ? <Menu.Label>Nothing was run yet</Menu.Label> : null}
        {props.history.slice(0, 30).map((expr) => (
          <Menu.Item key={expr} className="mono history-item" onClick={() => props.onPick(expr)}>
            {expr}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
