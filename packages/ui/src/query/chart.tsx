// uPlot in React: one canvas, rebuilt when what it shows changes. Names go into the page as text nodes only.
import { useEffect, useRef, type ReactNode } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { dateAt } from '../browser.ts';
import { chartColours } from '../colours.ts';
import { axisLabels, printInstant, type Zone } from '../instant.ts';
import { printShort, printValue } from '../number.ts';
import { lonePoints } from '../series.ts';

const HEIGHT = 340;
const HEIGHT_NARROW = 260;
/** A drag shorter than this is a click. */
const DRAG_LEAST_px = 6;

export interface ChartProps {
  /** Seconds. */
  readonly times: number[];
  /** As drawn: stacked values are running sums. */
  readonly values: (number | null)[][];
  /** As the server sent them. */
  readonly actual: readonly (readonly (number | null)[])[];
  readonly names: readonly string[];
  readonly colours: readonly string[];
  readonly shown: readonly boolean[];
  readonly stacked: boolean;
  readonly dark: boolean;
  readonly zone: Zone;
  /** The grid point under the pointer. */
  readonly onCursor: (at: number | null) => void;
  readonly onZoom: (range_ms: number, end_ms: number) => void;
}

export function Chart(props: ChartProps): ReactNode {
  const holder = useRef<HTMLDivElement>(null);
  const latest = useRef(props);
  useEffect(() => {
    latest.current = props;
  });
  const { times, values, shown, colours, stacked, dark, zone } = props;

  useEffect(() => {
    const node = holder.current;
    if (node === null) return undefined;
    const hover = hoverBox();
    const width = (): number => Math.max(200, node.clientWidth);
    const height = (): number => (node.clientWidth < 600 ? HEIGHT_NARROW : HEIGHT);
    const plot = new uPlot(
      { ...options(latest.current, hover, latest), width: width(), height: height() },
      [times, ...values],
      node,
    );
    plot.over.append(hover.box);
    const resize = new ResizeObserver(() => plot.setSize({ width: width(), height: height() }));
    resize.observe(node);
    return (): void => {
      resize.disconnect();
      plot.destroy();
    };
  }, [times, values, shown, colours, stacked, dark, zone]);

  return <div ref={holder} className="chart" role="img" aria-label={describe(props)} />;
}

function options(
  p: ChartProps,
  hover: HoverBox,
  latest: { readonly current: ChartProps },
): Omit<uPlot.Options, 'width' | 'height'> {
  const { text, grid, tick } = chartColours(p.dark);
  const from = p.times[0] ?? 0;
  const to = p.times.at(-1) ?? from + 1;
  const axis: uPlot.Axis = {
    stroke: text,
    font: '12px system-ui, sans-serif',
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: tick, width: 1, size: 5 },
  };
  const before: number[] = [];
  let last = -1;
  for (const [i, show] of p.shown.entries()) {
    before[i] = last;
    if (show) last = i;
  }
  return {
    legend: { show: false },
    padding: [12, 30, 0, 4],
    tzDate: (s) => (p.zone === 'utc' ? uPlot.tzDate(dateAt(s * 1000), 'Etc/UTC') : dateAt(s * 1000)),
    scales: {
      x: { time: true, range: [from, from === to ? from + 1 : to] },
      y: p.stacked ? { range: (_u, _min, max) => uPlot.rangeNum(0, max > 0 ? max : 1, 0.1, true) } : {},
    },
    axes: [
      {
        ...axis,
        size: 34,
        space: 70,
        values: (_u, splits, _axis, _space, step) => axisLabels(splits, step, p.zone),
      },
      {
        ...axis,
        values: (_u, splits) => axisValues(splits),
        size: (_u, labels) => 18 + 7 * Math.max(4, ...(labels ?? []).map((l) => l.length)),
      },
    ],
    cursor: {
      drag: { x: true, y: false, setScale: false, dist: DRAG_LEAST_px },
      points: { size: 6 },
      focus: { prox: 30 },
    },
    focus: { alpha: 1 },
    series: [
      {},
      ...p.names.map((_, i): uPlot.Series => {
        const colour = p.colours[i] ?? '#888888';
        return {
          show: p.shown[i] === true,
          stroke: colour,
          width: 1.5,
          ...(p.stacked ? { fill: `${colour}55` } : {}),
          points: {
            size: 4,
            fill: colour,
            filter: (u, at) => lonePoints(Array.from(u.data[at] ?? [])),
          },
        };
      }),
    ],
    bands: p.stacked
      ? p.names.flatMap((_, i): uPlot.Band[] => {
          const under = before[i] ?? -1;
          return p.shown[i] === true && under >= 0 ? [{ series: [i + 1, under + 1] }] : [];
        })
      : [],
    hooks: {
      setCursor: [
        (u): void => {
          const at = u.cursor.idx ?? null;
          latest.current.onCursor(at);
          hover.show(u, at, p);
        },
      ],
      setSelect: [
        (u): void => {
          if (u.select.width < DRAG_LEAST_px) return;
          const start_s = u.posToVal(u.select.left, 'x');
          const end_s = u.posToVal(u.select.left + u.select.width, 'x');
          u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          const end_ms = Math.ceil(end_s) * 1000;
          const range_ms = Math.max(1000, end_ms - Math.floor(start_s) * 1000);
          latest.current.onZoom(range_ms, end_ms);
        },
      ],
    },
  };
}

interface HoverBox {
  readonly box: HTMLElement;
  show(u: uPlot, at: number | null, p: ChartProps): void;
}

/** The box beside the pointer: time, and the name and value of the nearest line. */
function hoverBox(): HoverBox {
  const box = document.createElement('div');
  box.className = 'hover';
  box.hidden = true;
  const time = box.appendChild(document.createElement('div'));
  time.className = 'hover-time';
  const value = box.appendChild(document.createElement('div'));
  value.className = 'hover-value';
  const name = box.appendChild(document.createElement('div'));
  name.className = 'hover-name';
  return {
    box,
    show(u, at, p): void {
      const left = u.cursor.left ?? -1;
      const top = u.cursor.top ?? -1;
      const i = at === null || left < 0 ? -1 : nearest(u, at, top, p.shown);
      box.hidden = i < 0;
      if (i < 0 || at === null) return;
      time.textContent = printInstant((p.times[at] ?? 0) * 1000, p.zone, !Number.isInteger(p.times[at] ?? 0));
      const v = p.actual[i]?.[at];
      value.textContent = v === null || v === undefined ? '-' : printValue(v);
      value.style.color = p.colours[i] ?? '';
      name.textContent = p.names[i] ?? '';
      const toLeft = left > u.over.clientWidth / 2;
      box.style.left = toLeft ? '' : `${left + 14}px`;
      box.style.right = toLeft ? `${u.over.clientWidth - left + 14}px` : '';
      box.style.top = `${Math.max(0, Math.min(top - 10, u.over.clientHeight - box.offsetHeight))}px`;
    },
  };
}

function nearest(u: uPlot, at: number, top: number, shown: readonly boolean[]): number {
  let best = -1;
  let least = Infinity;
  for (const [i, show] of shown.entries()) {
    const v = show ? u.data[i + 1]?.[at] : null;
    if (v === null || v === undefined) continue;
    const distance = Math.abs(u.valToPos(v, 'y') - top);
    if (distance < least) {
      least = distance;
      best = i;
    }
  }
  return best;
}

/** Short numbers, with more digits where neighbours would read the same. */
function axisValues(splits: readonly number[]): string[] {
  const short = splits.map(printShort);
  return new Set(short).size === splits.length ? short : splits.map((v) => printValue(v));
}

function describe(p: ChartProps): string {
  const from = printInstant((p.times[0] ?? 0) * 1000, p.zone);
  const to = printInstant((p.times.at(-1) ?? 0) * 1000, p.zone);
  return `Graph of ${p.names.length} series from ${from} to ${to}. The table tab shows the values as text.`;
}
