// The order of an instant query's rows: by value or by labels.
import { compareLabels, labelValue } from '@munjigi/model';
import type { Table } from './table.ts';

/** Rows in the order of sort, sort_desc, sort_by_label or sort_by_label_desc. */
export function sortRows(t: Table, func: string, labels: readonly string[]): number[] {
  const rows = t.labels.map((_, row) => row);
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
  return rows.sort((a, b) => {
    for (const name of labels) {
      const order = compareNatural(labelValue(t.labels[a]!, name), labelValue(t.labels[b]!, name));
      if (order !== 0) return sign * order;
    }
    return sign * compareLabels(t.labels[a]!, t.labels[b]!);
  });
}

/** Runs of digits compare as numbers, everything else as text: `node2` before `node10`. */
function compareNatural(a: string, b: string): number {
  if (a === b) return 0;
  const x = a.match(/[0-9]+|[^0-9]+/g) ?? [];
  const y = b.match(/[0-9]+|[^0-9]+/g) ?? [];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const p = x[i]!;
    const q = y[i]!;
    if (p === q) continue;
    if (/^[0-9]/.test(p) && /^[0-9]/.test(q)) {
      const m = p.replace(/^0+(?=.)/, '');
      const n = q.replace(/^0+(?=.)/, '');
      if (m.length !== n.length) return m.length - n.length;
      if (m !== n) return m < n ? -1 : 1;
      continue;
    }
    return p < q ? -1 : 1;
  }
  return x.length - y.length || (a < b ? -1 : 1);
}
