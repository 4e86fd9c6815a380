// The newest exemplars in a ring. They are not written to the log: after a restart the ring is empty.
import type { Exemplar } from '@munjigi/model';

export interface ExemplarRing {
  add(row: number, generation: number, e: Exemplar): void;
  /** By row, oldest first. */
  inRange(mint: number, maxt: number): Map<number, Exemplar[]>;
  count(): number;
  /** Forgets exemplars of rows whose generation is another one now. */
  sweep(generationOf: (row: number) => number): void;
}

interface Entry {
  readonly row: number;
  readonly generation: number;
  readonly exemplar: Exemplar;
}

export function newExemplarRing(limit: number): ExemplarRing {
  let ring: Entry[] = [];
  let next = 0;
  return {
    add(row, generation, exemplar): void {
      if (limit === 0) return;
      const entry = { row, generation, exemplar };
      if (ring.length < limit) ring.push(entry);
      else ring[next] = entry;
      next = (next + 1) % limit;
    },
    inRange(mint, maxt): Map<number, Exemplar[]> {
      const found = new Map<number, Exemplar[]>();
      for (let i = 0; i < ring.length; i++) {
        const { row, exemplar } = ring[ring.length < limit ? i : (next + i) % limit]!;
        if (exemplar.t_ms < mint || exemplar.t_ms > maxt) continue;
        const list = found.get(row);
        if (list === undefined) found.set(row, [exemplar]);
        else list.push(exemplar);
      }
      return found;
    },
    count: () => ring.length,
    sweep(generationOf): void {
      const ordered = ring.length < limit ? ring : [...ring.slice(next), ...ring.slice(0, next)];
      ring = ordered.filter((e) => generationOf(e.row) === e.generation);
      next = ring.length % Math.max(1, limit);
    },
  };
}
