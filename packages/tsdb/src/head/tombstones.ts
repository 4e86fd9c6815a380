// Deleted ranges of series, until the samples they hide are gone. Few: a Map by series row.

export interface Tombstones {
  /** Hides [mint, maxt] (ms, inclusive) of a series; ranges that touch become one. */
  add(row: number, mint: number, maxt: number): void;
  /** mint, maxt in turn, ascending; undefined: none. */
  of(row: number): readonly number[] | undefined;
  rows(): IterableIterator<number>;
  /** Ranges. */
  count(): number;
  removeRow(row: number): void;
  /** Drops ranges that end before `mint`. */
  truncate(mint: number): void;
}

export function newTombstones(): Tombstones {
  const byRow = new Map<number, number[]>();
  return {
    add(row, mint, maxt): void {
      if (!(mint <= maxt)) return;
      byRow.set(row, merged(byRow.get(row) ?? [], mint, maxt));
    },
    of: (row) => byRow.get(row),
    rows: () => byRow.keys(),
    count(): number {
      let n = 0;
      for (const ranges of byRow.values()) n += ranges.length / 2;
      return n;
    },
    removeRow(row): void {
      byRow.delete(row);
    },
    truncate(mint): void {
      for (const [row, ranges] of byRow) {
        const kept: number[] = [];
        for (let i = 0; i < ranges.length; i += 2)
          if (ranges[i + 1]! >= mint) kept.push(ranges[i]!, ranges[i + 1]!);
        if (kept.length === 0) byRow.delete(row);
        else byRow.set(row, kept);
      }
    },
  };
}

function merged(ranges: readonly number[], mint: number, maxt: number): number[] {
  const out: number[] = [];
  let from = mint;
  let to = maxt;
  let placed = false;
  for (let i = 0; i < ranges.length; i += 2) {
    const a = ranges[i]!;
    const b = ranges[i + 1]!;
    if (b < from - 1) out.push(a, b);
    else if (a > to + 1) {
      if (!placed) out.push(from, to);
      placed = true;
      out.push(a, b);
    } else {
      from = Math.min(from, a);
      to = Math.max(to, b);
    }
  }
  if (!placed) out.push(from, to);
  return out;
}
