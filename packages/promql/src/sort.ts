// The order of an instant query's rows: by value or by labels.
import { compareLabels, compareText, labelValue } from '@munjigi/model';
import { rowsPresent, type Table } from './table.ts';

/** Rows that are present in the order of sort, sort_desc, sort_by_label or sort_by_label_desc. */
export function sortRows(t: Table, func: string, labels: readonly string[]): number[] {
  const rows = rowsPresent(t);
  if (func === 'sort' || func === 'sort_desc') {
    const sign = func === 'sort' ? 1 : -1;
    // NaN comes last both ways.
    return rows.sort((a, b) => {
      const x = t.values[a]!;
      const y = t.values[b]!;
      if (x !== x || y !== y) return x !== x && y !== y ? 0 : x !== x ? 1 : -1;
      return x < y ? -sign : x > y ? sign : 0;
    });
  }
  const sign = func === 'sort_by_label' ? 1 : -1;
  return sorted(rows, (a, b) => {
    for (const name of labels) {
      const x = labelValue(t.labels[a]!, name);
      const y = labelValue(t.labels[b]!, name);
      if (x !== y) return precedes(x, y) ? -sign : sign;
    }
    return sign * compareLabels(t.labels[a]!, t.labels[b]!);
  });
}

/** Up to so many elements Go's sort inserts one after another: where comparisons contradict each other that decides. */
const INSERTED = 12;

function sorted(rows: number[], compare: (a: number, b: number) => number): number[] {
  if (rows.length > INSERTED) return rows.sort(compare);
  for (let i = 1; i < rows.length; i++)
    for (let j = i; j > 0 && compare(rows[j]!, rows[j - 1]!) < 0; j--)
      [rows[j], rows[j - 1]] = [rows[j - 1]!, rows[j]!];
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
