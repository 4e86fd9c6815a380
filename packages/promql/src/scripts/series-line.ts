// Series descriptions of test scripts, as in Prometheus' unit tests: `name{label="value"} 1 2+3x4 _ stale {{count:1}}x3`.
import { labelsFrom, METRIC_NAME, parseDuration, parseNumber, setStale, type Labels } from '@munjigi/model';
import { CELL } from '../fragment.ts';
import type { Histogram } from '../histogram/histogram.ts';
import { readHistogramItem } from '../histogram/parse.ts';
import { unquote } from '../string-literal.ts';

/** Samples that one line may describe. */
const MAX_ITEMS = 1_000_000;

/** Item i is nothing, values[i] or histograms[i], as kind[i] says (CELL). Staleness marks stand in `values` by their bits. */
export interface Items {
  readonly kind: Uint8Array;
  readonly values: Float64Array;
  readonly histograms: readonly (Histogram | null)[];
  /** 1: the literal names the counter reset hint, so that a comparison looks at it. */
  readonly hinted: Uint8Array;
}

export interface SeriesLine extends Items {
  readonly labels: Labels;
}

/** Reads `name{...} items`. Throws an Error that says what is wrong. */
export function parseSeriesLine(line: string): SeriesLine {
  const { labels, end } = parseMetric(line);
  return { labels, ...parseItems(line.slice(end)) };
}

/** Whether the line gives the start timestamps of the series in the next line: `name{...}@st items`. */
export function isStartTimesLine(line: string): boolean {
  return /^[^ \t]*@st[ \t]/.test(line);
}

/** Of such a line: per sample the distance of its start timestamp from its own one in ms; NaN where there is none. Throws an Error. */
export function parseStartTimesLine(line: string): { labels: Labels; distance_ms: Float64Array } {
  const at = line.search(/[ \t]/);
  const { labels, end } = parseMetric(line.slice(0, at - '@st'.length));
  if (end !== at - '@st'.length) throw new Error(`invalid @st line metric ${line.slice(0, at)}`);
  const out: number[] = [];
  for (const item of line.slice(at).split(/[ \t]+/)) if (item !== '') startTimes(item, out);
  return { labels, distance_ms: Float64Array.from(out) };
}

const OFFSET = '[+-]?[0-9]+[a-wyzA-Z]*';
const START_ITEM = new RegExp(
  `^(?<first>${OFFSET})(?:(?<sign>[+-])(?<step>${OFFSET}))?(?:x(?<times>[0-9]+))?$`,
);

function startTimes(item: string, out: number[]): void {
  const gap = gapOf(item);
  if (gap >= 0) {
    repeat(item, gap, out.length, () => out.push(NaN));
    return;
  }
  const parts = START_ITEM.exec(item)?.groups;
  if (parts === undefined || (parts['step'] !== undefined && parts['times'] === undefined))
    throw new Error(`invalid ST item ${item}`);
  let distance = offsetOf(parts['first']!);
  const step = parts['step'] === undefined ? 0 : offsetOf(parts['step']);
  repeat(item, timesOf(parts['times']), out.length, () => {
    out.push(distance);
    distance += parts['sign'] === '-' ? -step : step;
  });
}

function offsetOf(text: string): number {
  const signed = text.startsWith('-') || text.startsWith('+');
  const parsed = parseDuration(signed ? text.slice(1) : text);
  if ('error' in parsed) throw new Error(`invalid duration ${text}: ${parsed.error}`);
  return text.startsWith('-') ? -parsed.ms : parsed.ms;
}

/** How many gaps `_` or `_x3` means; -1: it is none. */
function gapOf(item: string): number {
  const gap = /^_(?:x([0-9]+))?$/.exec(item);
  return gap === null ? -1 : Number(gap[1] ?? 1);
}

/** `x4` stands behind the first of five. */
function timesOf(digits: string | undefined): number {
  return 1 + Number(digits ?? 0);
}

function checkCount(item: string, count: number): void {
  if (count > MAX_ITEMS) throw new Error(`${item}: a line has at most ${MAX_ITEMS} items`);
}

function repeat(item: string, times: number, before: number, add: () => void): void {
  checkCount(item, before + times);
  for (let i = 0; i < times; i++) add();
}

const NAME = /[\p{L}_:][\p{L}0-9_:.]*/uy;
const LABEL_NAME = /[\p{L}_][\p{L}0-9_.]*/uy;
const ESCAPE = String.raw`\\(?:[abfnrtv\\'"]|[0-7]{3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8})`;
const STRING = new RegExp(`"(?:[^"\\\\]|${ESCAPE})*"|'(?:[^'\\\\]|${ESCAPE})*'|\`[^\`]*\``, 'y');
const SPACE = /[ \t]*/y;

/** The value of a string literal; null: `text` is none. */
export function stringOf(text: string): string | null {
  STRING.lastIndex = 0;
  return STRING.exec(text)?.[0] === text ? unquote(text).value : null;
}

/** The labels at the beginning of a line, and where they end. Labels without a value are left out. Throws an Error. */
function parseMetric(line: string): { labels: Labels; end: number } {
  const pairs: [string, string][] = [];
  let at = 0;
  const take = (what: RegExp): string | null => {
    what.lastIndex = at;
    const found = what.exec(line);
    if (found === null) return null;
    at += found[0].length;
    return found[0];
  };
  const string = (): string | null => {
    const found = take(STRING);
    return found === null ? null : unquote(found).value;
  };
  const skip = (c: string): boolean => {
    take(SPACE);
    if (line[at] !== c) return false;
    at++;
    take(SPACE);
    return true;
  };
  const failed = (wanted: string): Error =>
    new Error(
      `series ${line}: unexpected ${at < line.length ? JSON.stringify(line.slice(at, at + 10)) : 'end of line'} at character ${at + 1}, expected ${wanted}`,
    );

  const name = take(NAME);
  if (name !== null) pairs.push([METRIC_NAME, name]);
  else if (line[at] !== '{') throw failed('a metric name or "{"');
  if (line[at] !== '{') return { labels: labelsFrom(pairs), end: at };
  skip('{');
  while (line[at] !== '}') {
    const quoted = string();
    const label = quoted ?? take(LABEL_NAME);
    if (label === null) throw failed('a label name or "}"');
    if (skip('=')) {
      const value = string();
      if (value === null) throw failed('a string');
      if (value !== '') pairs.push([label, value]);
    } else if (quoted === null) throw failed('"="');
    else pairs.push([METRIC_NAME, quoted]);
    if (!skip(',') && line[at] !== '}') throw failed('"," or "}"');
  }
  at++;
  const names = new Set(pairs.map(([label]) => label));
  if (names.size < pairs.length) throw new Error(`series ${line.slice(0, at)}: a label stands there twice`);
  return { labels: labelsFrom(pairs), end: at };
}

/** No hexadecimal here: `0x4` is five zeros. */
const NUMBER = '(?:inf|nan|(?:[0-9][0-9_]*\\.?[0-9]*|\\.[0-9]+)(?:e[+-]?[0-9]+)?)';
const FLOAT_ITEM = new RegExp(
  `^(?<first>[+-]?${NUMBER})(?:(?<step>[+-]${NUMBER})x(?<times>[0-9]+)|x(?<copies>[0-9]+))?$`,
  'i',
);
const ITEM = /[^ \t]+/y;

class Builder {
  readonly kinds: number[] = [];
  readonly values: number[] = [];
  readonly stale: number[] = [];
  readonly histograms: (Histogram | null)[] = [];
  readonly hinted: number[] = [];

  add(kind: number, value: number, histogram: Histogram | null, hinted: boolean): void {
    this.kinds.push(kind);
    this.values.push(value);
    this.histograms.push(histogram);
    this.hinted.push(hinted ? 1 : 0);
  }

  items(): Items {
    const values = Float64Array.from(this.values);
    const bits = new Uint32Array(values.buffer);
    for (const i of this.stale) setStale(bits, i);
    return {
      kind: Uint8Array.from(this.kinds),
      values,
      histograms: this.histograms,
      hinted: Uint8Array.from(this.hinted),
    };
  }
}

function parseItems(text: string): Items {
  const b = new Builder();
  let at = 0;
  for (;;) {
    const from = at;
    SPACE.lastIndex = at;
    at += SPACE.exec(text)![0].length;
    if (at === text.length) return b.items();
    if (at === from) throw new Error(`series values: unexpected ${JSON.stringify(text.slice(at, at + 10))}`);
    if (text.startsWith('{{', at)) at = addHistograms(b, text, at);
    else {
      ITEM.lastIndex = at;
      const item = ITEM.exec(text)![0];
      addItem(b, item);
      at += item.length;
    }
  }
}

const COPIES = /\}\}x([0-9]+)/g;

/** Adds the histograms of the item at `at`; where it ends. */
function addHistograms(b: Builder, text: string, at: number): number {
  for (const [item, times] of text.slice(at).matchAll(COPIES))
    checkCount(item, b.kinds.length + Number(times));
  const item = readHistogramItem(text, at);
  if ('error' in item)
    throw new Error(`series values: ${item.error} at character ${item.at + 1} of the values`);
  for (const h of item.histograms) b.add(CELL.histogram, 0, h, item.hintSet);
  return item.end;
}

function addItem(b: Builder, item: string): void {
  const before = b.kinds.length;
  const gap = gapOf(item);
  if (gap >= 0) {
    repeat(item, gap, before, () => b.add(CELL.absent, 0, null, false));
    return;
  }
  if (item === 'stale') {
    b.stale.push(before);
    b.add(CELL.float, 0, null, false);
    return;
  }
  const parts = FLOAT_ITEM.exec(item)?.groups;
  if (parts === undefined)
    throw new Error(`series values: unexpected ${item}, expected a number, a histogram, "_" or "stale"`);
  let value = numberOf(parts['first']!);
  const step = parts['step'] === undefined ? 0 : numberOf(parts['step']);
  const times = timesOf(parts['times'] ?? parts['copies']);
  repeat(item, times, before, () => {
    b.add(CELL.float, value, null, false);
    value += step;
  });
}

function numberOf(text: string): number {
  const parsed = parseNumber(text);
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed.value;
}
