// Histograms as text and as the buckets that the HTTP API shows.
import { formatNumber, RESET_HINT } from '@munjigi/model';
import {
  bucketAt,
  bucketCount,
  negativeBucket,
  newBucket,
  positiveBucket,
  zeroBucket,
  type Bucket,
} from './buckets.ts';
import { compact, isCustom, type Histogram } from './histogram.ts';

/** `{count:3, sum:5, [-1,1]:1, (1,2]:2}`: only buckets that hold something, from the lowest to the highest. */
export function printHistogram(h: Histogram): string {
  let text = `{count:${general(h.count)}, sum:${general(h.sum)}`;
  const b = newBucket();
  for (let i = h.negative.length - 1; i >= 0; i--) {
    if (h.negative[i] === 0) continue;
    negativeBucket(h, i, b);
    text += printBucket(b);
  }
  if (h.zeroCount !== 0) {
    zeroBucket(h, b);
    text += printBucket(b);
  }
  for (let i = 0; i < h.positive.length; i++) {
    if (h.positive[i] === 0) continue;
    positiveBucket(h, i, b);
    text += printBucket(b);
  }
  return `${text}}`;
}

function printBucket(b: Bucket): string {
  const open = b.lowerInclusive ? '[' : '(';
  const close = b.upperInclusive ? ']' : ')';
  return `, ${open}${general(b.lower)},${general(b.upper)}${close}:${general(b.count)}`;
}

function general(value: number): string {
  return formatNumber(value, 'g');
}

const HINT_NAMES: ReadonlyMap<number, string> = new Map([
  [RESET_HINT.reset, 'reset'],
  [RESET_HINT.notReset, 'not_reset'],
  [RESET_HINT.gauge, 'gauge'],
]);

/** The literal of the test language, `{{schema:1 count:3 ...}}`; what is 0 is left out. */
export function testHistogram(h: Histogram): string {
  const parts: string[] = [];
  const add = (key: string, value: number): void => {
    if (value !== 0) parts.push(`${key}:${general(value)}`);
  };
  if (h.schema !== 0) parts.push(`schema:${h.schema}`);
  add('count', h.count);
  add('sum', h.sum);
  add('z_bucket', h.zeroCount);
  add('z_bucket_w', h.zeroThreshold);
  if (isCustom(h)) parts.push(`custom_values:[${Array.from(h.bounds ?? [], general).join(' ')}]`);
  const hint = HINT_NAMES.get(h.resetHint);
  if (hint !== undefined) parts.push(`counter_reset_hint:${hint}`);
  const { positiveIndex, positive, negativeIndex, negative } = compact(h);
  addSpan(parts, '', positiveIndex, positive);
  addSpan(parts, 'n_', negativeIndex, negative);
  return `{{${parts.join(' ')}}}`;
}

/** One span: gaps are written out as zeros. */
function addSpan(parts: string[], prefix: string, index: Int32Array, count: Float64Array): void {
  if (index.length === 0) return;
  const offset = index[0]!;
  const texts: string[] = [];
  for (let i = 0; i < index.length; i++) {
    while (texts.length < index[i]! - offset) texts.push('0');
    texts.push(general(count[i]!));
  }
  if (offset !== 0) parts.push(`${prefix}offset:${offset}`);
  parts.push(`${prefix}buckets:[${texts.join(' ')}]`);
}

/** Buckets as columns, from the lowest to the highest. */
export interface BucketColumns {
  readonly length: number;
  /** Which bounds belong to the bucket: 0 the upper, 1 the lower, 2 none, 3 both. */
  readonly boundary: Uint8Array;
  readonly lower: Float64Array;
  readonly upper: Float64Array;
  readonly count: Float64Array;
}

/** The buckets that hold something, as the HTTP API shows them. */
export function bucketsOf(h: Histogram): BucketColumns {
  const total = bucketCount(h);
  const boundary = new Uint8Array(total);
  const lower = new Float64Array(total);
  const upper = new Float64Array(total);
  const count = new Float64Array(total);
  const b = newBucket();
  let length = 0;
  for (let k = 0; k < total; k++) {
    bucketAt(h, k, b);
    if (b.count === 0) continue;
    boundary[length] = b.lowerInclusive ? (b.upperInclusive ? 3 : 1) : b.upperInclusive ? 0 : 2;
    lower[length] = b.lower;
    upper[length] = b.upper;
    count[length++] = b.count;
  }
  return { length, boundary, lower, upper, count };
}
