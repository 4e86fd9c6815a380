// Results drawn on a terminal: lines over time in braille dots, or one bar a series of an instant query.
import { printLabels } from '@munjigi/model';
import type { Series } from './promql-query-answer.ts';
import { timeScale, valueScale } from './promql-query-scale.ts';
import type { Printer } from './tsdb/output.ts';

export interface PlotOptions {
  readonly columns: number;
  readonly colour: boolean;
}

/** Rows of the drawing itself. */
const ROWS = 16;
const MIN_COLUMNS = 20;
/** Series that the legend names; all are drawn. */
const MAX_LEGEND = 24;
/** The terminal's own colours, which its user can read on its ground: blue, yellow, green, magenta, cyan, red, then the bright ones. */
const COLOURS: readonly number[] = [34, 33, 32, 35, 36, 31, 94, 93, 92, 95, 96, 91];
/** What tells series apart where there are no colours. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';

/**
 * Draws series over [from_ms, to_ms]. Points further apart than gap_ms are not joined. Returns how many points could not be drawn
 * (histograms, NaN, infinities).
 */
export function plotLines(
  out: Printer,
  series: readonly Series[],
  time: { readonly from_ms: number; readonly to_ms: number; readonly gap_ms: number },
  { columns, colour }: PlotOptions,
): number {
  let least = Infinity;
  let most = -Infinity;
  let left = 0;
  for (const { points } of series)
    for (const { value } of points) {
      if (value === null || !Number.isFinite(value)) left++;
      else {
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
    }
  if (least > most) return left;
  const scale = valueScale(least, most, 5);
  const margin = Math.max(...scale.ticks.map(({ label }) => label.length));
  const width = Math.max(MIN_COLUMNS, columns - margin - 2);
  const dots = newDots(width, ROWS);
  const x = (t_ms: number): number =>
    Math.round(((t_ms - time.from_ms) / Math.max(1, time.to_ms - time.from_ms)) * (2 * width - 1));
  const y = (value: number): number =>
    Math.round((1 - (value - scale.least) / (scale.most - scale.least)) * (4 * ROWS - 1));
  series.forEach(({ points }, owner) => {
    let last: { x: number; y: number; t_ms: number } | null = null;
    for (const { t_ms, value } of points) {
      if (value === null || !Number.isFinite(value)) {
        last = null;
        continue;
      }
      const now = { x: x(t_ms), y: y(value), t_ms };
      const from: typeof now = last !== null && t_ms - last.t_ms <= time.gap_ms ? last : now;
      dots.line(from.x, from.y, now.x, now.y, owner);
      last = now;
    }
  });
  const letters = !colour && series.length > 1;
  const labels = new Map(scale.ticks.map(({ value, label }) => [Math.floor(y(value) / 4), label]));
  for (let row = 0; row < ROWS; row++) {
    const label = labels.get(row);
    let line = `${(label ?? '').padStart(margin)} ${label === undefined ? '│' : '┤'}`;
    for (let column = 0; column < width; column++) line += cell(dots, row * width + column, colour, letters);
    out.line(line.trimEnd());
  }
  timeAxis(out, time.from_ms, time.to_ms, margin, width);
  legend(out, series, colour, letters);
  return left;
}

interface Dots {
  /** A braille character's eight dots as bits, a cell. */
  readonly bits: Uint8Array;
  /** Whose line was drawn last there. */
  readonly owners: Int32Array;
  /** In dots, two by four a cell. */
  line(x0: number, y0: number, x1: number, y1: number, owner: number): void;
}

/** Bits of U+2800 and following, by row and column of the dot. */
const DOT: readonly number[] = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80];

function newDots(width: number, rows: number): Dots {
  const bits = new Uint8Array(width * rows);
  const owners = new Int32Array(width * rows);
  const set = (x: number, y: number, owner: number): void => {
    if (x < 0 || x >= 2 * width || y < 0 || y >= 4 * rows) return;
    const at = (y >> 2) * width + (x >> 1);
    bits[at]! |= DOT[2 * (y & 3) + (x & 1)]!;
    owners[at] = owner;
  };
  return {
    bits,
    owners,
    line(x0, y0, x1, y1, owner): void {
      const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0), 1);
      for (let i = 0; i <= steps; i++)
        set(Math.round(x0 + ((x1 - x0) * i) / steps), Math.round(y0 + ((y1 - y0) * i) / steps), owner);
    },
  };
}

function cell(dots: Dots, at: number, colour: boolean, letters: boolean): string {
  const bits = dots.bits[at]!;
  if (bits === 0) return ' ';
  if (letters) return letterOf(dots.owners[at]!);
  return painted(String.fromCharCode(0x2800 + bits), dots.owners[at]!, colour);
}

function painted(text: string, owner: number, colour: boolean): string {
  return colour ? `\x1b[${COLOURS[owner % COLOURS.length]}m${text}\x1b[39m` : text;
}

function letterOf(owner: number): string {
  return LETTERS[owner % LETTERS.length]!;
}

function timeAxis(out: Printer, from_ms: number, to_ms: number, margin: number, width: number): void {
  const { ticks, day } = timeScale(from_ms, to_ms, Math.max(2, Math.floor(width / 12)));
  const rule = Array.from({ length: width }, () => '─');
  const names = Array.from({ length: width }, () => ' ');
  let free = 0;
  for (const { t_ms, label } of ticks) {
    const at = Math.round(((t_ms - from_ms) / Math.max(1, to_ms - from_ms)) * (width - 1));
    const start = Math.min(Math.max(0, at - (label.length >> 1)), width - label.length);
    if (start < free) continue;
    rule[at] = '┬';
    for (let i = 0; i < label.length; i++) names[start + i] = label[i]!;
    free = start + label.length + 2;
  }
  out.line(`${' '.repeat(margin)} └${rule.join('')}`);
  out.line(`${' '.repeat(margin)}  ${names.join('')}`.trimEnd());
  out.line(`${' '.repeat(margin)}  ${day}`);
}

function legend(out: Printer, series: readonly Series[], colour: boolean, letters: boolean): void {
  series.slice(0, MAX_LEGEND).forEach(({ labels }, owner) => {
    const mark = letters ? letterOf(owner) : painted('━━', owner, colour);
    out.line(`${mark} ${printLabels(labels)}`);
  });
  if (series.length > MAX_LEGEND) out.line(`and ${series.length - MAX_LEGEND} more`);
}

/** Eighths of a cell. */
const EIGHTHS = ' ▏▎▍▌▋▊▉█';

/** One bar a series, as long as its value is big; of negative ones it is a rule. Returns how many have none. */
export function plotBars(out: Printer, series: readonly Series[], { columns, colour }: PlotOptions): number {
  const rows = series.map(({ labels, points }) => ({
    name: printLabels(labels),
    text: points[0]?.text ?? '',
    value: points[0]?.value ?? NaN,
  }));
  const finite = rows.map(({ value }) => Math.abs(value)).filter(Number.isFinite);
  const most = Math.max(0, ...finite);
  const valueWidth = Math.max(0, ...rows.map(({ text, value }) => (Number.isNaN(value) ? 0 : text.length)));
  const nameWidth = Math.min(Math.max(0, ...rows.map(({ name }) => name.length)), Math.floor(columns / 2));
  const room = Math.max(8, columns - nameWidth - valueWidth - 4);
  let left = 0;
  rows.forEach(({ name, text, value }, owner) => {
    const size = Number.isFinite(value) && most > 0 ? (Math.abs(value) / most) * room : 0;
    if (!Number.isFinite(value)) left++;
    const bar =
      value < 0
        ? '─'.repeat(Math.max(1, Math.round(size)))
        : `${'█'.repeat(Math.floor(size))}${EIGHTHS[Math.floor((size % 1) * 8)]!.trim()}`;
    const cut = name.length > nameWidth ? `${name.slice(0, nameWidth - 1)}…` : name.padEnd(nameWidth);
    out.line(`${cut}  ${text.padStart(valueWidth)}  ${painted(bar, owner, colour)}`.trimEnd());
  });
  return left;
}
