// Which row belongs to which labels. The main thread alone gives rows out and takes them back; workers are told the rows of what they
// are sent. A row that lost its resource is kept for a while (requests in flight still count into it), then zeroed and given out again.
import { ENDPOINT_ROWS, ROUTE_ROWS, UPSTREAM_ROWS } from './layout.ts';

/** How long a row outlives its resource. */
export const ROW_GRACE_MS: number = 10 * 60_000;
/** Between the parts of a key; can't stand in a label of ours. */
const PART = '\u0000';

export type RowKind = 'route' | 'upstream' | 'endpoint';
const CAPACITY: Readonly<Record<RowKind, number>> = {
  route: ROUTE_ROWS,
  upstream: UPSTREAM_ROWS,
  endpoint: ENDPOINT_ROWS,
};

/** The key of a row: its kind and label values. */
export function rowKey(kind: RowKind, ...labels: readonly string[]): string {
  return [kind, ...labels].join(PART);
}

interface Row {
  readonly kind: RowKind;
  readonly row: number;
  readonly labels: readonly string[];
  freeAt: number;
}

export class Rows {
  readonly #rows = new Map<string, Row>();
  readonly #free: Record<RowKind, number[]> = { route: [], upstream: [], endpoint: [] };
  readonly #next: Record<RowKind, number> = { route: 1, upstream: 1, endpoint: 1 };

  /** The row of these labels, new or not; 0 when the table is full. */
  take(kind: RowKind, ...labels: readonly string[]): number {
    const key = rowKey(kind, ...labels);
    let found = this.#rows.get(key);
    if (found === undefined) {
      const row = this.#free[kind].pop() ?? (this.#next[kind] < CAPACITY[kind] ? this.#next[kind]++ : 0);
      if (row === 0) return 0;
      this.#rows.set(key, (found = { kind, row, labels, freeAt: Infinity }));
    }
    found.freeAt = Infinity;
    return found.row;
  }

  /** Every row whose key is not in `used` begins its grace. */
  retain(used: ReadonlySet<string>, now: number): void {
    for (const [key, r] of this.#rows)
      if (r.freeAt === Infinity && !used.has(key)) r.freeAt = now + ROW_GRACE_MS;
  }

  /** Gives back what has been unused long enough; `zero` clears the row in every region. Returns the keys that are gone. */
  sweep(now: number, zero: (kind: RowKind, row: number) => void): string[] {
    const gone: string[] = [];
    for (const [key, r] of this.#rows) {
      if (r.freeAt > now) continue;
      this.#rows.delete(key);
      zero(r.kind, r.row);
      this.#free[r.kind].push(r.row);
      gone.push(key);
    }
    return gone;
  }

  /** All rows, with those in use or still in their grace. */
  *all(kind: RowKind): Generator<{ row: number; labels: readonly string[]; used: boolean }> {
    for (const r of this.#rows.values())
      if (r.kind === kind) yield { row: r.row, labels: r.labels, used: r.freeAt === Infinity };
  }

  /** [key, row] of everything: what a new worker starts with. */
  entries(): [string, number][] {
    return [...this.#rows].map(([key, { row }]) => [key, row]);
  }

  rowOf(key: string): number {
    return this.#rows.get(key)?.row ?? 0;
  }
}
