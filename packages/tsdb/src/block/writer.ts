// Writes a block: streaming, so that a block never has to fit in memory, into a folder of a temporary name that becomes the block's by one
// rename. Until then it is no block, and a start removes it.
import type { Files } from '@munjigi/env';
import { ENCODING } from '@munjigi/model';
import { newBufferedFile } from './buffered-file.ts';
import { newIndexWriter, type ChunkRows } from './index-writer.ts';
import { META_FILE, writeMeta, type BlockCompaction, type BlockMeta } from './meta.ts';
import { SEGMENT_BYTES, newSegmentWriter } from './segment-writer.ts';
import { NO_TOMBSTONES, TOMBSTONES_FILE, writeTombstones } from './tombstones.ts';

export const INDEX_FILE = 'index';
export const CHUNKS_DIR = 'chunks';
export const TMP_FOR_CREATION = '.tmp-for-creation';
/** Postings that are held at once: 20 bytes each. */
const BATCH_ENTRIES: number = 1024 * 1024;

export interface BlockWriterOptions {
  /** A segment file ends before it has more bytes. */
  readonly segmentBytes?: number;
  readonly batchEntries?: number;
}

/** What a block's meta.json says besides what the writer counts itself. */
export type MetaParts = Pick<BlockMeta, 'minTime' | 'maxTime' | 'thanos' | 'extra'> & {
  readonly compaction: BlockCompaction;
};

export interface BlockWriter {
  /** The next symbol, b[from..to), in the order of bytes; all of them before the first series. Numbers count from 0. */
  symbol(b: Uint8Array, from: number, to: number): void;
  /**
   * The next series in label order: symbol numbers labels[0..words), name and value in turn. One that gets no chunk is left out. The array is
   * read before this returns.
   */
  series(labels: Uint32Array, words: number): void;
  /** The series' next chunk in the order of time, without overlap (ms, both inclusive): its data with the 2-byte count is b[from..to). */
  chunk(
    encoding: number,
    mint: number,
    maxt: number,
    samples: number,
    b: Uint8Array,
    from: number,
    to: number,
  ): void;
  /**
   * Makes the block appear, whole and for good, and resolves with its meta. A block without samples does not appear. On an error nothing is
   * left, and the writer is of no more use.
   */
  finish(parts: MetaParts): Promise<BlockMeta>;
  /** Removes what was written. */
  abort(): void;
}

/** Writes the block `<parentDir>/<ulid>`. Throws EnvError when the disk refuses, StorageError EFBIG at the format's limits. */
export function newBlockWriter(
  files: Files,
  parentDir: string,
  ulid: string,
  o: BlockWriterOptions = {},
): BlockWriter {
  const dir = `${parentDir}/${ulid}`;
  const temporary = dir + TMP_FOR_CREATION;
  if (files.stat(temporary) !== null) files.removeTree(temporary);
  files.makeDir(`${temporary}/${CHUNKS_DIR}`);
  const segments = newSegmentWriter(files, `${temporary}/${CHUNKS_DIR}`, o.segmentBytes ?? SEGMENT_BYTES);
  const index = newIndexWriter(files, `${temporary}/${INDEX_FILE}`, o.batchEntries ?? BATCH_ENTRIES);
  const stats = { numFloatSamples: 0, numHistogramSamples: 0, numSeries: 0, numChunks: 0 };
  let labels = new Uint32Array(64);
  let words = 0;
  const rows: ChunkRows = {
    n: 0,
    mint: new Float64Array(16),
    maxt: new Float64Array(16),
    ref: new Float64Array(16),
  };

  function endSeries(): void {
    if (rows.n === 0) return;
    index.series(labels, words, rows);
    stats.numSeries++;
    stats.numChunks += rows.n;
    rows.n = 0;
  }

  async function writeFile(name: string, bytes: Uint8Array): Promise<void> {
    const file = newBufferedFile(files, `${temporary}/${name}`, 0);
    file.put(bytes, 0, bytes.length);
    await file.finish();
  }

  function abort(): void {
    segments.close();
    index.close();
    if (files.stat(temporary) !== null) files.removeTree(temporary);
  }

  async function publish(meta: BlockMeta): Promise<void> {
    await segments.finish();
    await index.finish();
    await writeFile(META_FILE, writeMeta(meta));
    await writeFile(TOMBSTONES_FILE, writeTombstones(NO_TOMBSTONES));
    await files.syncDir(temporary);
    files.rename(temporary, dir);
    await files.syncDir(parentDir);
  }

  return {
    symbol: (b, from, to) => index.symbol(b, from, to),
    series(list, count): void {
      endSeries();
      if (labels.length < count) labels = new Uint32Array(2 * count);
      labels.set(list.subarray(0, count));
      words = count;
      segments.series();
    },
    chunk(encoding, mint, maxt, samples, b, from, to): void {
      if (rows.n === rows.mint.length) growRows(rows);
      rows.mint[rows.n] = mint;
      rows.maxt[rows.n] = maxt;
      rows.ref[rows.n] = segments.chunk(encoding, b, from, to);
      rows.n++;
      if (encoding === ENCODING.xor || encoding === ENCODING.xor2) stats.numFloatSamples += samples;
      else stats.numHistogramSamples += samples;
    },
    async finish(parts): Promise<BlockMeta> {
      try {
        endSeries();
        const numSamples = stats.numFloatSamples + stats.numHistogramSamples;
        const meta: BlockMeta = {
          ulid,
          ...parts,
          stats: { numSamples, ...stats, numTombstones: 0 },
          version: 1,
        };
        if (numSamples === 0) abort();
        else await publish(meta);
        return meta;
      } catch (error) {
        try {
          abort();
        } catch {
          // The first error says more; a start removes what is left.
        }
        throw error;
      }
    },
    abort,
  };
}

function growRows(rows: ChunkRows): void {
  const grown = (old: Float64Array): Float64Array => {
    const next = new Float64Array(2 * old.length);
    next.set(old);
    return next;
  };
  rows.mint = grown(rows.mint);
  rows.maxt = grown(rows.maxt);
  rows.ref = grown(rows.ref);
}
