// A histogram as the literal that test scripts have for it.
import { formatNumber, RESET_HINT } from '@munjigi/model';
import type { Histogram } from '../histogram/histogram.ts';

const HINT_NAMES = Object.entries({
  reset: RESET_HINT.reset,
  not_reset: RESET_HINT.notReset,
  gauge: RESET_HINT.gauge,
});

/** `{{schema:1 count:3 sum:2 buckets:[1 2]}}`: what is 0 is left out. Reads back as the same but for empty buckets in gaps. */
export function printLiteral(h: Histogram): string {
  const parts: string[] = [];
  const add = (key: string, value: number): void => {
    if (value !== 0) parts.push(`${key}:${formatNumber(value, 'g').replace('+', '')}`);
  };
  add('schema', h.schema);
  add('count', h.count);
  add('sum', h.sum);
  add('z_bucket', h.zeroCount);
  add('z_bucket_w', h.zeroThreshold);
  const hint = HINT_NAMES.find(([, value]) => value === h.resetHint);
  if (hint !== undefined) parts.push(`counter_reset_hint:${hint[0]}`);
  addSide(parts, '', h.positiveIndex, h.positive);
  addSide(parts, 'n_', h.negativeIndex, h.negative);
  if (h.bounds !== null && h.bounds.length > 0) parts.push(`custom_values:[${numbers(h.bounds)}]`);
  return `{{${parts.join(' ')}}}`;
}

function addSide(parts: string[], prefix: string, index: Int32Array, counts: Float64Array): void {
  if (counts.length === 0) return;
  const first = index[0]!;
  const dense = new Float64Array(index.at(-1)! - first + 1);
  index.forEach((at, i) => (dense[at - first] = counts[i]!));
  if (first !== 0) parts.push(`${prefix}offset:${first}`);
  parts.push(`${prefix}buckets:[${numbers(dense)}]`);
}

function numbers(values: Float64Array): string {
  return Array.from(values, (v) => formatNumber(v, 'g').replace('+', '')).join(' ');
}
