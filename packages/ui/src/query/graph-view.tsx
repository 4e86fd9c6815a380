// A range result as a graph with its legend.
import { useComputedColorScheme } from '@mantine/core';
import { useMemo, useRef, useState, type MouseEvent, type ReactNode } from 'react';
import { seriesColour } from '../colours.ts';
import { printCount, printValue } from '../number.ts';
import { printSeries, stack, toColumns } from '../series.ts';
import { useSettings } from '../settings.tsx';
import { Chart } from './chart.tsx';
import type { PanelState } from './panel-url.ts';
import type { Outcome } from './run.ts';

/** Series drawn; more are lines nobody can tell apart. */
const DRAWN_LIMIT = 500;
/** Legend entries shown. */
const LEGEND_LIMIT = 200;

export function GraphView(props: {
  outcome: Outcome;
  display: PanelState['display'];
  onZoom: (range_ms: number, end_ms: number) => void;
}): ReactNode {
  const { outcome } = props;
  const dark = useComputedColorScheme('light', { getInitialValueInEffect: false }) === 'dark';
  const { zone } = useSettings();
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const cells = useRef<(HTMLElement | null)[]>([]);

  const data = outcome.reply.data;
  const result = data.resultType === 'matrix' ? data.result.slice(0, DRAWN_LIMIT) : [];
  const all = data.resultType === 'matrix' ? data.result.length : 0;
  const drawn = useMemo(() => {
    const names = result.map((s) => printSeries(s.metric));
    const columns = toColumns(result, outcome.grid.start_s, outcome.grid.end_s, outcome.grid.step_s);
    return { names, columns };
    // The outcome is replaced as a whole; what is derived from it follows.
  }, [outcome]);
  const { names, columns } = drawn;
  const shown = useMemo(() => names.map((name) => !hidden.has(name)), [names, hidden]);
  const values = useMemo(
    () => (props.display === 'stacked' ? stack(columns.values, (i) => shown[i] === true) : columns.values),
    [columns, shown, props.display],
  );
  const colours = useMemo(() => names.map((_, i) => seriesColour(i, dark)), [names, dark]);
  const histograms = result.filter((s) => s.values === undefined && s.histograms !== undefined).length;

  const pick = (name: string, e: MouseEvent): void => {
    if (e.ctrlKey || e.metaKey) {
      const next = new Set(hidden);
      if (!next.delete(name)) next.add(name);
      setHidden(next);
      return;
    }
    const alone = names.every((n) => hidden.has(n) !== (n === name));
    setHidden(alone ? new Set() : new Set(names.filter((n) => n !== name)));
  };
  const readAt = (at: number | null): void => {
    for (const [i, cell] of cells.current.entries()) {
      if (cell === null) continue;
      const v = at === null ? null : columns.values[i]?.[at];
      cell.textContent = v === null || v === undefined ? '' : printValue(v);
    }
  };

  return (
    <>
      {all > DRAWN_LIMIT ? (
        <p className="note note-info">
          The first {DRAWN_LIMIT} of {printCount(all)} series are drawn. Aggregate, or narrow the selector, to
          see all.
        </p>
      ) : null}
      {histograms > 0 ? (
        <p className="note note-info">
          {printCount(histograms)} series hold native histograms, which have no line. Use
          histogram_quantile(), or look at them in the table.
        </p>
      ) : null}
      <Chart
        times={columns.times}
        values={values}
        actual={columns.values}
        names={names}
        colours={colours}
        shown={shown}
        stacked={props.display === 'stacked'}
        dark={dark}
        zone={zone}
        onCursor={readAt}
        onZoom={props.onZoom}
      />
      <ul className="legend" aria-label="Series. A click shows one alone, Ctrl and click hides or shows it.">
        {names.slice(0, LEGEND_LIMIT).map((name, i) => (
          <li key={`${name} ${i}`}>
            <button
              type="button"
              className="legend-item"
              aria-pressed={shown[i] === true}
              title="Click: only this one. Ctrl and click: hide or show it."
              onClick={(e) => pick(name, e)}
            >
              <span className="legend-colour" style={{ background: colours[i] }} />
              <span className="legend-name mono">{name}</span>
              <span
                className="legend-value mono"
                ref={(cell) => {
                  cells.current[i] = cell;
                }}
              />
            </button>
          </li>
        ))}
      </ul>
      {names.length > LEGEND_LIMIT ? (
        <p className="dim card-foot">
          The legend names the first {LEGEND_LIMIT}; pointing at a line names any.
        </p>
      ) : null}
    </>
  );
}
