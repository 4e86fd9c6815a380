// Which blocks become one next: Prometheus' levelled plan, as pure functions over metas. Ranges grow by three from the head's block range;
// overlapping blocks come first, the newest block is left alone, and blocks with many tombstones are written anew.
import type { BlockMeta } from '../block/meta.ts';

const DAY_MS = 86_400_000;
/** No block spans more than this, nor more than a tenth of the retention. */
const LONGEST_BLOCK_MS: number = 31 * DAY_MS;
const STEPS = 10;
const STEP_FACTOR = 3;
/** A big block with more than this share of its series under tombstones is written anew. */
const TOMBSTONE_SHARE = 0.05;

/**
 * What `compaction.hints` says of where a block's data came from. The last two are blocks made of a part of the head's series only: they are
 * merged among themselves, because a block with all series of its time tells the log's replay where to begin and these do not.
 */
export const HINT = {
  outOfOrder: 'from-out-of-order',
  staleSeries: 'from-stale-series',
  selectedSeries: 'from-selected-series',
} as const;

export interface PlanOptions {
  /** Ascending, ms; the first is the head's block range. */
  readonly ranges_ms: readonly number[];
  /** Blocks that must wait (a shipper has not uploaded them yet). */
  readonly excluded?: (meta: BlockMeta) => boolean;
}

/** The ranges of blocks in ms: `smallest_ms` times 3^n up to a tenth of the retention (0: for ever) and 31 days. Never empty. */
export function blockRanges(smallest_ms: number, retention_ms: number): number[] {
  const longest =
    retention_ms > 0 ? Math.min(LONGEST_BLOCK_MS, Math.floor(retention_ms / 10)) : LONGEST_BLOCK_MS;
  const ranges = [smallest_ms];
  for (let range = smallest_ms * STEP_FACTOR; range <= longest && ranges.length < STEPS; range *= STEP_FACTOR)
    ranges.push(range);
  return ranges;
}

/**
 * The ulids of the blocks to merge next, oldest first; one ulid: that block is to be written anew without what its tombstones hide; empty:
 * nothing is to be done. As Prometheus 3 plans (tsdb/compact.go).
 */
export function planCompaction(metas: readonly BlockMeta[], o: PlanOptions): string[] {
  const waiting = o.excluded;
  let known = metas.toSorted((a, b) => (a.ulid < b.ulid ? -1 : 1));
  if (waiting !== undefined) {
    // Uploads go from old to new as compactions do: behind the first block that waits nothing is merged, or gaps would be left.
    const first = known.findIndex(waiting);
    if (first >= 0) known = known.slice(0, first);
  }
  const classes: [whole: BlockMeta[], stale: BlockMeta[], selected: BlockMeta[]] = [[], [], []];
  for (const meta of known) {
    const { hints } = meta.compaction;
    const of = hints?.includes(HINT.staleSeries) ? 1 : hints?.includes(HINT.selectedSeries) ? 2 : 0;
    classes[of].push(meta);
  }
  for (const blocks of classes) {
    const plan = planClass(blocks, o.ranges_ms);
    if (plan.length > 0) return plan.map((meta) => meta.ulid);
  }
  return [];
}

function planClass(blocks: readonly BlockMeta[], ranges_ms: readonly number[]): readonly BlockMeta[] {
  const byTime = blocks.toSorted((a, b) => a.minTime - b.minTime);
  const overlapping = firstOverlap(byTime);
  if (overlapping.length > 0) return overlapping;
  // The newest block stays for as long as it is the newest: who copies blocks away has that long before it changes.
  byTime.pop();
  const together = adjacent(byTime, ranges_ms);
  return together.length > 0 ? together : withTombstones(byTime, ranges_ms);
}

/**
 * The first run of blocks that overlap, in the order of time. One with a block whose merge failed is passed over (Prometheus tries it again and
 * again, and merges nothing else meanwhile).
 */
function firstOverlap(blocks: readonly BlockMeta[]): BlockMeta[] {
  let run: BlockMeta[] = [];
  let maxt = -Infinity;
  for (const block of blocks) {
    if (block.minTime >= maxt) {
      if (run.length > 1 && !run.some(isFailed)) return run;
      run = [];
    }
    run.push(block);
    maxt = Math.max(maxt, block.maxTime);
  }
  return run.length > 1 && !run.some(isFailed) ? run : [];
}

function isFailed(meta: BlockMeta): boolean {
  return meta.compaction.failed === true;
}

/** The blocks of one aligned range that is full, or that lies before the newest block and so will not fill any more. */
function adjacent(blocks: readonly BlockMeta[], ranges_ms: readonly number[]): readonly BlockMeta[] {
  const newest = blocks.at(-1);
  if (newest === undefined) return [];
  for (const range of ranges_ms.slice(1))
    for (const part of splitByRange(blocks, range)) {
      if (part.length < 2 || part.some(isFailed)) continue;
      const maxt = part.at(-1)!.maxTime;
      if (maxt - part[0]!.minTime === range || maxt <= newest.minTime) return part;
    }
  return [];
}

/** Groups of blocks that lie in the same range [k * range, (k + 1) * range); blocks that cross such a border are left out. */
export function splitByRange(blocks: readonly BlockMeta[], range_ms: number): BlockMeta[][] {
  const parts: BlockMeta[][] = [];
  let end = -Infinity;
  for (const block of blocks) {
    const itsEnd = range_ms * (Math.floor(block.minTime / range_ms) + 1);
    if (block.maxTime <= end) parts.at(-1)!.push(block);
    else if (block.maxTime <= itsEnd) {
      end = itsEnd;
      parts.push([block]);
    } else end = -Infinity;
  }
  return parts;
}

/** The newest block that is big and has many tombstones, or whose every series is deleted. */
function withTombstones(blocks: readonly BlockMeta[], ranges_ms: readonly number[]): BlockMeta[] {
  const big_ms = ranges_ms[Math.floor(ranges_ms.length / 2)]!;
  for (const meta of blocks.toReversed()) {
    const { numTombstones, numSeries } = meta.stats;
    if (meta.maxTime - meta.minTime < big_ms)
      return numTombstones > 0 && numTombstones >= numSeries ? [meta] : [];
    if (numTombstones / (numSeries + 1) > TOMBSTONE_SHARE) return [meta];
  }
  return [];
}

/**
 * What the block made of `parents` (oldest first) says of itself, but for its statistics: it spans them all, is one level above the highest, comes
 * from all their sources, and keeps a hint of origin where that is still true of all of it.
 */
export function mergedMeta(
  ulid: string,
  parents: readonly BlockMeta[],
): Pick<BlockMeta, 'ulid' | 'minTime' | 'maxTime' | 'compaction'> {
  const has = (hint: string) => (meta: BlockMeta) => meta.compaction.hints?.includes(hint) === true;
  const hints: string[] = [];
  if (parents.every(has(HINT.outOfOrder))) hints.push(HINT.outOfOrder);
  for (const hint of [HINT.staleSeries, HINT.selectedSeries]) if (parents.some(has(hint))) hints.push(hint);
  return {
    ulid,
    minTime: Math.min(...parents.map((meta) => meta.minTime)),
    maxTime: Math.max(...parents.map((meta) => meta.maxTime)),
    compaction: {
      level: 1 + Math.max(...parents.map((meta) => meta.compaction.level)),
      sources: [...new Set(parents.flatMap((meta) => meta.compaction.sources))].sort(),
      parents: parents.map(described),
      ...(hints.length > 0 ? { hints } : {}),
    },
  };
}

/**
 * Order of age of the blocks' data, oldest first: where samples of a time differ, what was written later counts. A merged block is as old
 * as the newest of its sources.
 */
export function byAge(a: BlockMeta, b: BlockMeta): number {
  const [x, y] = [newestSource(a), newestSource(b)];
  if (x !== y) return x < y ? -1 : 1;
  return a.ulid < b.ulid ? -1 : a.ulid > b.ulid ? 1 : 0;
}

function newestSource(meta: BlockMeta): string {
  return meta.compaction.sources.reduce((newest, ulid) => (ulid > newest ? ulid : newest), '') || meta.ulid;
}

/** A parent as a meta names it. */
export function described(meta: BlockMeta): { ulid: string; minTime: number; maxTime: number } {
  const { ulid, minTime, maxTime } = meta;
  return { ulid, minTime, maxTime };
}
