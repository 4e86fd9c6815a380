// `# HELP`, `# TYPE` and `# UNIT` lines.
import { decodeUtf8, type MetricType } from '@munjigi/model';
import { isUtf8, scanName, scanQuoted, skipBlank, unescape } from './series.ts';

type CommentKind = 'help' | 'type' | 'unit' | 'eof' | 'none';

/** One comment line: what it says of which metric; or `error`. */
export interface Comment {
  readonly kind: CommentKind;
  readonly metric: string;
  readonly text: string;
  readonly error: string | null;
}

/** Metric types by their number in a parser's tables. */
export const TYPES: readonly MetricType[] = [
  'unknown',
  'counter',
  'gauge',
  'histogram',
  'gaugehistogram',
  'summary',
  'info',
  'stateset',
];

const NONE: Comment = { kind: 'none', metric: '', text: '', error: null };
const EOF: Comment = { kind: 'eof', metric: '', text: '', error: null };
const TEXT_TYPES = new Map<string, MetricType>([
  ...(['counter', 'gauge', 'histogram', 'summary'] as const).map((t) => [t, t] as const),
  ['untyped', 'unknown'],
]);
const OPEN_TYPES = new Map<string, MetricType>(TYPES.map((t) => [t, t]));

/** Reads a line that begins with `#` at p and ends at `end` (the newline's place). */
export function readComment(b: Uint8Array, p: number, end: number, openMetrics: boolean): Comment {
  const blank = p + 1 < end && (b[p + 1] === 32 || b[p + 1] === 9);
  if (openMetrics && (!blank || b[p + 1] !== 32)) return bad('a comment is # HELP, # TYPE, # UNIT or # EOF');
  if (!blank) return NONE;
  const word = openMetrics ? p + 2 : skipBlank(b, p + 1, end);
  const kind = kindOf(b, word, end, openMetrics);
  if (kind === 'eof') return word + 3 === end ? EOF : bad('unexpected text after # EOF');
  if (kind === 'none') return openMetrics ? bad('a comment is # HELP, # TYPE, # UNIT or # EOF') : NONE;
  const at = openMetrics ? word + 5 : skipBlank(b, word + 4, end);
  const quoted = at < end && b[at] === 34;
  const nameEnd = quoted ? scanQuoted(b, at, end) : scanName(b, at, end);
  if (nameEnd <= at) return bad(`expected a metric name after ${kind.toUpperCase()}`);
  const metric = quoted ? unescape(b, at + 1, nameEnd - 1) : decodeUtf8(b, at, nameEnd);
  if (nameEnd < end && b[nameEnd] !== 32 && (openMetrics || b[nameEnd] !== 9)) {
    return bad(`unexpected character after the metric name ${metric}`);
  }
  if (openMetrics && nameEnd === end) return bad(`expected a text after ${kind.toUpperCase()} ${metric}`);
  const from = openMetrics ? nameEnd + 1 : skipBlank(b, nameEnd, end);
  if (!isUtf8(b, from, end)) return bad(`the text of ${kind.toUpperCase()} ${metric} is not valid UTF-8`);
  return finish(kind, metric, decodeUtf8(b, from, end), openMetrics);
}

function finish(kind: CommentKind, metric: string, text: string, openMetrics: boolean): Comment {
  if (kind === 'type') {
    const type = (openMetrics ? OPEN_TYPES : TEXT_TYPES).get(openMetrics ? text : text.trimEnd());
    if (type === undefined) return bad(`invalid metric type ${JSON.stringify(text)}`);
    return { kind, metric, text: type, error: null };
  }
  if (kind === 'unit') {
    if (text !== '' && !metric.endsWith(`_${text}`)) {
      return bad(`the unit ${JSON.stringify(text)} is not a suffix of the metric ${metric}`);
    }
    return { kind, metric, text, error: null };
  }
  const escapes = openMetrics ? /\\([\\"n])/g : /\\([\\n])/g;
  return { kind, metric, text: text.replace(escapes, (_, c: string) => (c === 'n' ? '\n' : c)), error: null };
}

function kindOf(b: Uint8Array, p: number, end: number, openMetrics: boolean): CommentKind {
  const word = decodeUtf8(b, p, Math.min(p + 4, end));
  const after = p + 4 < end ? b[p + 4]! : 0;
  if (openMetrics && word.startsWith('EOF')) return 'eof';
  if (after !== 32 && (openMetrics || after !== 9)) return 'none';
  if (word === 'HELP') return 'help';
  if (word === 'TYPE') return 'type';
  return word === 'UNIT' && openMetrics ? 'unit' : 'none';
}

function bad(error: string): Comment {
  return { kind: 'none', metric: '', text: '', error };
}
