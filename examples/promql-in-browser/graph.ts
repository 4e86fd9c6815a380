// Rows over time as an SVG: lines that break where there is no point, round ticks, times of UTC.
import { clockText, type Row } from './rows.ts';

const NS = 'http://www.w3.org/2000/svg';
const HEIGHT = 260;
const MARGIN = { top: 10, right: 20, bottom: 24, left: 48 } as const;
export const COLOURS = 8;

interface Span {
  readonly start_ms: number;
  readonly end_ms: number;
  readonly step_ms: number;
}

/** null: there is no finite number to draw. */
export function drawGraph(rows: readonly Row[], span: Span, width: number): SVGElement | null {
  let least = Infinity;
  let most = -Infinity;
  for (const { points } of rows)
    for (const { value } of points)
      if (Number.isFinite(value)) {
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
  if (least > most) return null;
  const values = roundTicks(least, most, 5);
  const [low, high] = [values[0]!, values.at(-1)!];
  const x = (t_ms: number): number =>
    MARGIN.left +
    ((t_ms - span.start_ms) / (span.end_ms - span.start_ms)) * (width - MARGIN.left - MARGIN.right);
  const y = (value: number): number =>
    MARGIN.top + (1 - (value - low) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);

  const svg = shape('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: 'img' });
  svg.setAttribute('aria-label', `${rows.length} series over time`);
  for (const value of values) {
    svg.append(
      shape('line', { class: 'grid', x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
      label(MARGIN.left - 8, y(value) + 4, 'end', valueText(value, high - low)),
    );
  }
  for (const t_ms of timeTicks(span, Math.max(2, Math.floor(width / 110)))) {
    svg.append(
      shape('line', { class: 'grid', x1: x(t_ms), x2: x(t_ms), y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }),
      label(x(t_ms), HEIGHT - 6, 'middle', clockText(t_ms).slice(0, 5)),
    );
  }
  rows.forEach(({ name, points }, i) => {
    const line = shape('path', { class: `series c${i % COLOURS}`, d: pathOf(points, x, y, span.step_ms) });
    const title = shape('title', {});
    title.textContent = name;
    line.append(title);
    svg.append(line);
  });
  return svg;
}

/** A point alone is drawn as a dot: a line of no length with round ends. */
function pathOf(
  points: Row['points'],
  x: (t_ms: number) => number,
  y: (value: number) => number,
  step_ms: number,
): string {
  let path = '';
  let last_ms = -Infinity;
  for (const { t_ms, value } of points) {
    if (!Number.isFinite(value)) continue;
    const at = `${x(t_ms).toFixed(1)} ${y(value).toFixed(1)}`;
    path += t_ms - last_ms > 1.5 * step_ms ? `M${at}h0` : `L${at}`;
    last_ms = t_ms;
  }
  return path;
}

function shape(name: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}

function label(x: number, y: number, anchor: string, text: string): SVGElement {
  const made = shape('text', { x, y, 'text-anchor': anchor });
  made.textContent = text;
  return made;
}

/** About `count` values on 1, 2 or 5 times a power of ten, around both. */
function roundTicks(least: number, most: number, count: number): number[] {
  const spread = most > least ? most - least : Math.abs(most) || 1;
  const power = 10 ** Math.floor(Math.log10(spread / count));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= spread / count) ?? 10);
  const from = Math.floor((most > least ? least : least - spread / 2) / step);
  const to = Math.ceil((most > least ? most : most + spread / 2) / step);
  return Array.from({ length: Math.min(to - from, 20) + 1 }, (_, k) => (from + k) * step);
}

function valueText(value: number, spread: number): string {
  const [scale, unit] =
    spread >= 1e9 ? [1e9, 'G'] : spread >= 1e6 ? [1e6, 'M'] : spread >= 1e4 ? [1e3, 'k'] : [1, ''];
  const digits = Math.max(0, Math.min(12, 1 - Math.floor(Math.log10(spread / scale))));
  return `${Number((value / scale).toFixed(digits))}${unit}`;
}

const TIME_STEPS_MIN: readonly number[] = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440];

function timeTicks({ start_ms, end_ms }: Span, count: number): number[] {
  const step = 60_000 * (TIME_STEPS_MIN.find((m) => (end_ms - start_ms) / (m * 60_000) <= count) ?? 10_080);
  const ticks: number[] = [];
  for (let t = Math.ceil(start_ms / step) * step; t <= end_ms && ticks.length < 50; t += step) ticks.push(t);
  return ticks;
}
