// One series as it is written: `name{label="value", ...}` or `{"quoted name", label="value"}`. `scanSeries` finds its end and checks its
// grammar on bytes; `decodeSeries` makes Labels of it.
import {
  compareText,
  decodeUtf8,
  formatNumber,
  labelsFromSorted,
  METRIC_NAME,
  type Labels,
} from '@munjigi/model';
import { textOf } from './texts.ts';

/** What the scan found: `end` is behind the series, or -1 and `reason` and `at` say what was wrong where. */
export interface SeriesScan {
  end: number;
  at: number;
  reason: string;
}

const NAME_START = 1;
const NAME = 2;
const LABEL_START = 4;
const LABEL = 8;
/** What a byte may be in names. ':' is for metric names only. */
const CLASS: Uint8Array = Uint8Array.from({ length: 256 }, (_, c) => {
  const letter = (c >= 65 && c <= 90) || (c >= 97 && c <= 122) || c === 95;
  const digit = c >= 48 && c <= 57;
  return letter ? 15 : digit ? NAME | LABEL : c === 58 ? NAME_START | NAME : 0;
});

/** The end of a metric name that begins at p; p itself when none does. */
export function scanName(b: Uint8Array, p: number, end: number): number {
  if (p >= end || (CLASS[b[p]!]! & NAME_START) === 0) return p;
  while (p < end && (CLASS[b[p]!]! & NAME) !== 0) p++;
  return p;
}

function scanLabelName(b: Uint8Array, p: number, end: number): number {
  if (p >= end || (CLASS[b[p]!]! & LABEL_START) === 0) return p;
  while (p < end && (CLASS[b[p]!]! & LABEL) !== 0) p++;
  return p;
}

/** The end of a quoted text whose `"` is at p, or -1: not closed on this line. */
export function scanQuoted(b: Uint8Array, p: number, end: number): number {
  for (let q = p + 1; q < end; q++) {
    const c = b[q]!;
    if (c === 34) return q + 1;
    if (c === 10) return -1;
    if (c === 92) {
      if (q + 1 >= end || b[q + 1] === 10) return -1;
      q++;
    }
  }
  return -1;
}

/**
 * Scans a series at p, in a line that ends at `end`. `strict` (OpenMetrics) allows no space inside and wants commas between labels; the
 * text format takes both loosely, as Prometheus does. `maxLabels` bounds the label pairs.
 */
export function scanSeries(
  b: Uint8Array,
  p: number,
  end: number,
  strict: boolean,
  maxLabels: number,
  out: SeriesScan,
): void {
  const nameEnd = scanName(b, p, end);
  const named = nameEnd > p;
  let q = strict ? nameEnd : skipBlank(b, nameEnd, end);
  if (q < end && b[q] === 123) return scanBraces(b, q, end, named, strict, maxLabels, out);
  if (!named) return fail(out, p, 'a line begins with a metric name, { or #');
  q = nameEnd;
  out.end = q;
}

/** `{...}` at p: labels, and the metric's name in quotes unless it stood before. */
export function scanBraces(
  b: Uint8Array,
  p: number,
  end: number,
  named: boolean,
  strict: boolean,
  maxLabels: number,
  out: SeriesScan,
): void {
  let q = strict ? p + 1 : skipBlank(b, p + 1, end);
  let count = 0;
  while (q < end && b[q] !== 125) {
    const quoted = b[q] === 34;
    const partEnd = quoted ? scanQuoted(b, q, end) : scanLabelName(b, q, end);
    if (partEnd < 0) return fail(out, q, 'a quoted name has no closing quote on its line');
    if (partEnd === q) return fail(out, q, `expected a label name, got ${printByte(b, q, end)}`);
    if (quoted && !isUtf8(b, q, partEnd)) return fail(out, q, 'a name is not valid UTF-8');
    let r = strict ? partEnd : skipBlank(b, partEnd, end);
    if (r < end && b[r] === 61) {
      r = strict ? r + 1 : skipBlank(b, r + 1, end);
      if (r >= end || b[r] !== 34)
        return fail(out, r, `expected a label value in double quotes, got ${printByte(b, r, end)}`);
      const valueEnd = scanQuoted(b, r, end);
      if (valueEnd < 0) return fail(out, r, 'a label value has no closing quote on its line');
      if (!isUtf8(b, r, valueEnd)) return fail(out, r, 'a label value is not valid UTF-8');
      if (++count > maxLabels) return fail(out, q, `more than ${maxLabels} labels`);
      r = strict ? valueEnd : skipBlank(b, valueEnd, end);
    } else if (quoted) {
      if (named) return fail(out, q, 'a second metric name');
      if (partEnd - q === 2) return fail(out, q, 'the metric name is empty');
      named = true;
    } else return fail(out, r, `expected = after a label name, got ${printByte(b, r, end)}`);
    if (r < end && b[r] === 44) q = strict ? r + 1 : skipBlank(b, r + 1, end);
    else if (strict && !(r < end && b[r] === 125))
      return fail(out, r, `expected a comma or }, got ${printByte(b, r, end)}`);
    else q = r;
  }
  if (q >= end) return fail(out, q, 'the labels have no closing brace');
  if (!named) return fail(out, p, 'the series has no metric name');
  out.end = q + 1;
}

function fail(out: SeriesScan, at: number, reason: string): void {
  out.end = -1;
  out.at = at;
  out.reason = reason;
}

export function skipBlank(b: Uint8Array, p: number, end: number): number {
  while (p < end && (b[p] === 32 || b[p] === 9)) p++;
  return p;
}

/** A byte for a message: 'end of line', or the text from there, shortened. */
export function printByte(b: Uint8Array, p: number, end: number): string {
  if (p >= end) return 'the end of the line';
  return JSON.stringify(decodeUtf8(b, p, Math.min(end, p + 12)));
}

/** `bucket`: how the labels `le` and `quantile` are written anew ("1" as "1.0"), or '' for neither. */
export type FloatLabel = 'le' | 'quantile' | '';

export interface DecodedSeries {
  readonly labels: Labels;
  /** A label name that stands twice, or null. */
  readonly duplicate: string | null;
}

/** Labels of a series that `scanSeries` has accepted. Labels with empty values are left out. */
export function decodeSeries(b: Uint8Array, from: number, to: number, floatLabel: FloatLabel): DecodedSeries {
  const flat: string[] = [];
  let p = scanName(b, from, to);
  if (p > from) flat.push(METRIC_NAME, textOf(b, from, p));
  while (p < to) {
    const c = b[p]!;
    if (c === 123 || c === 125 || c === 44 || c === 32 || c === 9) {
      p++;
      continue;
    }
    const quoted = c === 34;
    const end = quoted ? scanQuoted(b, p, to) : scanLabelName(b, p, to);
    const name = quoted ? unescape(b, p + 1, end - 1) : textOf(b, p, end);
    p = skipBlank(b, end, to);
    if (b[p] !== 61) {
      flat.push(METRIC_NAME, name);
      continue;
    }
    p = skipBlank(b, p + 1, to);
    const valueEnd = scanQuoted(b, p, to);
    let value = unescape(b, p + 1, valueEnd - 1);
    if (floatLabel !== '' && name === floatLabel) value = normalFloat(value);
    flat.push(name, value);
    p = valueEnd;
  }
  return sortPairs(flat);
}

/** Sorts by insertion, in place: label sets are short and mostly in order. */
function sortPairs(flat: string[]): DecodedSeries {
  let duplicate: string | null = null;
  let empty = false;
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i]!;
    const value = flat[i + 1]!;
    if (value === '') empty = true;
    let k = i;
    for (; k > 0; k -= 2) {
      const order = compareText(flat[k - 2]!, name);
      if (order === 0) duplicate = name;
      if (order <= 0) break;
      flat[k] = flat[k - 2]!;
      flat[k + 1] = flat[k - 1]!;
    }
    flat[k] = name;
    flat[k + 1] = value;
  }
  if (empty || duplicate !== null) return { labels: labelsFromSorted(strict(flat)), duplicate };
  return { labels: labelsFromSorted(flat), duplicate };
}

/** Without empty values, each name once. */
function strict(flat: readonly string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i < flat.length; i += 2) {
    if (flat[i + 1] !== '' && flat[i] !== flat[i - 2]) kept.push(flat[i]!, flat[i + 1]!);
  }
  return kept;
}

/** `1` as `1.0`: clients write bucket bounds in both ways, and one series must not become two. Not a number: as it was. */
function normalFloat(text: string): string {
  if (!/^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/.test(text)) {
    return /^[-+]?inf(?:inity)?$/i.test(text) ? (text.startsWith('-') ? '-Inf' : '+Inf') : text;
  }
  const value = Number(text);
  const size = Math.abs(value);
  const printed = formatNumber(value, size !== 0 && (size < 1e-4 || size >= 1e21) ? 'g' : 'f');
  return /[.e]/.test(printed) ? printed : `${printed}.0`;
}

/** `\\`, `\"` and `\n`; another escaped character keeps its backslash. */
export function unescape(b: Uint8Array, from: number, to: number): string {
  const text = textOf(b, from, to);
  if (!text.includes('\\')) return text;
  return text.replace(/\\([\\"n])/g, (_, c: string) => (c === 'n' ? '\n' : c));
}

/** Whether the bytes are UTF-8 (no surrogates, shortest forms, up to U+10FFFF). */
export function isUtf8(b: Uint8Array, from: number, to: number): boolean {
  let i = from;
  while (i < to) {
    const c = b[i]!;
    if (c < 0x80) {
      i++;
      continue;
    }
    const size = c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (size === 0 || i + size > to) return false;
    for (let k = 1; k < size; k++) if ((b[i + k]! & 0xc0) !== 0x80) return false;
    const second = b[i + 1]!;
    if ((c === 0xe0 && second < 0xa0) || (c === 0xed && second > 0x9f)) return false;
    if ((c === 0xf0 && second < 0x90) || (c === 0xf4 && second > 0x8f)) return false;
    i += size;
  }
  return true;
}
