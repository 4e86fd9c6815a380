// The newest exemplars in a ring, and each series' own by time. What may come in follows Prometheus: not the newest one again, not older
// than the out-of-order window.
import { compareText, type Exemplar, type Labels } from '@munjigi/model';

/** Characters in all labels of an exemplar, as OpenMetrics has it. */
const LABELS_MAX_CHARACTERS = 128;

/** Why an exemplar is not taken. */
export type ExemplarFault = '' | 'duplicate' | 'out of order' | 'labels';

export interface ExemplarRing {
  /** Whether `add` would take it. */
  judge(row: number, e: Exemplar): ExemplarFault;
  /** False: not taken. */
  add(row: number, e: Exemplar): boolean;
  /** By row, in the order of time. */
  inRange(mint: number, maxt: number): Map<number, Exemplar[]>;
  /** All, in the order they came. */
  all(): readonly { readonly row: number; readonly exemplar: Exemplar }[];
  count(): number;
  limit(): number;
  /** Keeps the newest. */
  resize(limit: number): void;
  /** Older ones than the newest of their series are taken within this window. */
  setWindow(window_ms: number): void;
  /** Forgets the exemplars of a row; their places in the ring are taken when it is their turn. */
  removeRow(row: number): void;
}

interface Entry {
  readonly row: number;
  readonly exemplar: Exemplar;
  removed: boolean;
}

export function newExemplarRing(size: number): ExemplarRing {
  let limit = Math.max(0, size);
  let window_ms = 0;
  let ring: Entry[] = [];
  /** The next entry to be replaced, once the ring is full. */
  let next = 0;
  const byRow = new Map<number, Entry[]>();
  let removed = 0;

  function inOrder(): Entry[] {
    const all = ring.length < limit ? ring : [...ring.slice(next), ...ring.slice(0, next)];
    return removed === 0 ? all : all.filter((e) => !e.removed);
  }

  function forget(entry: Entry): void {
    if (entry.removed) {
      removed--;
      return;
    }
    const list = byRow.get(entry.row)!;
    if (list.length === 1) byRow.delete(entry.row);
    else list.splice(list.indexOf(entry), 1);
  }

  function rebuild(entries: Entry[]): void {
    ring = entries;
    next = 0;
    removed = 0;
    byRow.clear();
    for (const entry of entries) insert(byRow, entry);
  }

  function judge(row: number, e: Exemplar): ExemplarFault {
    if (!labelsFit(e.labels)) return 'labels';
    const newest = byRow.get(row)?.at(-1)?.exemplar;
    if (newest === undefined) return '';
    const order = compareExemplars(e, newest);
    if (order === 0) return 'duplicate';
    if (e.t_ms === newest.t_ms) return order < 0 ? 'out of order' : '';
    return e.t_ms < newest.t_ms && e.t_ms <= newest.t_ms - window_ms ? 'out of order' : '';
  }

  return {
    judge,
    add(row, exemplar): boolean {
      if (limit === 0 || judge(row, exemplar) !== '') return false;
      const list = byRow.get(row);
      const newest = list?.at(-1)?.exemplar.t_ms ?? -Infinity;
      // Of one time among older ones, the first that came stays.
      if (exemplar.t_ms < newest && list!.some((e) => e.exemplar.t_ms === exemplar.t_ms)) return false;
      const entry = { row, exemplar, removed: false };
      if (ring.length < limit) ring.push(entry);
      else {
        forget(ring[next]!);
        ring[next] = entry;
        next = (next + 1) % limit;
      }
      insert(byRow, entry);
      return true;
    },
    inRange(mint, maxt): Map<number, Exemplar[]> {
      const found = new Map<number, Exemplar[]>();
      for (const [row, list] of byRow) {
        const inside = list.filter(({ exemplar: { t_ms } }) => t_ms >= mint && t_ms <= maxt);
        if (inside.length > 0)
          found.set(
            row,
            inside.map((e) => e.exemplar),
          );
      }
      return found;
    },
    all: inOrder,
    count: () => ring.length - removed,
    limit: () => limit,
    resize(size): void {
      const entries = inOrder();
      limit = Math.max(0, size);
      rebuild(limit === 0 ? [] : entries.slice(-limit));
    },
    setWindow(window): void {
      window_ms = Math.max(0, window);
    },
    removeRow(row): void {
      const list = byRow.get(row);
      if (list === undefined) return;
      for (const entry of list) entry.removed = true;
      removed += list.length;
      byRow.delete(row);
    },
  };
}

function insert(byRow: Map<number, Entry[]>, entry: Entry): void {
  const list = byRow.get(entry.row);
  if (list === undefined) {
    byRow.set(entry.row, [entry]);
    return;
  }
  let at = list.length;
  while (at > 0 && list[at - 1]!.exemplar.t_ms > entry.exemplar.t_ms) at--;
  list.splice(at, 0, entry);
}

/** By time, value, labels. Labels in any order that is the same everywhere. */
function compareExemplars(a: Exemplar, b: Exemplar): number {
  if (a.t_ms !== b.t_ms) return a.t_ms - b.t_ms;
  if (!Object.is(a.value, b.value)) return a.value < b.value ? -1 : 1;
  for (let i = 0; i < Math.min(a.labels.length, b.labels.length); i++) {
    const order = compareText(a.labels[i]!, b.labels[i]!);
    if (order !== 0) return order;
  }
  return a.labels.length - b.labels.length;
}

function labelsFit(labels: Labels): boolean {
  let characters = 0;
  for (let i = 0; i < labels.length; i++) {
    if (i >= 2 && i % 2 === 0 && labels[i] === labels[i - 2]) return false;
    for (const _ of labels[i]!) characters++;
  }
  return characters <= LABELS_MAX_CHARACTERS;
}
