// Just enough PromQL over formulas for the console's tests: selectors, rate and its kin, histogram_quantile, sum/avg/min/max/count/topk,
// arithmetic and comparisons, one-to-one. Parsing is the real parser's, so errors are real.
import { compileMatcher } from '@munjigi/model';
import {
  parse,
  printParseError,
  type Aggregate,
  type Binary,
  type Call,
  type Expr,
  type VectorSelector,
} from '@munjigi/promql';
import type { MockFamily } from './mock-data.ts';

type Labels = Readonly<Record<string, string>>;
interface Sample {
  readonly labels: Labels;
  readonly v: number;
}
type Value = Sample[] | number;

/** A query that this little engine, or the parser, refuses. */
export class MockQueryError extends Error {}

/** Parses once; the result is asked for each point in time (seconds). */
export function compileMock(text: string, families: ReadonlyMap<string, MockFamily>): (t_s: number) => Value {
  const parsed = parse(text);
  if ('errors' in parsed) {
    const [first] = parsed.errors;
    throw new MockQueryError(
      `invalid parameter "query": ${first === undefined ? 'not valid' : printParseError(first)}`,
    );
  }
  return (t_s) => evaluate(parsed.expr, t_s, families);
}

function evaluate(e: Expr, t_s: number, families: ReadonlyMap<string, MockFamily>): Value {
  switch (e.kind) {
    case 'number':
      return e.value;
    case 'paren':
      return evaluate(e.expr, t_s, families);
    case 'vector':
      return select(e, families).map((s) => ({ labels: s.labels, v: s.at(t_s) }));
    case 'call':
      return call(e, t_s, families);
    case 'aggregate':
      return aggregate(e, t_s, families);
    case 'binary':
      return binary(e, t_s, families);
    case 'unary': {
      const inner = evaluate(e.expr, t_s, families);
      const sign = e.op === '-' ? -1 : 1;
      return typeof inner === 'number'
        ? sign * inner
        : inner.map((s) => ({ labels: nameless(s.labels), v: sign * s.v }));
    }
    case 'string':
    case 'matrix':
    case 'subquery':
      throw new MockQueryError(`the mock server has no ${e.kind}`);
  }
}

function select(
  e: VectorSelector,
  families: ReadonlyMap<string, MockFamily>,
): { labels: Labels; at: (t_s: number) => number }[] {
  const tests = e.matchers.map((m) => ({ name: m.name, test: compileMatcher(m) }));
  const out: { labels: Labels; at: (t_s: number) => number }[] = [];
  for (const [name, family] of families) {
    for (const s of family.series) {
      const labels = { __name__: name, ...s.labels };
      if (tests.every(({ name: label, test }) => test((labels as Labels)[label] ?? '')))
        out.push({ labels, at: s.at });
    }
  }
  return out;
}

function call(e: Call, t_s: number, families: ReadonlyMap<string, MockFamily>): Value {
  const [first, second] = e.args;
  if ((e.func === 'rate' || e.func === 'increase' || e.func === 'irate') && first?.kind === 'matrix') {
    const range_s = first.range.kind === 'number' ? first.range.value : 60;
    return select(first.selector, families).map((s) => {
      const grown = s.at(t_s) - s.at(t_s - range_s);
      return { labels: nameless(s.labels), v: e.func === 'increase' ? grown : grown / range_s };
    });
  }
  if (e.func === 'histogram_quantile' && first?.kind === 'number' && second !== undefined) {
    return quantile(first.value, vectorOf(evaluate(second, t_s, families)));
  }
  if (e.func === 'time') return t_s;
  if (e.func === 'vector' && first !== undefined) {
    const v = evaluate(first, t_s, families);
    return typeof v === 'number' ? [{ labels: {}, v }] : v;
  }
  throw new MockQueryError(`the mock server has no function ${e.func}`);
}

function aggregate(e: Aggregate, t_s: number, families: ReadonlyMap<string, MockFamily>): Sample[] {
  const input = vectorOf(evaluate(e.expr, t_s, families));
  if (e.op === 'topk' && e.param?.kind === 'number')
    return input.toSorted((a, b) => b.v - a.v).slice(0, e.param.value);
  const groups = Map.groupBy(input, (s) => {
    const keep = Object.entries(s.labels).filter(([name]) =>
      e.without ? !e.grouping.includes(name) && name !== '__name__' : e.grouping.includes(name),
    );
    return JSON.stringify(Object.fromEntries(keep.toSorted(([a], [b]) => (a < b ? -1 : 1))));
  });
  return [...groups].map(([key, of]) => ({
    labels: JSON.parse(key) as Labels,
    v: fold(
      e.op,
      of.map((s) => s.v),
    ),
  }));
}

function fold(op: Aggregate['op'], values: readonly number[]): number {
  const sum = values.reduce((a, b) => a + b, 0);
  if (op === 'sum') return sum;
  if (op === 'avg') return sum / values.length;
  if (op === 'count') return values.length;
  if (op === 'min') return Math.min(...values);
  if (op === 'max') return Math.max(...values);
  throw new MockQueryError(`the mock server has no aggregation ${op}`);
}

function binary(e: Binary, t_s: number, families: ReadonlyMap<string, MockFamily>): Value {
  const left = evaluate(e.left, t_s, families);
  const right = evaluate(e.right, t_s, families);
  if (typeof left === 'number' && typeof right === 'number') return arithmetic(e.op, left, right);
  const comparing = ['==', '!=', '<', '<=', '>', '>='].includes(e.op);
  const join = (s: Sample, a: number, b: number): Sample[] => {
    if (!comparing) return [{ labels: nameless(s.labels), v: arithmetic(e.op, a, b) }];
    return arithmetic(e.op, a, b) === 1 ? [{ labels: s.labels, v: s.v }] : [];
  };
  if (typeof right === 'number') return vectorOf(left).flatMap((s) => join(s, s.v, right));
  if (typeof left === 'number') return right.flatMap((s) => join(s, left, s.v));
  const other = new Map(right.map((s) => [signature(s.labels), s.v]));
  return left.flatMap((s) => {
    const b = other.get(signature(s.labels));
    return b === undefined ? [] : join(s, s.v, b);
  });
}

function arithmetic(op: Binary['op'], a: number, b: number): number {
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '==':
      return Number(a === b);
    case '!=':
      return Number(a !== b);
    case '<':
      return Number(a < b);
    case '<=':
      return Number(a <= b);
    case '>':
      return Number(a > b);
    case '>=':
      return Number(a >= b);
    default:
      throw new MockQueryError(`the mock server has no operator ${op}`);
  }
}

function quantile(q: number, input: readonly Sample[]): Sample[] {
  const groups = Map.groupBy(input, (s) => {
    const { le: _, ...rest } = nameless(s.labels);
    return JSON.stringify(rest);
  });
  return [...groups].map(([key, of]) => {
    const buckets = of
      .map((s) => ({ le: s.labels['le'] === '+Inf' ? Infinity : Number(s.labels['le']), n: s.v }))
      .toSorted((a, b) => a.le - b.le);
    const rank = q * (buckets.at(-1)?.n ?? 0);
    const at = buckets.findIndex((b) => b.n >= rank);
    const from = buckets[at - 1] ?? { le: 0, n: 0 };
    const to = buckets[at] ?? { le: NaN, n: NaN };
    const v =
      rank === 0
        ? NaN
        : to.le === Infinity
          ? from.le
          : from.le + ((to.le - from.le) * (rank - from.n)) / (to.n - from.n);
    return { labels: JSON.parse(key) as Labels, v };
  });
}

/** Equal for label sets that are equal without their name. */
function signature(labels: Labels): string {
  const rest = nameless(labels);
  return JSON.stringify(
    Object.keys(rest)
      .toSorted()
      .map((name) => [name, rest[name]]),
  );
}

function vectorOf(v: Value): Sample[] {
  return typeof v === 'number' ? [] : v;
}

function nameless(labels: Labels): Labels {
  const { __name__: _, ...rest } = labels;
  return rest;
}
