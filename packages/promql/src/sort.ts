// The order of an instant query's rows: by value or by labels.
import { compareLabels, compareText, labelValue } from '@munjigi/model';
import { goSort } from './go-sort.ts';
import { rowsPresent, type Table } from './table.ts';

/** Rows that are present in the order of sort, sort_desc, sort_by_label or sort_by_label_desc. */
export function sortRows(t: Table, func: string, labels: readonly string[]): number[] {
  const rows = rowsPresent(t);
  if (func === 'sort' || func === 'sort_desc') {
    const rising = func === 'sort';
    // NaN comes last both ways.
    goSort(rows, (a, b) => {
      const x = t.values[a]!;
      const y = t.values[b]!;
      return y !== y || (rising ? x < y : x > y);
    });
    return rows;
  }
  const sign = func === 'sort_by_label' ? 1 : -1;
  goSort(rows, (a, b) => {
    for (const name of labels) {
      const x = labelValue(t.labels[a]!, name);
      const y = labelValue(t.labels[b]!, name);
      if (x !== y) return precedes(x, y) === sign > 0;
    }
    return sign * compareLabels(t.labels[a]!, t.labels[b]!) < 0;
  });
  return rows;
}

/**
 * Whether one text comes before another one where runs of digits are numbers: `node2` before `node10`. As in the library that Prometheus uses
 * an empty text comes before none and none before it, and of texts that are equal so far each may precede the other.
 */
function precedes(a: string, b: string): boolean {
  const x = a.match(RUNS) ?? [];
  const y = b.match(RUNS) ?? [];
  for (let i = 0; i < x.length; i++) {
    if (i >= y.length) return false;
    const p = x[i]!;
    const q = y[i]!;
    const m = integer(p);
    const n = integer(q);
    if (m !== null && n !== null) {
      if (m !== n) return m < n;
    } else if (p !== q) return compareText(p, q) < 0;
    if (i === x.length - 1) return true;
    if (i === y.length - 1) return false;
  }
  return false;
}

const RUNS = /[0-9]+|[^0-9]+/g;
const MOST = 2n ** 63n - 1n;

/** A run of digits as a signed 64-bit number; null for what is none. */
function integer(run: string): bigint | null {
  if (!/^[0-9]/.test(run)) return null;
  const n = BigInt(run);
  return n <= MOST ? n : null;
}
