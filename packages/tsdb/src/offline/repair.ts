// What can be done about damage, as steps that are first shown and then carried out: nothing is thrown away, what is replaced is moved into a
// folder beside.
import type { Clock, Files, Random } from '@munjigi/env';
import { newBlockCache } from '../block/cache.ts';
import type { BlockMeta } from '../block/meta.ts';
import { openIndex, type IndexReader } from '../block/index-reader.ts';
import { newSeriesEntry, type SeriesEntry } from '../block/series-entry.ts';
import {
  NO_TOMBSTONES,
  TOMBSTONES_FILE,
  findTombstones,
  readTombstones,
  type Tombstones,
} from '../block/tombstones.ts';
import { INDEX_FILE } from '../block/writer.ts';
import { newUlid, ULID_RANDOM_BYTES } from '../block/ulid.ts';
import { openChunkWindow, type ChunkWindow } from '../compact/chunk-window.ts';
import {
  growRows,
  newChunkRows,
  type ChunkRows,
  type ChunkView,
  type SeriesSource,
  type SymbolView,
} from '../compact/source.ts';
import { writeBlock } from '../compact/write-block.ts';
import { segmentName } from '../wal/segments.ts';
import { MAX_EMPTY_END_MS, isBlockTime, type BlockVerdict } from './verify-block.ts';
import type { LogDamage, OfflineEnv } from './verify-log.ts';
import type { StoreVerdict } from './verify-store.ts';

export interface RepairStep {
  /** What it does, for a person. */
  readonly what: string;
  readonly apply: () => Promise<string>;
}

export interface RepairEnv extends OfflineEnv {
  readonly clock: Clock;
  readonly random: Random;
}

/** The steps that mend what `verdict` found. `aside`: where what is replaced goes; it is made when the first step needs it. */
export function planRepair(env: RepairEnv, path: string, verdict: StoreVerdict, aside: string): RepairStep[] {
  const steps: RepairStep[] = [];
  for (const [ulid, block] of verdict.blocks)
    if (block.damages > 0) steps.push(repairBlock(env, path, ulid, block, aside));
  const { damage } = verdict.headChunks;
  if (damage !== null) steps.push(cutHeadChunks(env.files, path, damage, aside));
  for (const log of [...verdict.wal.damages, ...verdict.wbl.damages])
    steps.push(cutLog(env.files, path, log, aside));
  for (const dir of verdict.snapshots)
    steps.push({
      what: `${dir}: it is set aside: the next start reads the log instead`,
      apply: async () => {
        await moveAside(env.files, path, dir, aside);
        return `${dir} was set aside`;
      },
    });
  return steps;
}

function repairBlock(env: RepairEnv, path: string, ulid: string, v: BlockVerdict, aside: string): RepairStep {
  const dir = `${path}/${ulid}`;
  const setAside = (): Promise<void> => moveAside(env.files, path, dir, aside);
  if (v.refs.length === 0 || v.goodChunks.length === 0)
    return {
      what: `${dir}: nothing of it can be read: it is set aside`,
      apply: async () => {
        await setAside();
        return `${dir} was set aside`;
      },
    };
  const back = v.tombstonesUsable
    ? ''
    : '; what was deleted from it comes back, as its tombstones cannot be read';
  return {
    what: `${dir}: ${v.samples} samples of ${v.series} series can be read: they are written into a new block, and it is set aside${back}`,
    apply: async () => {
      const meta = await salvage(env, path, dir, v);
      await setAside();
      return meta === null
        ? `${dir} was set aside, nothing of it was left`
        : `${path}/${meta.ulid} has ${meta.stats.numSamples} samples of ${meta.stats.numSeries} series, ${dir} was set aside`;
    },
  };
}

const CACHE_BYTES: number = 32 * 1024 * 1024;

async function salvage(
  env: RepairEnv,
  path: string,
  dir: string,
  v: BlockVerdict,
): Promise<BlockMeta | null> {
  const { files, clock, random } = env;
  const source = new ReadablePart(files, dir, v);
  const ulid = newUlid(clock.now(), random.bytes(ULID_RANDOM_BYTES));
  try {
    return await writeBlock(
      files,
      path,
      [source],
      {
        ulid,
        ...rangeOf(v),
        compaction: v.meta?.compaction ?? { level: 1, sources: [ulid] },
        ...(v.meta?.thanos === undefined ? {} : { thanos: v.meta.thanos }),
        ...(v.meta?.extra === undefined ? {} : { extra: v.meta.extra }),
      },
      { xor2: false },
    );
  } finally {
    source.close();
  }
}

/** What meta.json says where that can be, else what the chunks span. */
function rangeOf({ meta, mint, maxt }: BlockVerdict): { minTime: number; maxTime: number } {
  const begins = meta !== null && meta.minTime <= mint && isBlockTime(meta.minTime);
  const ends = meta !== null && meta.maxTime > maxt && meta.maxTime - maxt <= MAX_EMPTY_END_MS;
  return { minTime: begins ? meta.minTime : mint, maxTime: ends ? meta.maxTime : maxt + 1 };
}

/** Series and chunks of a block that were found to be good, as a source of the merge. By its index alone: meta.json may be gone. */
class ReadablePart implements SeriesSource {
  readonly name: string;
  readonly symbolCount: number;
  readonly chunks: ChunkRows = newChunkRows();
  readonly deleted: ChunkRows = newChunkRows();
  labels: Uint32Array = new Uint32Array(0);
  labelCount = 0;
  readonly #index: IndexReader;
  readonly #entry: SeriesEntry = newSeriesEntry();
  readonly #series: readonly number[];
  readonly #good: ReadonlySet<number>;
  readonly #tombstones: Tombstones;
  readonly #window: ChunkWindow;
  readonly #refs: number[] = [];
  readonly #symbol: SymbolView = { number: 0, b: new Uint8Array(0), from: 0, to: 0 };
  #nextSymbol = 0;
  #nextSeries = 0;

  constructor(files: Files, dir: string, v: BlockVerdict) {
    this.name = `what can be read of ${dir}`;
    this.#index = openIndex(
      files,
      `${dir}/${INDEX_FILE}`,
      newBlockCache(CACHE_BYTES),
      v.meta?.version === 2 ? 2 : 0,
    );
    this.symbolCount = this.#index.symbols.count;
    this.#series = v.refs;
    this.#good = new Set(v.goodChunks);
    const path = `${dir}/${TOMBSTONES_FILE}`;
    const has = v.tombstonesUsable && files.stat(path) !== null;
    this.#tombstones = has ? readTombstones(files.readFile(path), path) : NO_TOMBSTONES;
    this.#window = openChunkWindow(files, dir);
  }

  close(): void {
    this.#window.close();
    this.#index.close();
  }

  nextSymbol(): SymbolView | null {
    if (this.#nextSymbol >= this.symbolCount) return null;
    const symbol = this.#symbol;
    symbol.number = this.#nextSymbol++;
    const { b, from, to } = this.#index.symbols.view(symbol.number);
    symbol.b = b;
    symbol.from = from;
    symbol.to = to;
    return symbol;
  }

  next(): boolean {
    if (this.#nextSeries >= this.#series.length) return false;
    const ref = this.#series[this.#nextSeries++]!;
    const entry = this.#entry;
    this.#index.series(ref, -Infinity, Infinity, entry);
    this.labels = entry.labels;
    this.labelCount = entry.labelCount;
    const { chunks, deleted } = this;
    chunks.count = 0;
    this.#refs.length = 0;
    growRows(chunks, entry.chunkCount);
    for (let i = 0; i < entry.chunkCount; i++) {
      if (!this.#good.has(entry.chunkRef[i]!)) continue;
      chunks.mint[chunks.count] = entry.chunkMint[i]!;
      chunks.maxt[chunks.count] = entry.chunkMaxt[i]!;
      chunks.source[chunks.count++] = 1;
      this.#refs.push(entry.chunkRef[i]!);
    }
    deleted.count = 0;
    const t = this.#tombstones;
    const row = findTombstones(t, ref);
    if (row < 0) return true;
    growRows(deleted, t.first[row + 1]! - t.first[row]!);
    for (let k = t.first[row]!; k < t.first[row + 1]!; k++) {
      deleted.mint[deleted.count] = t.mint[k]!;
      deleted.maxt[deleted.count] = t.maxt[k]!;
      deleted.source[deleted.count++] = 1;
    }
    return true;
  }

  read(i: number): ChunkView {
    return this.#window.read(this.#refs[i]!);
  }
}

function cutHeadChunks(
  files: Files,
  path: string,
  damage: { readonly path: string; readonly offset: number; readonly reason: string },
  aside: string,
): RepairStep {
  const slash = damage.path.lastIndexOf('/');
  const dir = damage.path.slice(0, slash);
  const name = damage.path.slice(slash + 1);
  const later = files
    .list(dir)
    .filter((entry) => entry.kind === 'file' && /^\d+$/.test(entry.name) && Number(entry.name) > Number(name))
    .map((entry) => entry.name);
  return {
    what: `${damage.path}: cut at byte ${damage.offset} (${damage.reason})${andLater(later.length, 'file')}; their samples come from the log`,
    apply: () => cut(files, path, dir, name, damage.offset, later, aside),
  };
}

function cutLog(files: Files, path: string, damage: LogDamage, aside: string): RepairStep {
  const name = segmentName(damage.segment);
  const later = files
    .list(damage.dir)
    .filter(
      (entry) => entry.kind === 'file' && /^\d{8,}$/.test(entry.name) && Number(entry.name) > damage.segment,
    )
    .map((entry) => entry.name);
  return {
    what: `${damage.dir}/${name}: cut at byte ${damage.offset} (${damage.reason})${andLater(later.length, 'segment')}`,
    apply: () => cut(files, path, damage.dir, name, damage.offset, later, aside),
  };
}

function andLater(n: number, what: string): string {
  if (n === 0) return '';
  return n === 1
    ? `, and the ${what} after it is set aside`
    : `, and the ${n} ${what}s after it are set aside`;
}

/** Sets aside later files and a copy of the damaged one, then cuts that. */
async function cut(
  files: Files,
  path: string,
  dir: string,
  name: string,
  offset: number,
  later: readonly string[],
  aside: string,
): Promise<string> {
  // From the last one down: a crash in between leaves what the next start mends in the same way.
  for (const file of later.toSorted().toReversed()) await moveAside(files, path, `${dir}/${file}`, aside);
  const damaged = `${dir}/${name}`;
  if (files.stat(damaged) === null) return `${later.length} files were set aside`;
  if (offset === 0) await moveAside(files, path, damaged, aside);
  else {
    await files.writeWhole(placeAside(files, path, damaged, aside), files.readFile(damaged));
    const file = files.open(damaged, 'rw');
    try {
      file.truncate(offset);
      await file.sync();
    } finally {
      file.close();
    }
  }
  return `${damaged} ends at byte ${offset} now${later.length > 0 ? `, ${later.length} files after it were set aside` : ''}`;
}

/** The path of a file of the store below `aside`, whose folder is there afterwards. */
function placeAside(files: Files, path: string, from: string, aside: string): string {
  const to = `${aside}${from.slice(path.length)}`;
  files.makeDir(to.slice(0, to.lastIndexOf('/')));
  return to;
}

async function moveAside(files: Files, path: string, from: string, aside: string): Promise<void> {
  const to = placeAside(files, path, from, aside);
  files.rename(from, to);
  await files.syncDir(to.slice(0, to.lastIndexOf('/')));
  await files.syncDir(from.slice(0, from.lastIndexOf('/')));
}
