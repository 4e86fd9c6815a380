// Runs Prometheus' test scripts (`load`, `clear`, `eval` with expectations) against this engine.
import { compareLabels, isStale, parseDuration, printLabels, type Labels } from '@munjigi/model';
import type { Expr } from '../ast.ts';
import { parse } from '../parse.ts';
import { printExpr } from '../print.ts';
import { MemoryStore, queryOnce } from './store.ts';
import { eachPoint, type Result } from '../result.ts';
import { parseLabels, parseSeriesLine, type SeriesLine } from './values.ts';

export interface TestCase {
  readonly line: number;
  readonly kind: 'clear' | 'load' | 'eval';
  readonly head: string;
  readonly body: readonly string[];
}

export interface TestFileResult {
  readonly passed: number;
  /** `line: what is wrong`. */
  readonly failures: readonly string[];
}

/** Splits a script into its commands: an empty line or a comment ends a block. */
export function parseTestFile(text: string): TestCase[] {
  const cases: TestCase[] = [];
  let open: { line: number; kind: TestCase['kind']; head: string; body: string[] } | null = null;
  text.split('\n').forEach((raw, i) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) {
      open = null;
      return;
    }
    if (open !== null) {
      open.body.push(line);
      return;
    }
    const word = line.split(/\s/)[0]!.toLowerCase();
    const kind = word === 'clear' ? 'clear' : word.startsWith('load') ? 'load' : 'eval';
    const made = { line: i + 1, kind, head: line, body: [] as string[] } as const;
    cases.push(made);
    open = kind === 'clear' ? null : { ...made };
  });
  return cases;
}

/** Runs a script; every `eval` counts as one, together with its repetitions. */
export async function runTestFile(text: string): Promise<TestFileResult> {
  let store = new MemoryStore();
  let skipped = '';
  let passed = 0;
  const failures: string[] = [];
  for (const c of parseTestFile(text)) {
    if (c.kind === 'clear') {
      store = new MemoryStore();
      skipped = '';
    } else if (c.kind === 'load') skipped = load(store, c) || skipped;
    else {
      const failure = await evaluate(store, c);
      if (failure === '') passed++;
      else failures.push(`${c.line}: ${c.head}: ${failure}${skipped === '' ? '' : ` (${skipped})`}`);
    }
  }
  return { passed, failures };
}

function load(store: MemoryStore, c: TestCase): string {
  const step = msOf(c.head.split(/\s+/)[1]!);
  let note = c.head.startsWith('load_with_nhcb') ? 'custom-bucket histograms are not loaded' : '';
  const lines = new Map<string, SeriesLine>();
  for (const text of c.body) {
    if (/^\S*@st\s/.test(text) || /\}@st\s/.test(text)) {
      note = 'start timestamps are not loaded';
      continue;
    }
    const line = parseSeriesLine(text);
    if (line.histograms) note = 'native histograms are not loaded';
    else lines.set(printLabels(line.labels), line);
  }
  for (const line of lines.values()) {
    const times: number[] = [];
    const kept = new Float64Array(line.values.length);
    const from = new Uint32Array(line.values.buffer);
    const to = new Uint32Array(kept.buffer);
    line.omitted.forEach((omitted, i) => {
      if (omitted === 1) return;
      to[2 * times.length] = from[2 * i]!;
      to[2 * times.length + 1] = from[2 * i + 1]!;
      times.push(i * step);
    });
    store.add(line.labels, times, kept);
  }
  return note;
}

function msOf(text: string): number {
  const negative = text.startsWith('-');
  const parsed = parseDuration(negative ? text.slice(1) : text);
  if ('error' in parsed) throw new Error(parsed.error);
  return negative ? -parsed.ms : parsed.ms;
}

interface Expectation {
  fail: string | null;
  failMatches: (message: string) => boolean;
  ordered: boolean;
  annotations: { readonly kind: string; readonly test: ((message: string) => boolean) | null }[];
  range: { readonly start: number; readonly end: number; readonly step: number } | null;
  string: string | null;
  scalar: number | null;
  series: { readonly labels: Labels; readonly line: SeriesLine }[];
}

const HEAD =
  /^(?<word>eval\w*)\s+(?:instant\s+at\s+(?<at>\S+)|range\s+from\s+(?<from>\S+)\s+to\s+(?<to>\S+)\s+step\s+(?<step>\S+))\s+(?<expr>.+)$/;

async function evaluate(store: MemoryStore, c: TestCase): Promise<string> {
  const head = HEAD.exec(c.head)?.groups;
  if (head === undefined) return 'no eval command';
  const instant = head['at'] !== undefined;
  const start_ms = msOf(head['at'] ?? head['from']!);
  const end_ms = instant ? start_ms : msOf(head['to']!);
  const step_ms = instant ? 0 : msOf(head['step']!);
  let want: Expectation;
  try {
    want = expectationOf(c, head['word']!);
  } catch (error) {
    return `bad expectation: ${messageOf(error)}`;
  }
  let got: Result;
  try {
    got = await queryOnce(store, head['expr']!, {
      start_ms,
      end_ms,
      step_ms,
      delayedNameRemoval: true,
      parser: { unquotedUtf8Names: true },
    });
  } catch (error) {
    const message = messageOf(error).replace(/^\d+:\d+: (?:parse error: )?/, '');
    if (want.fail === null || /not supported yet/.test(message)) return `failed: ${message}`;
    return want.failMatches(message) ? '' : `failed with ${message}, not as expected: ${want.fail}`;
  }
  if (want.fail !== null) return 'should fail';
  const differs =
    annotationsDiffer(got, want) ||
    resultsDiffer(got, want, instant ? null : { start: start_ms, end: end_ms, step: step_ms });
  return differs !== '' || !instant ? differs : repeatElsewhere(store, head['expr']!, start_ms, got);
}

const NOT_REPEATED = /\b(?:start|end|step|range)\s*\(/;
/** Functions whose value depends on when they are evaluated, whatever @ says. */
const TIME_BOUND =
  /\b(?:time|timestamp|predict_linear|minute|hour|month|year|day_of_week|day_of_month|day_of_year|days_in_month|start|end|step|range)\s*\(/;

/**
 * What Prometheus' own runner does beside: an instant query gives the same inside a range query, and with its time written into every
 * selector by @ it gives the same at any other time.
 */
async function repeatElsewhere(store: MemoryStore, text: string, t_ms: number, got: Result): Promise<string> {
  if (got.type !== 'vector' || NOT_REPEATED.test(text)) return '';
  const options = { delayedNameRemoval: true, parser: { unquotedUtf8Names: true } };
  const plainOrder = (r: Result): string =>
    r.type === 'vector'
      ? r.labels
          .map((l, i) => `${printLabels(l)} ${r.values[i]!.toPrecision(9)}`)
          .sort()
          .join('; ')
      : r.type;
  const wanted = plainOrder(got);
  const range = await queryOnce(store, text, {
    ...options,
    start_ms: t_ms - 60_000,
    end_ms: t_ms + 60_000,
    step_ms: 60_000,
  }).catch(() => null);
  // Another step may have its own error: Prometheus' runner has none in these scripts, but says so.
  if (range === null) return 'failed as a range query';
  const middle: string[] = [];
  if (range.type === 'matrix')
    range.labels.forEach((l, i) =>
      eachPoint(range, i, (t, v) => t === t_ms && middle.push(`${printLabels(l)} ${v.toPrecision(9)}`)),
    );
  if (middle.sort().join('; ') !== wanted)
    return `in a range query: want ${wanted}, got ${middle.join('; ')}`;
  if (TIME_BOUND.test(text)) return '';
  const parsed = parse(text, options.parser);
  if ('errors' in parsed) return '';
  const fixed = printExpr(withTime(parsed.expr, t_ms));
  for (const other of t_ms === 0 ? [-1000, 0, 1000] : [-10 * t_ms, 0, t_ms / 5, t_ms, 10 * t_ms]) {
    const at = Math.trunc(other);
    const again = plainOrder(
      await queryOnce(store, fixed, { ...options, start_ms: at, end_ms: at, step_ms: 0 }),
    );
    if (again !== wanted) return `${fixed} at ${at}: want ${wanted}, got ${again}`;
  }
  return '';
}

/** The expression with `@ t` at every selector and outermost subquery that has no @. */
function withTime(e: Expr, t_ms: number): Expr {
  const inside = (x: Expr): Expr => withTime(x, t_ms);
  switch (e.kind) {
    case 'number':
    case 'string':
      return e;
    case 'vector':
      return e.at === null ? { ...e, at: { t_ms } } : e;
    case 'matrix':
      return e.selector.at === null ? { ...e, selector: { ...e.selector, at: { t_ms } } } : e;
    case 'subquery':
      return e.at === null ? { ...e, at: { t_ms } } : e;
    case 'call':
      return { ...e, args: e.args.map(inside) };
    case 'aggregate':
      return { ...e, expr: inside(e.expr), param: e.param === null ? null : inside(e.param) };
    case 'binary':
      return { ...e, left: inside(e.left), right: inside(e.right) };
    case 'unary':
    case 'paren':
      return { ...e, expr: inside(e.expr) };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function expectationOf(c: TestCase, word: string): Expectation {
  const want: Expectation = {
    fail: word === 'eval_fail' ? 'any' : null,
    failMatches: () => true,
    ordered: word === 'eval_ordered',
    annotations: word === 'eval_warn' || word === 'eval_info' ? [{ kind: word.slice(5), test: null }] : [],
    range: null,
    string: null,
    scalar: null,
    series: [],
  };
  for (const line of c.body) readExpectation(line, want);
  return want;
}

function readExpectation(line: string, want: Expectation): void {
  const old = /^expected_fail_(message|regexp)\s+(.*)$/.exec(line);
  const expect = /^expect\s+(fail|warn|no_warn|info|no_info|ordered)(?:\s+(msg|regex):\s*(.*))?$/.exec(line);
  const range = /^expect range vector from (\S+) to (\S+) step (\S+)$/.exec(line);
  const text = /^expect string\s+(.*)$/.exec(line);
  if (old !== null) want.failMatches = matcherOf(old[1] === 'message' ? 'msg' : 'regex', old[2]!);
  else if (range !== null)
    want.range = { start: msOf(range[1]!), end: msOf(range[2]!), step: msOf(range[3]!) };
  else if (text !== null) want.string = stringOf(text[1]!);
  else if (expect !== null) {
    const test = expect[2] === undefined ? null : matcherOf(expect[2], expect[3]!);
    if (expect[1] === 'fail') {
      want.fail = expect[3] ?? 'any';
      if (test !== null) want.failMatches = test;
    } else if (expect[1] === 'ordered') want.ordered = true;
    else want.annotations.push({ kind: expect[1]!, test });
  } else if (/^[+-]?(?:[0-9.][^\s{]*|inf|nan)$/i.test(line))
    want.scalar = parseSeriesLine(`x ${line}`).values[0]!;
  else {
    const parsed = parseSeriesLine(line);
    want.series.push({ labels: parsed.labels, line: parsed });
  }
}

function matcherOf(kind: string, text: string): (message: string) => boolean {
  if (kind === 'msg') return (message) => message === text;
  const regex = new RegExp(text);
  return (message) => regex.test(message);
}

function stringOf(literal: string): string {
  const parsed = parseLabels(`x{a=${literal}}`);
  const at = parsed.indexOf('a');
  return at < 0 ? '' : parsed[at + 1]!;
}

function annotationsDiffer(got: Result, want: Expectation): string {
  for (const severity of ['warning', 'info'] as const) {
    const kind = severity === 'warning' ? 'warn' : 'info';
    const found = got.annotations.filter((a) => a.severity === severity).map((a) => a.message);
    const wanted = want.annotations.filter((a) => a.kind === kind);
    if (want.annotations.some((a) => a.kind === `no_${kind}`) && found.length > 0)
      return `unexpected ${kind}: ${found.join('; ')}`;
    if (wanted.length === 0) continue;
    for (const { test } of wanted)
      if (!found.some((m) => test === null || test(m))) return `${kind} missing, got: ${found.join('; ')}`;
    for (const m of found)
      if (!wanted.some(({ test }) => test === null || test(m))) return `unmatched ${kind}: ${m}`;
  }
  return '';
}

type Times = { readonly start: number; readonly end: number; readonly step: number };

function resultsDiffer(got: Result, want: Expectation, range: Times | null): string {
  if (want.series.some((s) => s.line.histograms)) return 'native histograms are not supported yet';
  if (want.string !== null)
    return got.type === 'string' && got.value === want.string ? '' : `want ${want.string}`;
  if (want.scalar !== null) {
    if (got.type !== 'scalar') return `want a scalar, got a ${got.type}`;
    return almostEqual(got.value, want.scalar) ? '' : `want ${want.scalar}, got ${got.value}`;
  }
  if (got.type === 'string' || got.type === 'scalar') return `got a ${got.type}`;
  if (got.type === 'vector') return vectorsDiffer(got, want);
  const times = range ?? want.range;
  return times === null ? 'got a matrix' : matricesDiffer(got, want, times);
}

function vectorsDiffer(got: Result & { type: 'vector' }, want: Expectation): string {
  const found = got.labels.map((labels, i) => ({ labels, value: got.values[i]!, i }));
  if (found.length !== want.series.length)
    return `want ${want.series.length} series, got ${found.length}: ${found.map((f) => `${printLabels(f.labels)} ${f.value}`).join(', ')}`;
  for (const [place, { labels, line }] of want.series.entries()) {
    const same = found.find((f) => compareLabels(f.labels, labels) === 0);
    if (same === undefined)
      return `missing ${printLabels(labels)}, got ${found.map((f) => printLabels(f.labels)).join(', ')}`;
    if (want.ordered && same.i !== place)
      return `${printLabels(labels)} at place ${same.i + 1}, not ${place + 1}`;
    if (!almostEqual(same.value, line.values[0]!))
      return `${printLabels(labels)}: want ${line.values[0]}, got ${same.value}`;
  }
  return '';
}

function matricesDiffer(got: Result & { type: 'matrix' }, want: Expectation, times: Times): string {
  if (got.labels.length !== want.series.length)
    return `want ${want.series.length} series, got ${got.labels.length}: ${got.labels.map(printLabels).join(', ')}`;
  for (const { labels, line } of want.series) {
    const i = got.labels.findIndex((l) => compareLabels(l, labels) === 0);
    if (i < 0) return `missing ${printLabels(labels)}`;
    const points: [number, number][] = [];
    eachPoint(got, i, (t, v) => points.push([t, v]));
    const wanted: [number, number][] = [];
    line.values.forEach((v, k) => {
      if (line.omitted[k] === 0)
        wanted.push([
          times.start + k * times.step,
          isStale(new Uint32Array(line.values.buffer), k) ? NaN : v,
        ]);
    });
    const same =
      points.length === wanted.length &&
      points.every(([t, v], k) => t === wanted[k]![0] && almostEqual(v, wanted[k]![1]));
    if (!same) return `${printLabels(labels)}: want ${pointsText(wanted)}, got ${pointsText(points)}`;
  }
  return '';
}

function pointsText(points: readonly [number, number][]): string {
  return points.map(([t, v]) => `${v}@${t / 1000}`).join(' ');
}

/** Equal to a part in a million; NaN equals NaN. */
function almostEqual(a: number, b: number): boolean {
  if (a === b || (a !== a && b !== b)) return true;
  const size = Math.abs(a) + Math.abs(b);
  const diff = Math.abs(a - b);
  if (a === 0 || b === 0 || size < 2 ** -1022) return diff < 1e-6 * 2 ** -1022;
  return diff / Math.min(size, Number.MAX_VALUE) < 1e-6;
}
