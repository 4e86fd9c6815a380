// Wrong bytes for every decoder of the log's side: records, compressed records, segments, head chunks, checkpoints, snapshots. They must say what is
// wrong or give wrong entries, in bounded time and memory, and throw nothing but a StorageError where the contract says so.
import { simWorld } from '@munjigi/env/sim';
import { StorageError } from '@munjigi/model';
import { newByteWriter, putU32, type ByteWriter } from '../wal/bytes.ts';
import { checkpoint } from '../wal/checkpoint.ts';
import { newCompressor, newDecompressor, type WalCompression } from '../wal/compress.ts';
import { crc32c } from '../wal/crc32c.ts';
import { filterRecord } from '../wal/filter-record.ts';
import { frameRecord } from '../wal/frame.ts';
import { scanHeadChunks } from '../wal/head-chunk-scan.ts';
import { headChunkFile, newHeadChunkWriter } from '../wal/head-chunks.ts';
import { newWalReader } from '../wal/reader.ts';
import { readRecord } from '../wal/record.ts';
import { segmentName } from '../wal/segments.ts';
import {
  putSnapshotSeries,
  putSnapshotTombstones,
  readSnapshotRecord,
  type SnapshotChunk,
} from '../wal/snapshot-record.ts';
import { hexOf } from './chunk-vectors.ts';
import type { Dice } from './histories.ts';
import {
  collectEntries,
  cutRecords,
  writeEntries,
  type LogEntry,
  type PlainHistogram,
} from './wal-entries.ts';

type World = ReturnType<typeof simWorld>;
const WORLD_ROUNDS = 200;

/** Runs `rounds` inputs; throws an Error with the input's bytes in hexadecimal when a decoder breaks its promises. */
export async function fuzzWal(random: Dice, rounds: number): Promise<void> {
  let world = simWorld(1);
  const targets: Record<string, (b: Uint8Array) => Promise<void> | void> = {
    record: fuzzRecord,
    snapshot: fuzzSnapshot,
    compressed: (b) => fuzzCompressed(world, b),
    segment: (b) => fuzzSegment(world, b),
    checkpoint: (b) => fuzzCheckpoint(world, b),
    headChunks: (b) => fuzzHeadChunks(world, b),
  };
  const names = Object.keys(targets);
  for (let round = 0; round < rounds; round++) {
    // A world remembers everything that happened in it.
    if (round % WORLD_ROUNDS === 0) world = simWorld(1);
    const name = names[random.below(names.length)]!;
    const valid = random.below(10) === 0 ? randomBytes(random, 200) : validInput(world, random, name);
    const b =
      name === 'headChunks' && random.below(2) === 0 ? mutateChunk(random, valid) : mutate(random, valid);
    try {
      await targets[name]!(b);
    } catch (error) {
      throw new Error(`${name}, bytes ${hexOf(b)}: ${String(error)}`, { cause: error });
    }
  }
}

// ---- inputs

function randomBytes(random: Dice, most: number): Uint8Array {
  return Uint8Array.from({ length: 1 + random.below(most) }, () => random.below(256));
}

/** A few bytes changed, removed or doubled; now and then none. */
function mutate(random: Dice, valid: Uint8Array): Uint8Array {
  let b = valid.slice();
  for (let i = random.below(4); i > 0; i--) {
    const at = random.below(b.length);
    const kind = random.below(8);
    if (kind === 0) b = b.slice(0, Math.max(1, at));
    else if (kind === 1) b = Uint8Array.from([...b.subarray(0, at), ...b.subarray(at + 1), 0]);
    else if (kind === 2) b = Uint8Array.from([...b.subarray(0, at), ...b.subarray(Math.max(0, at - 9))]);
    else if (kind < 5) b[at] = [0, 0xff, 0x7f, 0x80][random.below(4)]!;
    else b[at] = random.below(256);
  }
  return b;
}

function validInput(world: World, random: Dice, name: string): Uint8Array {
  if (name === 'headChunks') return headChunks(world, random);
  if (name === 'snapshot') return snapshotRecord(random);
  const records = cutRecords(writeEntries(someEntries(random), random.below(2) === 0));
  if (name === 'record') return records[random.below(records.length)]!;
  const compression = (['none', 'snappy', 'zstd'] as const)[random.below(3)]!;
  const out = newByteWriter(1024);
  for (const record of name === 'compressed' ? records.slice(0, 1) : records)
    frame(world, out, record, compression);
  return out.b.slice(name === 'compressed' ? 7 : 0, out.n);
}

function frame(world: World, out: ByteWriter, record: Uint8Array, compression: WalCompression): void {
  const compressor = newCompressor(world.env.codec, compression);
  const bits = compressor?.compress(record, 0, record.length) ?? 0;
  if (bits === 0) frameRecord(out, 0, record, 0, record.length);
  else frameRecord(out, 0, compressor!.out.b, 0, compressor!.out.n, bits);
}

const HISTOGRAMS: readonly PlainHistogram[] = [-4, 3, 8, 12, 53, -53].map((schema) => ({
  hint: 1,
  schema,
  zeroThreshold: 0.5,
  zeroCount: 1,
  count: 10,
  sum: '7ff0000000000002',
  positiveSpans: [
    [-3, 2],
    [4, 3],
  ],
  negativeSpans: [[1, 1]],
  positive: [1, 2, 0, 2, 3],
  negative: [1],
  bounds: schema === -53 ? [1, 2, 3] : [],
}));

function someEntries(random: Dice): LogEntry[] {
  const entries: LogEntry[] = [];
  for (let i = 1 + random.below(20); i > 0; i--) {
    const ref = random.below(100);
    const t = 1_700_000_000_000 + random.below(100_000);
    const h = HISTOGRAMS[random.below(HISTOGRAMS.length)]!;
    const labels = ['__name__', 'metric', 'x', 'y'.repeat(random.below(200))];
    const all: LogEntry[] = [
      { kind: 'series', ref, labels },
      { kind: 'sample', ref, t, st: t - random.below(3), v: '3ff0000000000000' },
      { kind: 'histogram', ref, t, st: t - random.below(3), h },
      { kind: 'floatHistogram', ref, t, st: 0, h },
      { kind: 'exemplar', ref, t, v: '3ff0000000000000', labels },
      { kind: 'metadata', ref, type: 'gauge', unit: 's', help: 'helpful' },
      { kind: 'tombstone', ref, mint: 0, maxt: t },
      { kind: 'marker', ref, file: 1, at: 8 },
      { kind: 'minValidTime', t },
    ];
    entries.push(all[random.below(all.length)]!);
  }
  return entries;
}

function snapshotRecord(random: Dice): Uint8Array {
  const w = newByteWriter(64);
  if (random.below(4) === 0)
    putSnapshotTombstones(w, Float64Array.of(1, 300), Float64Array.of(-5, 0), Float64Array.of(5, 1e12), 2);
  else {
    const b = randomBytes(random, 300);
    const chunk: SnapshotChunk = {
      mint: 1,
      maxt: 2,
      encoding: [1, 4][random.below(2)]!,
      samples: 100,
      b,
      at: 0,
      bytes: b.length,
      lastHigh: 1,
      lastLow: 2,
      h: null,
      row: 0,
    };
    const texts = {
      length: () => 3,
      copy: (_: number, to: Uint8Array, at: number) => to.fill(97, at, at + 3) && at + 3,
    };
    putSnapshotSeries(w, 7, 4, texts, random.below(4) === 0 ? null : chunk);
  }
  return w.b.slice(0, w.n);
}

const CHUNKS = '/chunks_head';
const CHUNK_DATA_BYTES = 40;
/** Reference, times, encoding, length, count, data, sum. */
const CHUNK_BYTES: number = 25 + 1 + 2 + CHUNK_DATA_BYTES + 4;

function headChunks(world: World, random: Dice): Uint8Array {
  world.env.files.removeTree(CHUNKS);
  world.env.files.makeDir(CHUNKS);
  const writer = newHeadChunkWriter(world.env.files, CHUNKS, 1);
  for (let i = random.below(6); i >= 0; i--)
    writer.append(
      i + 1,
      i,
      i + 1,
      1,
      i === 0,
      i,
      new Uint8Array(CHUNK_DATA_BYTES).fill(i),
      0,
      CHUNK_DATA_BYTES,
    );
  writer.flush();
  writer.close();
  return world.env.files.readFile(headChunkFile(CHUNKS, 1));
}

/** Wrong fields of a chunk whose sum is right. */
function mutateChunk(random: Dice, valid: Uint8Array): Uint8Array {
  const b = valid.slice();
  const start = 8 + CHUNK_BYTES * random.below(3);
  const end = start + CHUNK_BYTES - 4;
  if (end + 4 > b.length) return mutate(random, b);
  for (let i = random.below(3); i >= 0; i--) b[start + random.below(30)] = random.below(256);
  putU32(b, end, crc32c(b, start, end));
  return b;
}

// ---- decoders

/** A label, a span or a bucket takes a byte or more: more entries than this were made from nothing. */
function checkSize(entries: readonly LogEntry[], bytes: number): void {
  if (entries.length > bytes) throw new Error(`${entries.length} entries from ${bytes} bytes`);
  for (const e of entries) {
    const parts = 'labels' in e ? e.labels.length : 'h' in e ? e.h.positive.length + e.h.bounds.length : 0;
    if (parts > bytes) throw new Error(`an entry of ${parts} parts from ${bytes} bytes`);
  }
}

function fuzzRecord(b: Uint8Array): void {
  const entries: LogEntry[] = [];
  readRecord(b, 0, b.length, collectEntries(entries));
  checkSize(entries, b.length);
  const w = newByteWriter(16);
  const filter = {
    keep: (ref: number) => ref % 2 === 0,
    mint: 1_700_000_050_000,
    tombstoneMint: 1_700_000_030_000,
    metadata: () => undefined,
    kept: 0,
    dropped: 0,
  };
  const wrong = filterRecord(b, 0, b.length, filter, w);
  if (wrong !== '' && w.n > 0) throw new Error('a wrong record was kept in part');
  if (w.n > b.length + 60) throw new Error(`${w.n} bytes were kept of ${b.length}`);
  if (w.n === 0) return;
  const again = readRecord(w.b, 0, w.n, collectEntries([]));
  // Times far from each other may need longer differences than they had: they are still read.
  if (again !== '') throw new Error(`what was kept cannot be read: ${again}`);
}

function fuzzSnapshot(b: Uint8Array): void {
  let parts = 0;
  readSnapshotRecord(b, 0, b.length, {
    series(_, labels, chunk) {
      parts += labels.length;
      if (chunk !== null && chunk.at + chunk.bytes > b.length) throw new Error('a chunk beyond the end');
    },
    tombstone: () => void parts++,
    exemplar: (_ref, _t, _value, labels) => (parts += 1 + labels.length),
  });
  if (parts > b.length) throw new Error(`${parts} parts from ${b.length} bytes`);
}

function fuzzCompressed(world: World, b: Uint8Array): void {
  for (const bits of [8, 16]) {
    const d = newDecompressor(world.env.codec);
    const wrong = d.decompress(bits, b, 0, b.length);
    if (wrong !== '' && d.length !== 0) throw new Error('wrong bytes gave a record');
    if (d.length > d.bytes.length) throw new Error('the record is longer than its buffer');
    if (bits === 8 && d.bytes.length > 4096 + 22 * b.length)
      throw new Error(`it took room for ${d.bytes.length} bytes`);
  }
}

const WAL = '/wal';

function fuzzSegment(world: World, b: Uint8Array): void {
  world.disk.put(`${WAL}/${segmentName(0)}`, b);
  for (const checkSums of [true, false]) {
    const reader = newWalReader(world.env, WAL, [0], { checkSums });
    let records = 0;
    while (reader.next()) {
      records++;
      if (reader.before > b.length) throw new Error('a record ends behind the end');
      readRecord(reader.bytes, reader.from, reader.to, collectEntries([]));
    }
    reader.close();
    if (records > b.length / 7) throw new Error(`${records} records from ${b.length} bytes`);
    if (reader.corruption !== null && reader.corruption.offset > b.length)
      throw new Error('the damage is behind the end');
  }
}

async function fuzzCheckpoint(world: World, b: Uint8Array): Promise<void> {
  world.env.files.removeTree(WAL);
  world.disk.put(`${WAL}/${segmentName(0)}`, b);
  world.disk.put(`${WAL}/${segmentName(1)}`, new Uint8Array(0));
  const refs = Float64Array.from({ length: 50 }, (_, i) => 2 * i);
  try {
    const o = { dir: WAL, from: -1, upTo: 0, mint: 1_700_000_050_000, refs, faults: {} };
    await checkpoint(world.env, o);
  } catch (error) {
    if (!(error instanceof StorageError && error.code === 'EFORMAT')) throw error;
    if (world.env.files.readFile(`${WAL}/${segmentName(0)}`).length !== b.length)
      throw new Error('the damaged log was changed', { cause: error });
  }
}

async function fuzzHeadChunks(world: World, b: Uint8Array): Promise<void> {
  world.env.files.removeTree(CHUNKS);
  world.disk.put(headChunkFile(CHUNKS, 1), b);
  const counts: number[] = [];
  for (let again = 0; again < 2; again++) {
    const scan = await scanHeadChunks(
      world.env.files,
      CHUNKS,
      (c) => {
        if (c.offset + c.bytes + 4 > b.length || c.at < 8) throw new Error('a chunk beyond the end');
        return '';
      },
      { repair: true, rest: async () => undefined },
    );
    counts.push(scan.chunks);
    if (again > 0 && scan.problems.length > 0) throw new Error(`not repaired: ${scan.problems[0]!.message}`);
  }
  if (counts[0] !== counts[1]) throw new Error(`${counts[0]} chunks, then ${counts[1]}`);
}
