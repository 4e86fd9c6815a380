// A native histogram as Prometheus prints one: {count:12, sum:18.4, [-0.001,0.001]:2, (1,2]:3}. Buckets without observations are left out.
import { KIND, type HistogramColumns } from '@munjigi/model';
import { goFloat } from './go-format.ts';

const SCHEMA_CUSTOM = -53;

/** Row `row` of h. */
export function histogramText(h: HistogramColumns, row: number, kind: number): string {
  const count = kind === KIND.histogram ? String(h.count[row]!) : goFloat(h.count[row]!);
  const parts = [`count:${count}`, `sum:${goFloat(h.sum[row]!)}`];
  const bucket = (lower: number, upper: number, inclusive: [boolean, boolean], n: number): string =>
    `${inclusive[0] ? '[' : '('}${goFloat(lower)},${goFloat(upper)}${inclusive[1] ? ']' : ')'}:${kind === KIND.histogram ? n : goFloat(n)}`;
  const schema = h.schema[row]!;
  const negative: string[] = [];
  eachBucket(h, row, 'negative', (index, n) => {
    const [lower, upper] = [-bound(schema, index, h, row), -bound(schema, index - 1, h, row)];
    negative.push(bucket(lower, upper, [lower < 0, upper > 0], n));
  });
  parts.push(...negative.reverse());
  const zero = h.zeroCount[row]!;
  const width = h.zeroThreshold[row]!;
  if (zero !== 0) parts.push(bucket(width === 0 ? -0 : -width, width, [true, true], zero));
  eachBucket(h, row, 'positive', (index, n) => {
    const [lower, upper] = [bound(schema, index - 1, h, row), bound(schema, index, h, row)];
    const inclusive: [boolean, boolean] =
      schema === SCHEMA_CUSTOM ? [index === 0, true] : [lower < 0, upper > 0];
    parts.push(bucket(lower, upper, inclusive, n));
  });
  return `{${parts.join(', ')}}`;
}

function eachBucket(
  h: HistogramColumns,
  row: number,
  side: 'positive' | 'negative',
  each: (index: number, n: number) => void,
): void {
  const positive = side === 'positive';
  const end = positive ? h.positiveSpanEnd[row]! : h.negativeSpanEnd[row]!;
  let at = positive ? h.positiveFirst[row]! : h.negativeFirst[row]!;
  let index = 0;
  for (let span = positive ? h.positiveSpanFirst[row]! : h.negativeSpanFirst[row]!; span < end; span++) {
    index += h.spanOffset[span]!;
    for (let k = 0; k < h.spanLength[span]!; k++, index++) {
      const n = h.bucket[at++]!;
      if (n !== 0) each(index, n);
    }
  }
}

/** The upper bound of bucket `index`, counted from the one that ends at 1 (or from the first custom one). */
function bound(schema: number, index: number, h: HistogramColumns, row: number): number {
  if (schema === SCHEMA_CUSTOM) {
    const first = h.boundFirst[row]!;
    if (index < 0) return -Infinity;
    return first + index < h.boundEnd[row]! ? h.bound[first + index]! : Infinity;
  }
  const per = 2 ** Math.max(0, schema);
  const step = schema < 0 ? index * 2 ** -schema : Math.floor(index / per);
  const part = schema < 0 ? 0 : index - step * per;
  // The last bucket ends at the largest number instead of at 2^1024.
  if (step >= 1024 && part === 0) return Number.MAX_VALUE;
  const root = rootOfTwo(schema, part);
  // In two factors: the power alone may be beyond what a number holds.
  return step < -1000 ? root * 2 ** -1000 * 2 ** (step + 1000) : root * 2 ** step;
}

const roots: number[] = [1];
const FINEST = 8;
const FRACTION_BITS = 160n;
/**
 * Prometheus looks bounds up in a table that was not rounded well: digit i says by how many units in the last place its 2^(i/256) is
 * below the right one, plus 1.
 */
const OFF =
  '1111112111211111112311222222222211211121122211221122102211221122' +
  '1111112222332132112111211112111111121011213311221222112121332222' +
  '2121223322322122222222323233323311221121223321332233212232332232' +
  '2243223233433343333333444455435422322333324422333243223333543344';

/** 2^(part / 2^schema) as Prometheus has it. */
function rootOfTwo(schema: number, part: number): number {
  const i = part * 2 ** (FINEST - schema);
  return (roots[i] ??= (() => {
    let x = 1n << (BigInt(i) + FRACTION_BITS);
    for (let k = 0; k < FINEST; k++) x = squareRoot(x << FRACTION_BITS);
    return Number(x) / 2 ** Number(FRACTION_BITS) - (Number(OFF[i]) - 1) * Number.EPSILON;
  })());
}

/** Rounded down, by Newton's steps. */
function squareRoot(n: bigint): bigint {
  let x = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}
