// Series lines of test scripts: `name{labels} 1 2 3+1x4 _ stale`.
import { labelsFrom, parseNumber, setStale, type Labels } from '@munjigi/model';
import { parse } from '../parse.ts';

/** One value of a series line; `bits` keeps staleness marks. Null: histograms, which are not supported yet. */
export interface SeriesLine {
  readonly labels: Labels;
  readonly values: Float64Array;
  readonly omitted: Uint8Array;
  /** The line holds native histograms. */
  readonly histograms: boolean;
}

/** Splits `name{...} values`; throws an Error that says what is wrong. */
export function parseSeriesLine(line: string): SeriesLine {
  const end = endOfLabels(line);
  const labels = parseLabels(line.slice(0, end));
  return { labels, ...parseValues(line.slice(end).trim()) };
}

/** Where the metric ends: after its braces, or at the first space. */
function endOfLabels(line: string): number {
  let quote = '';
  let inBraces = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i]!;
    if (quote !== '') {
      if (c === '\\' && quote !== '`') i++;
      else if (c === quote) quote = '';
    } else if (c === '"' || c === "'" || c === '`') quote = c;
    else if (c === '{') inBraces = true;
    else if (c === '}') return i + 1;
    else if (!inBraces && /\s/.test(c)) {
      const rest = line.slice(i).trimStart();
      // A space may stand between the name and its braces, but `{{` begins a histogram.
      if (!rest.startsWith('{') || rest.startsWith('{{')) return i;
    }
  }
  return line.length;
}

/** Labels of a series description: a selector with only equality. */
export function parseLabels(text: string): Labels {
  if (text.replaceAll(/\s/g, '') === '{}') return labelsFrom([]);
  const parsed = parse(text, { unquotedUtf8Names: true });
  if ('errors' in parsed) {
    // `{a=""}` selects nothing but describes a series.
    if (/^\s*\{/.test(text))
      return parseLabels(`x${text}`).length > 0 ? withoutName(parseLabels(`x${text}`)) : labelsFrom([]);
    throw new Error(`${text}: ${parsed.errors[0]!.message}`);
  }
  if (parsed.expr.kind !== 'vector') throw new Error(`${text}: no series`);
  return labelsFrom(parsed.expr.matchers.map((m): [string, string] => [m.name, m.value]));
}

function withoutName(l: Labels): Labels {
  const pairs: [string, string][] = [];
  for (let i = 0; i < l.length; i += 2) if (l[i] !== '__name__') pairs.push([l[i]!, l[i + 1]!]);
  return labelsFrom(pairs);
}

/** No hexadecimal here: `0x4` is five zeros. */
const NUMBER = '(?:inf|nan|(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:e[+-]?[0-9]+)?)';
const ITEM = new RegExp(`^(?<first>[+-]?${NUMBER})(?<step>[+-]${NUMBER})?(?:x(?<times>[0-9]+))?$`, 'i');

function parseValues(text: string): Omit<SeriesLine, 'labels'> {
  if (text.includes('{{'))
    return { values: new Float64Array(0), omitted: new Uint8Array(0), histograms: true };
  const values: number[] = [];
  const kinds: ('value' | 'gap' | 'stale')[] = [];
  for (const item of text.split(/[ \t]+/)) {
    if (item === '') continue;
    if (item === 'stale') {
      values.push(0);
      kinds.push('stale');
      continue;
    }
    const gap = /^_(?:x([0-9]+))?$/.exec(item);
    if (gap !== null) {
      for (let i = 0; i < Number(gap[1] ?? 1); i++) {
        values.push(0);
        kinds.push('gap');
      }
      continue;
    }
    const parts = ITEM.exec(item)?.groups;
    if (parts === undefined) throw new Error(`bad value ${item}`);
    let value = numberOf(parts['first']!);
    const step = parts['step'] === undefined ? 0 : numberOf(parts['step']);
    const times = parts['times'] === undefined ? 0 : Number(parts['times']);
    for (let i = 0; i <= times; i++) {
      values.push(value);
      kinds.push('value');
      value += step;
    }
  }
  const out = Float64Array.from(values);
  const bits = new Uint32Array(out.buffer);
  const omitted = Uint8Array.from(kinds, (k) => (k === 'gap' ? 1 : 0));
  kinds.forEach((k, i) => {
    if (k === 'stale') setStale(bits, i);
  });
  return { values: out, omitted, histograms: false };
}

function numberOf(text: string): number {
  const parsed = parseNumber(text);
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed.value;
}
