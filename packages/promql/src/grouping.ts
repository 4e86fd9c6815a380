// Rows of a table by the group that an aggregation puts them into.
import type { Labels } from '@munjigi/model';
import type { Annotate } from './annotations.ts';
import { groupKey, groupLabels } from './label-edit.ts';
import type { Table } from './table.ts';

/** by or without labels. */
export interface Grouping {
  readonly without: boolean;
  readonly labels: readonly string[];
}

/** Where an aggregation stands, for what it has to say about its input. */
export interface About {
  /** Place of what is aggregated. */
  readonly place: string;
  readonly annotate: Annotate;
}

export interface Groups {
  /** Group of each row. */
  readonly of: Int32Array;
  readonly labels: Labels[];
}

/** Which group each row belongs to. */
export function groupRows(t: Table, g: Grouping): Groups {
  const key = groupKey(g.labels, g.without);
  const byKey = new Map<string, number>();
  const labels: Labels[] = [];
  const of = new Int32Array(t.labels.length);
  t.labels.forEach((l, row) => {
    const k = key(l);
    let group = byKey.get(k);
    if (group === undefined) {
      group = labels.length;
      byKey.set(k, group);
      labels.push(groupLabels(l, g.labels, g.without));
    }
    of[row] = group;
  });
  return { of, labels };
}
