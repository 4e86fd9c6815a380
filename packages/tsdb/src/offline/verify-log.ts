// Every byte of the write-ahead logs (sums, records, references) and of the head's chunk files.
import type { Codec, Files } from '@munjigi/env';
import { newColumn, type Column } from '@munjigi/model';
import { CHUNK_FILES, METADATA_FOLDER, parseChunkFiles } from '../head/snapshot-write.ts';
import { headChunkFile } from '../wal/head-chunks.ts';
import { scanHeadChunks, type HeadChunk } from '../wal/head-chunk-scan.ts';
import { newWalReader, type WalCorruption } from '../wal/reader.ts';
import { readRecord, type RecordSink } from '../wal/record.ts';
import { checkpointName, listSegments, listWal, segmentName } from '../wal/segments.ts';
import { newReporter, type Report, type Reporter } from './finding.ts';
import { checkChunk, type VerifyProgress } from './verify-block.ts';

export interface OfflineEnv {
  readonly files: Files;
  readonly codec: Codec;
}

/** Where a folder of segments is to be cut for everything before to be good. */
export interface LogDamage extends WalCorruption {
  readonly dir: string;
}

export interface LogVerdict {
  readonly records: number;
  readonly series: number;
  readonly samples: number;
  readonly damages: readonly LogDamage[];
}

/** A log's folder with its newest checkpoint: `wal`, or `wbl`. */
export function verifyLog(
  env: OfflineEnv,
  dir: string,
  report: Report,
  progress: VerifyProgress = () => undefined,
): LogVerdict {
  const r = newReporter(report);
  const counts = { records: 0, series: 0, samples: 0 };
  const damages: LogDamage[] = [];
  if (env.files.stat(dir) === null) return { ...counts, damages };
  const { segments, checkpoint, leftovers } = listWal(env.files, dir);
  for (const name of leftovers)
    r.note(`${dir}/${name}`, -1, 'left over from an interrupted checkpoint: a start removes it');
  // The out-of-order log names series that the other log defines.
  const known = dir.endsWith('/wbl') ? null : new Set<number>();
  const sink = newCounter(counts, known);
  const read = (from: string, list: readonly number[]): void => {
    const damage = readSegments(env, from, list, sink, counts, r, progress);
    if (damage !== null) damages.push({ ...damage, dir: from });
  };
  if (checkpoint >= 0) {
    const folder = `${dir}/${checkpointName(checkpoint)}`;
    read(folder, listSegments(env.files, folder));
  }
  read(
    dir,
    segments.filter((n) => n > checkpoint),
  );
  if (sink.orphans > 0)
    r.note(dir, -1, `${sink.orphans} entries are of series that no record defines: a start leaves them out`);
  if (sink.unknowns > 0) r.note(dir, -1, `${sink.unknowns} records of kinds that this version does not know`);
  return { ...counts, damages };
}

function readSegments(
  env: OfflineEnv,
  dir: string,
  segments: readonly number[],
  sink: RecordSink,
  counts: { records: number },
  r: Reporter,
  progress: VerifyProgress,
): WalCorruption | null {
  const name = dir.slice(dir.lastIndexOf('/') + 1);
  const path = (n: number): string => `${dir}/${segmentName(n)}`;
  const total = segments.reduce((sum, n) => sum + (env.files.stat(path(n))?.size ?? 0), 0);
  const reader = newWalReader(env, dir, segments);
  try {
    while (reader.next()) {
      if (++counts.records % 256 === 0) progress(`${name}: log`, reader.position, total);
      const wrong = readRecord(reader.bytes, reader.from, reader.to, sink);
      if (wrong === '') continue;
      r.damage(path(reader.segment), reader.before, wrong);
      return { segment: reader.segment, offset: reader.before, reason: wrong, unreadable: false };
    }
  } finally {
    reader.close();
  }
  const { corruption } = reader;
  if (corruption === null) return null;
  const torn =
    corruption.segment === segments.at(-1) && corruption.reason.startsWith('the segment ends inside');
  if (torn)
    r.note(
      path(corruption.segment),
      corruption.offset,
      `${corruption.reason}: a crash left it, a start cuts it off`,
    );
  else r.damage(path(corruption.segment), corruption.offset, corruption.reason);
  return corruption;
}

interface Counter extends RecordSink {
  orphans: number;
  unknowns: number;
}

function newCounter(counts: { series: number; samples: number }, known: Set<number> | null): Counter {
  const named = (ref: number): void => {
    if (known !== null && !known.has(ref)) sink.orphans++;
  };
  const sink: Counter = {
    orphans: 0,
    unknowns: 0,
    series(ref): void {
      known?.add(ref);
      counts.series++;
    },
    sample(ref): void {
      named(ref);
      counts.samples++;
    },
    histogram(ref): void {
      named(ref);
      counts.samples++;
    },
    exemplar: named,
    metadata: named,
    tombstone: named,
    marker: () => undefined,
    minValidTime: () => undefined,
    unknown(): void {
      sink.unknowns++;
    },
  };
  return sink;
}

/** The memory snapshots of a data folder: the sums of their records. The folders that are damaged. */
export function verifySnapshots(
  env: OfflineEnv,
  path: string,
  report: Report,
  progress: VerifyProgress = () => undefined,
): string[] {
  const r = newReporter(report);
  const damaged: string[] = [];
  for (const { name, kind } of env.files.list(path)) {
    if (kind !== 'dir' || !SNAPSHOT.test(name)) continue;
    const before = r.damages();
    for (const dir of [`${path}/${name}`, `${path}/${name}/${METADATA_FOLDER}`]) {
      if (env.files.stat(dir) === null) continue;
      const reader = newWalReader(env, dir, listSegments(env.files, dir));
      try {
        for (let n = 0; reader.next(); n++) if (n % 256 === 0) progress(name, reader.position, 0);
      } finally {
        reader.close();
      }
      const { corruption } = reader;
      if (corruption !== null)
        r.damage(`${dir}/${segmentName(corruption.segment)}`, corruption.offset, corruption.reason);
    }
    const note = `${path}/${name}/${METADATA_FOLDER}/${CHUNK_FILES}`;
    if (env.files.stat(note) !== null && parseChunkFiles(env.files.readFile(note)) === null)
      r.damage(note, -1, 'its checksum is wrong');
    if (r.damages() > before) damaged.push(`${path}/${name}`);
  }
  return damaged;
}

const SNAPSHOT = /^chunk_snapshot\.\d+\.\d+$/;

export interface HeadChunksVerdict {
  readonly chunks: number;
  /** The file to cut and the byte (0: all of it), with every later file; null: nothing is wrong. */
  readonly damage: { readonly path: string; readonly offset: number; readonly reason: string } | null;
}

/** The folder `chunks_head`: sums, and what is in each chunk. Nothing is changed. */
export async function verifyHeadChunks(
  files: Files,
  dir: string,
  report: Report,
  progress: VerifyProgress = () => undefined,
): Promise<HeadChunksVerdict> {
  if (files.stat(dir) === null) return { chunks: 0, damage: null };
  const r = newReporter(report);
  const column = newColumn(256);
  const scratch = { b: new Uint8Array(4096) };
  let seen = 0;
  const scan = await scanHeadChunks(
    files,
    dir,
    (chunk) => {
      if (++seen % 1024 === 0) progress('chunks_head', seen, 0);
      return checkHeadChunk(files, dir, chunk, column, scratch);
    },
    { repair: false, rest: () => Promise.resolve() },
  );
  const [problem] = scan.problems;
  if (problem === undefined) return { chunks: scan.chunks, damage: null };
  const offset = Number(/\d+/.exec(problem.field)?.[0] ?? 0);
  const reason = /\((.*)\): /s.exec(problem.message)?.[1] ?? problem.message;
  r.damage(problem.file, offset, reason);
  return { chunks: scan.chunks, damage: { path: problem.file, offset, reason } };
}

function checkHeadChunk(
  files: Files,
  dir: string,
  c: HeadChunk,
  column: Column,
  scratch: { b: Uint8Array },
): string {
  if (scratch.b.length < c.bytes) scratch.b = new Uint8Array(2 * c.bytes);
  const file = files.open(headChunkFile(dir, c.file), 'r');
  try {
    const n = file.read(scratch.b, 0, c.bytes, c.offset);
    return checkChunk(scratch.b, 0, n, c.samples, c.encoding, column, c.mint, c.maxt);
  } finally {
    file.close();
  }
}
