// What a store does by itself, one step after the other, again and again: the head's full ranges become blocks, blocks become larger ones, what is
// beyond the retention goes, the head is noted down for the next start. The compaction thread does the work; here is decided what, and
// the results take effect here in one step each. A step that fails is counted, said, and tried again at the next turn.
import { StorageError, type Selection } from '@munjigi/model';
import type { CompactionThread } from './compactor.ts';
import type { BlockList, ListedBlock } from './blocks.ts';
import { diskBytes, folderBytes } from './folders.ts';
import type { DbCounters } from './families.ts';
import type { DbEnv, OpenOptions } from './options.ts';
import type { RetentionNow } from '../compact/rewrite.ts';
import { appliedRetention } from '../compact/block-meta.ts';
import { HINT, blockRanges, planCompaction } from '../compact/plan.ts';
import { blocksBeyondRetention, needsFilter, type RetentionPolicy } from '../compact/retention.ts';
import { pendingUpload } from '../compact/upload.ts';
import type { BlockMeta } from '../block/meta.ts';
import { ULID_RANDOM_BYTES, newUlid } from '../block/ulid.ts';
import type { Head } from '../head/head.ts';

export interface Store {
  readonly env: DbEnv;
  readonly options: OpenOptions;
  readonly head: Head;
  readonly blocks: BlockList;
  readonly compaction: CompactionThread;
  readonly counters: DbCounters;
  /** Whether the store is being closed: long work ends early. */
  closing(): boolean;
}

/** All that is due now. Rejects with the first failure after the other steps were tried. */
export async function upkeep(s: Store): Promise<void> {
  const steps: readonly (readonly [name: string, step: () => Promise<void>])[] = [
    ['sweep', () => s.head.sweep()],
    ['head', () => cutHead(s)],
    ['compaction', () => compactBlocks(s)],
    ['retention', () => retain(s)],
    ['snapshot', () => snapshotWhenDue(s)],
  ];
  let failed: Error | null = null;
  for (const [name, step] of steps) {
    if (s.closing()) return;
    try {
      await step();
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      if (error.code === 'ECANCELED' || error.code === 'ECLOSED') return;
      s.counters.failures.set(name, (s.counters.failures.get(name) ?? 0) + 1);
      s.env.log.error(`upkeep of the store failed and is tried again: ${error.message}`, {
        step: name,
        path: s.options.path,
      });
      failed ??= error;
    }
  }
  await s.blocks.settled();
  if (failed !== null) throw failed;
}

/** Whether the head spans so much that its oldest range can get no sample in order any more. */
function headIsFull({ head, options }: Store): boolean {
  const { mint, maxt } = head.range();
  return mint <= maxt && maxt - mint > 1.5 * options.minBlock_ms;
}

/** Writes the head's full ranges to blocks, oldest first, then what came out of order, and shortens the log. */
async function cutHead(s: Store): Promise<void> {
  const range = s.options.minBlock_ms;
  let cut = false;
  while (headIsFull(s) && !s.closing()) {
    const { mint } = s.head.range();
    const end = range * (Math.floor(mint / range) + 1);
    const held = await s.head.selectAll(mint, end - 1, 'in-order');
    if (s.options.faults?.truncateBeforeCut === true)
      await s.head.truncate(end).then(() => truncateLog(s, end));
    await cutRange(s, held, mint, end);
    await s.head.truncate(end);
    await truncateLog(s, end);
    s.counters.headCuts++;
    cut = true;
  }
  if (cut) await cutOutOfOrder(s);
}

/** What was captured of [mint, end) in order becomes a block. */
async function cutRange(
  s: Store,
  held: { readonly selection: Selection; close(): void },
  mint: number,
  end: number,
): Promise<void> {
  const { env, options, blocks } = s;
  try {
    const meta = await s.compaction.jobs().cut({
      selection: held.selection,
      mint,
      maxt: end,
      dir: options.path,
      ulid: freshUlid(s),
      outOfOrder: false,
      xor2: options.xor2,
    });
    if (meta === null) return;
    blocks.replace(meta.ulid, []);
    env.log.info('a block was cut from the head', {
      block: meta.ulid,
      mint: meta.minTime,
      maxt: meta.maxTime,
      series: meta.stats.numSeries,
      samples: meta.stats.numSamples,
    });
  } finally {
    held.close();
  }
}

/** Everything that came out of order becomes blocks of its own, which the next compactions merge with those of the same time. */
async function cutOutOfOrder(s: Store): Promise<void> {
  const { options, blocks } = s;
  const mark = await s.head.markOutOfOrder();
  if (mark === null) return;
  const held = await s.head.selectAll(mark.mint, mark.maxt, 'out-of-order');
  try {
    if (options.faults?.lateLogBeforeBlocks === true) await s.head.truncateOutOfOrder(mark);
    const metas = await s.compaction.jobs().cutOutOfOrder({
      selection: held.selection,
      dir: options.path,
      range_ms: options.minBlock_ms,
      xor2: options.xor2,
    });
    for (const meta of metas) blocks.replace(meta.ulid, []);
    s.counters.outOfOrderCuts++;
  } finally {
    held.close();
  }
  await s.head.truncateOutOfOrder(mark);
}

/** What the first two thirds of the log's segments hold of lasting use becomes a checkpoint; then they go. As Prometheus does. */
async function truncateLog(s: Store, mint: number): Promise<void> {
  const { wal } = s.head;
  if (wal === null) return;
  const before = wal.segments();
  // Little traffic must not keep all of the log in one segment.
  wal.cut();
  const upTo = before.first + Math.floor((2 * (before.last - before.first)) / 3);
  if (upTo <= before.first) return;
  try {
    const { faults } = s.options;
    const live = await wal.liveRefs(upTo, mint);
    const refs = faults?.checkpointWithoutSeries === true ? new Float64Array(0) : live;
    // Series that only a dropped segment named must not depend on later ones that no sync has reached.
    await wal.sync();
    await s.compaction.jobs().checkpoint({
      dir: wal.dir,
      from: before.checkpoint,
      upTo,
      mint: faults?.checkpointWithoutSamples === true ? s.head.range().maxt : mint,
      tombstoneMint: Math.min(mint, s.head.range().outOfOrderMint),
      refs,
      compression: s.options.walCompression,
      faults: faults ?? {},
    });
    wal.truncated(upTo);
  } catch (error) {
    wal.failed();
    throw error;
  }
}

/** Merges blocks as planned until nothing is left to do. The head goes first when it gets full meanwhile. */
async function compactBlocks(s: Store): Promise<void> {
  const { env, options, blocks, counters } = s;
  const { delayCompactFile } = options;
  while (!s.closing()) {
    if (headIsFull(s)) return;
    const metas = mergeable(blocks);
    const plan = planCompaction(metas, {
      ranges_ms: ranges(s),
      ...(delayCompactFile === null ? {} : { excluded: pendingUpload(env.files, delayCompactFile, env.log) }),
    });
    if (plan.length === 0) return;
    const started = env.clock.monotonic();
    try {
      const { meta, replaced } = await s.compaction.jobs().compact({
        parents: plan,
        dir: options.path,
        ulid: freshUlid(s),
        xor2: options.xor2,
        ...retentionNow(s),
      });
      blocks.replace(meta?.ulid ?? null, replaced);
      counters.compactions++;
      counters.compaction_ms += env.clock.monotonic() - started;
      env.log.info('blocks were merged', { block: meta?.ulid ?? 'none', parents: plan.join(' ') });
    } catch (error) {
      // They may have been marked: the next plan must see it.
      for (const ulid of plan) blocks.refresh(ulid);
      throw error;
    }
  }
}

/**
 * Blocks of out-of-order samples that reach beyond the newest in-order block wait for that time to be cut from the head: merged with a block in
 * order they would make the next start believe that everything before their end is in blocks.
 */
function mergeable(blocks: BlockList): BlockMeta[] {
  const end = blocks.inOrderMaxt();
  return blocks
    .list()
    .map(({ meta }) => meta)
    .filter(
      ({ maxTime, compaction }) => maxTime <= end || compaction.hints?.includes(HINT.outOfOrder) !== true,
    );
}

function ranges({ options }: Store): number[] {
  const all = blockRanges(options.minBlock_ms, options.retention_ms);
  const { maxBlock_ms } = options;
  return maxBlock_ms === undefined ? all : all.filter((range, i) => i === 0 || range <= maxBlock_ms);
}

/** Removes blocks beyond the retention, and rewrites those that hold series whose own retention is over. */
async function retain(s: Store): Promise<void> {
  const { env, options, blocks, counters } = s;
  const policy = policyOf(s);
  const limited = options.retention_bytes > 0 || options.retention_percentage > 0;
  const beyond = blocksBeyondRetention(blocks.list(), policy, {
    bytes: options.retention_bytes,
    percentage: options.retention_percentage,
    diskBytes: limited ? diskBytes(env.files, options.path) : 0,
    headBytes: limited ? headBytes(s) : 0,
  });
  for (const [ulid, reason] of beyond) {
    env.log.info('a block is beyond the retention', { block: ulid, reason });
    if (reason === 'time') counters.timeRetentions++;
    else counters.sizeRetentions++;
  }
  if (beyond.size > 0) blocks.replace(null, [...beyond.keys()]);
  const newest_ms = newestEnd(blocks.list());
  for (const { meta } of blocks.list()) {
    if (s.closing()) return;
    if (!needsFilter(meta, appliedRetention(meta), newest_ms, policy)) continue;
    const { meta: written, replaced } = await s.compaction.jobs().filter({
      parent: meta.ulid,
      dir: options.path,
      ulid: freshUlid(s),
      xor2: options.xor2,
      retention: { policy, newest_ms },
    });
    // Nothing replaced: nothing was too old, and that is noted in the block's meta now.
    if (replaced.length > 0) blocks.replace(written?.ulid ?? null, replaced);
    else blocks.refresh(meta.ulid);
    counters.filtered++;
  }
}

function policyOf({ options }: Store): RetentionPolicy {
  return { retention_ms: options.retention_ms, rules: options.retentionBy };
}

/** Merges leave out on the way what is too old by a rule. */
function retentionNow(s: Store): { retention?: RetentionNow } {
  if (s.options.retentionBy.length === 0) return {};
  return { retention: { policy: policyOf(s), newest_ms: newestEnd(s.blocks.list()) } };
}

function newestEnd(blocks: readonly ListedBlock[]): number {
  return blocks.reduce((newest, { meta }) => Math.max(newest, meta.maxTime), -Infinity);
}

/** What the log, the out-of-order log and the head's chunks take on disk. */
function headBytes({ env, options }: Store): number {
  return ['wal', 'wbl', 'chunks_head'].reduce(
    (sum, dir) => sum + folderBytes(env.files, `${options.path}/${dir}`),
    0,
  );
}

async function snapshotWhenDue(s: Store): Promise<void> {
  const { snapshotInterval_ms } = s.options;
  if (snapshotInterval_ms === 0) return;
  const due = s.counters.snapshotAt_ms + snapshotInterval_ms;
  if (s.env.clock.monotonic() >= due) await writeHeadSnapshot(s);
}

/** Notes the head down, so that the next start reads the log from here on only. */
export async function writeHeadSnapshot(s: Store): Promise<void> {
  const captured = await s.head.captureSnapshot();
  s.counters.snapshotAt_ms = s.env.clock.monotonic();
  if (captured === null) return;
  try {
    await s.compaction.jobs().snapshotHead({ path: s.options.path, data: captured.data }, captured.transfer);
  } finally {
    captured.close();
  }
}

export function freshUlid({ env }: Store): string {
  return newUlid(env.clock.now(), env.random.bytes(ULID_RANDOM_BYTES));
}
