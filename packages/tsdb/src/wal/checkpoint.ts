// A checkpoint: what the oldest segments of the log hold of lasting use, in a folder of its own, after which they may go. From files to files, as
// Prometheus 3.16 does it: series that are still needed and their newest metadata, samples and exemplars from a time on, tombstones that
// still hide something. Any thread may do it: it takes plain data only.
import { EnvError, type Clock, type Codec, type Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import { newByteWriter, putUvarint, readInt64, room } from './bytes.ts';
import type { WalCompression } from './compress.ts';
import { crc32c } from './crc32c.ts';
import { filterRecord, type RecordFilter } from './filter-record.ts';
import { newWalReader, type WalReader } from './reader.ts';
import { RECORD, beginRecord, putMinValidTime } from './record.ts';
import { checkpointName, listSegments, listWal, segmentName } from './segments.ts';
import { newWalWriter, type WalWriter } from './writer.ts';
import type { PlantedFaults } from '../faults.ts';

/** Records are written together up to this size, and metadata records are cut there. */
const FLUSH_BYTES: number = 1024 * 1024;
const METADATA_RECORD_BYTES: number = 64 * 1024;
const SEGMENT_BYTES: number = 128 * 1024 * 1024;

export interface CheckpointOptions {
  /** The log's folder. */
  readonly dir: string;
  /** The newest checkpoint, which is read first; -1: none. */
  readonly from: number;
  /** Segments up to this one are read, and go. The checkpoint gets its number. */
  readonly upTo: number;
  /** Samples and exemplars before it (ms) are dropped. */
  readonly mint: number;
  /** Tombstones that end before it (ms) are dropped: `mint`, or the oldest sample out of order. Absent: `mint`. */
  readonly tombstoneMint?: number;
  /** Log references of the series that are kept, ascending. */
  readonly refs: Float64Array;
  readonly compression?: WalCompression | undefined;
  readonly faults: PlantedFaults;
}

export interface CheckpointStats {
  /** Entries of all kinds. */
  readonly kept: number;
  readonly dropped: number;
  readonly bytes: number;
}

/**
 * Writes the checkpoint numbered `upTo`; once that is sure to last it removes what it stands for. Throws StorageError when the disk fails or the
 * log is damaged: then everything is as before.
 */
export async function checkpoint(
  env: { files: Files; clock: Clock; codec: Codec },
  o: CheckpointOptions,
): Promise<CheckpointStats> {
  const { files } = env;
  if (o.upTo <= o.from) return { kept: 0, dropped: 0, bytes: 0 };
  const name = `${o.dir}/${checkpointName(o.upTo)}`;
  const temporary = `${name}.tmp`;
  try {
    files.removeTree(temporary);
    files.makeDir(temporary);
    const stats = await write(env, o, temporary);
    files.rename(temporary, name);
    await files.syncDir(o.dir);
    await removeUpTo(files, o.dir, o.upTo);
    return stats;
  } catch (error) {
    removeQuietly(files, temporary);
    if (!(error instanceof EnvError || error instanceof StorageError)) throw error;
    throw new StorageError(
      error.code,
      `cannot make the checkpoint ${name}: ${error.message}. The log keeps its segments meanwhile`,
      error.code === 'ENOSPC',
    );
  }
}

function removeQuietly(files: Files, dir: string): void {
  try {
    files.removeTree(dir);
  } catch (error) {
    // The next start removes it.
    if (!(error instanceof EnvError)) throw error;
  }
}

async function write(
  env: { files: Files; clock: Clock; codec: Codec },
  o: CheckpointOptions,
  temporary: string,
): Promise<CheckpointStats> {
  const { clock } = env;
  const writer = newWalWriter(env, {
    dir: temporary,
    firstSegment: 0,
    segmentBytes: SEGMENT_BYTES,
    compression: o.compression ?? 'none',
    faults: o.faults,
  });
  try {
    const w = newByteWriter(2 * FLUSH_BYTES);
    let ends: number[] = [];
    const flush = async (): Promise<void> => {
      if (ends.length > 0) writer.log(w, ends);
      ends = [];
      w.n = 0;
      await clock.yield();
    };
    putMinValidTime(w, Math.max(o.mint, readMinValidTime(env, o)));
    ends.push(w.n);
    const metadata = newLastMetadata(o.refs);
    const filter: RecordFilter = {
      keep: (ref) => metadata.index(ref) >= 0,
      mint: o.mint,
      tombstoneMint: o.tombstoneMint ?? o.mint,
      metadata: (ref, b, from, to) => metadata.set(ref, b, from, to),
      kept: 0,
      dropped: 0,
    };
    for (const { dir, reader } of sources(env, o)) {
      try {
        while (reader.next()) {
          const start = w.n;
          const wrong = filterRecord(reader.bytes, reader.from, reader.to, filter, w);
          if (wrong !== '') throw damaged(dir, reader.segment, reader.before, wrong);
          if (w.n > start) ends.push(w.n);
          if (w.n > FLUSH_BYTES) await flush();
        }
        const c = reader.corruption;
        if (c !== null) throw damaged(dir, c.segment, c.offset, c.reason);
      } finally {
        reader.close();
      }
    }
    await flush();
    await metadata.write(writer, flush);
    if (o.faults.renameBeforeData !== true) await writer.syncTo(writer.written());
    return { kept: filter.kept, dropped: filter.dropped, bytes: writer.written() };
  } finally {
    writer.close();
  }
}

/** The checkpoint before, then the segments after it. */
function* sources(
  env: { files: Files; codec: Codec },
  o: CheckpointOptions,
): Generator<{ dir: string; reader: WalReader }> {
  if (o.from >= 0) {
    const dir = `${o.dir}/${checkpointName(o.from)}`;
    yield { dir, reader: newWalReader(env, dir, listSegments(env.files, dir)) };
  }
  const segments = listWal(env.files, o.dir).segments.filter((n) => n > o.from && n <= o.upTo);
  yield { dir: o.dir, reader: newWalReader(env, o.dir, segments) };
}

function damaged(dir: string, segment: number, at: number, reason: string): StorageError {
  return new StorageError(
    'EFORMAT',
    `${dir}/${segmentName(segment)}: byte ${at}: ${reason}: a restart repairs the log`,
    false,
  );
}

/** What the checkpoint before says about the oldest time that is taken (ms); -Infinity: nothing. */
function readMinValidTime(env: { files: Files; codec: Codec }, o: CheckpointOptions): number {
  if (o.from < 0) return -Infinity;
  const dir = `${o.dir}/${checkpointName(o.from)}`;
  const reader = newWalReader(env, dir, listSegments(env.files, dir));
  try {
    if (!reader.next() || reader.bytes[reader.from] !== RECORD.minValidTime) return -Infinity;
    const r = { b: reader.bytes, at: reader.from + 1, end: reader.to, bad: false };
    const t = readInt64(r);
    return r.bad ? -Infinity : t;
  } finally {
    reader.close();
  }
}

interface LastMetadata {
  /** The place of `ref` among the references, negative when it is none. */
  index(ref: number): number;
  set(ref: number, b: Uint8Array, from: number, to: number): void;
  /** All of it as records. */
  write(writer: WalWriter, rest: () => Promise<void>): Promise<void>;
}

/** The newest metadata of each of `refs`: a number a series, and each different text once. */
function newLastMetadata(refs: Float64Array): LastMetadata {
  /** Texts are numbered from 1: the newest of a hash, and for each the one before it of the same hash. */
  const numbers = new Map<number, number>();
  const next: number[] = [];
  const texts: Uint8Array[] = [];
  const of = new Uint32Array(refs.length);

  function index(ref: number): number {
    let low = 0;
    let high = refs.length - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const at = refs[middle]!;
      if (at === ref) return middle;
      if (at < ref) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  return {
    index,
    set(ref, b, from, to): void {
      const hash = crc32c(b, from, to);
      let number = numbers.get(hash) ?? 0;
      while (number !== 0 && !sameBytes(texts[number - 1]!, b, from, to)) number = next[number - 1]!;
      if (number === 0) {
        next.push(numbers.get(hash) ?? 0);
        texts.push(b.slice(from, to));
        number = texts.length;
        numbers.set(hash, number);
      }
      of[index(ref)] = number;
    },
    async write(writer, rest): Promise<void> {
      const w = newByteWriter(2 * METADATA_RECORD_BYTES);
      for (let i = 0; i < refs.length; i++) {
        const number = of[i]!;
        if (number === 0) continue;
        const text = texts[number - 1]!;
        if (w.n === 0) beginRecord(w, RECORD.metadata);
        room(w, 10 + text.length);
        w.n = putUvarint(w.b, w.n, refs[i]!);
        w.b.set(text, w.n);
        w.n += text.length;
        if (w.n < METADATA_RECORD_BYTES) continue;
        writer.log(w, [w.n]);
        w.n = 0;
        await rest();
      }
      if (w.n > 0) writer.log(w, [w.n]);
    },
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array, from: number, to: number): boolean {
  if (a.length !== to - from) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[from + i]) return false;
  return true;
}

/** Removes the segments up to `upTo`, and all checkpoints but the newest one. */
async function removeUpTo(files: Files, dir: string, upTo: number): Promise<void> {
  const { segments, leftovers } = listWal(files, dir);
  for (const n of segments) if (n <= upTo) files.remove(`${dir}/${segmentName(n)}`);
  for (const name of leftovers) files.removeTree(`${dir}/${name}`);
  await files.syncDir(dir);
}
