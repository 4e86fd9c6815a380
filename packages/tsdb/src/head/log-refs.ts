// Numbers that stand in the log for series that are gone, and second numbers of series that are there: their series records must outlive
// the segments that name them, or a replay could not tell whose samples it reads.

export interface LogRefs {
  /** The series of `ref` was dropped while `segment` was written to. */
  died(ref: number, segment: number): void;
  /** `ref` names a series that has another number now, in `segment`, at time `t` (ms). */
  alias(ref: number, segment: number, t: number): void;
  /** A record of the out-of-order log names the alias `ref`. */
  pin(ref: number): void;
  /** The out-of-order log was cut off: no alias is pinned any more. */
  unpin(): void;
  /** Numbers that a checkpoint of the segments up to `upTo`, with samples from `mint` on, must keep. */
  needed(upTo: number, mint: number): number[];
  /** The segments up to `upTo` are gone, and samples before `mint` with them. */
  truncated(upTo: number, mint: number): void;
  count(): number;
}

interface Alias {
  segment: number;
  maxt: number;
}

export function newLogRefs(): LogRefs {
  /** By segment. Lists, as a Map of a million entries takes long to grow. */
  const dead = new Map<number, number[]>();
  const aliases = new Map<number, Alias>();
  const pinned = new Set<number>();
  return {
    died(ref, segment): void {
      const refs = dead.get(segment);
      if (refs === undefined) dead.set(segment, [ref]);
      else refs.push(ref);
    },
    alias(ref, segment, t): void {
      const known = aliases.get(ref);
      if (known === undefined) aliases.set(ref, { segment, maxt: t });
      else {
        known.segment = Math.max(known.segment, segment);
        known.maxt = Math.max(known.maxt, t);
      }
    },
    pin(ref): void {
      pinned.add(ref);
    },
    unpin(): void {
      pinned.clear();
    },
    needed(upTo, mint): number[] {
      const refs = [...pinned];
      for (const [segment, list] of dead) if (segment > upTo) for (const ref of list) refs.push(ref);
      for (const [ref, { segment, maxt }] of aliases) if (segment > upTo || maxt >= mint) refs.push(ref);
      return refs;
    },
    truncated(upTo, mint): void {
      for (const segment of dead.keys()) if (segment <= upTo) dead.delete(segment);
      for (const [ref, { segment, maxt }] of aliases) if (segment <= upTo && maxt < mint) aliases.delete(ref);
    },
    count: () => [...dead.values()].reduce((n, refs) => n + refs.length, aliases.size),
  };
}
