// The head's logs: the log (WAL) of all, and one of out-of-order samples (WBL), made when there are any. Which segments there are, how new
// what is in them is, and how durable a commit is.
import { StorageError } from '@munjigi/model';
import { EnvError, type Clock, type Codec, type Files, type Log as EnvLog, type Timer } from '@munjigi/env';
import type { Log } from '../head/appender.ts';
import type { Records } from '../head/batch-records.ts';
import type { LogPosition } from '../head/state.ts';
import type { PlantedFaults } from '../faults.ts';
import { newByteWriter, type ByteWriter } from './bytes.ts';
import { RECORD, beginRecord, putMarker } from './record.ts';
import { segmentName } from './segments.ts';
import { newWalWriter, storageError, type WalWriter, type WalWriterOptions } from './writer.ts';

/** The reference of a marker that stands for all series. Prometheus knows no such series and goes on. */
export const NO_SERIES = 0;

export interface WalLog extends Log {
  readonly writer: WalWriter;
  /** Newest time (ms) in each segment that is there. */
  readonly segmentMaxt: Map<number, number>;
  /** Records that belong to no commit (tombstones). */
  writeRecord(w: ByteWriter, ends: readonly number[]): void;
  /** The out-of-order log; null before its first record. */
  late(): WalWriter | null;
  /** Records of it that belong to no commit (markers). */
  writeLate(w: ByteWriter, ends: readonly number[]): void;
  /** Says that out-of-order chunks up to the one that begins at byte `at` of chunks_head file `file` are in blocks. */
  writeLateEnd(file: number, at: number): void;
  /** Goes on in its next segment and returns its number. */
  cutLate(): number;
  /** Everything written so far survives a power failure once this resolves. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface WalLogOptions extends WalWriterOptions {
  /** The out-of-order log's folder, and the segment it goes on with. */
  readonly lateDir: string;
  readonly lateSegment: number;
  /** ms between syncs, or 'always': commits wait for one. */
  readonly sync: number | 'always';
  readonly segmentMaxt: Map<number, number>;
  readonly faults: PlantedFaults;
}

export function newWalLog(
  env: { files: Files; clock: Clock; codec: Codec; log: EnvLog },
  o: WalLogOptions,
): WalLog {
  const { files } = env;
  const writer = newWalWriter(env, o);
  const { segmentMaxt } = o;
  let late: WalWriter | null = null;
  /** The folder of the out-of-order log was made, and no sync has told its parent. */
  let lateFolderNew = false;
  /** The late log ends with records of a commit that was refused: they are cut off here, and it goes on in the next segment. */
  let refused: { readonly segment: number; readonly size: number; done: boolean } | null = null;
  let timer: Timer | null = null;
  if (o.sync !== 'always')
    timer = env.clock.every(o.sync, () => {
      if (unsynced())
        sync().catch((error: Error) => {
          timer?.cancel();
          env.log.error(error.message, { dir: o.dir });
        });
    });
  segmentMaxt.set(writer.segment(), -Infinity);

  function unsynced(): boolean {
    return writer.synced() < writer.written() || (late !== null && late.synced() < late.written());
  }

  async function sync(): Promise<void> {
    const upTo = writer.written();
    if (late !== null) {
      await late.syncTo(late.written());
      if (lateFolderNew) await files.syncDir(o.lateDir.slice(0, o.lateDir.lastIndexOf('/')));
      lateFolderNew = false;
    }
    await writer.syncTo(upTo);
  }

  function lateWriter(): WalWriter {
    if (late === null) {
      try {
        lateFolderNew ||= files.stat(o.lateDir) === null;
        files.makeDir(o.lateDir);
        late = newWalWriter(env, { ...o, dir: o.lateDir, firstSegment: o.lateSegment });
      } catch (error) {
        if (error instanceof EnvError) throw storageError(error, `open the log in ${o.lateDir}`);
        throw error;
      }
    }
    if (refused !== null) {
      if (!refused.done) cutOff(refused);
      refused.done = true;
      late.cut();
      refused = null;
    }
    return late;
  }

  function cutOff(at: { readonly segment: number; readonly size: number }): void {
    try {
      const file = files.open(`${o.lateDir}/${segmentName(at.segment)}`, 'rw');
      try {
        file.truncate(at.size);
      } finally {
        file.close();
      }
    } catch (error) {
      if (error instanceof EnvError) throw storageError(error, 'cut off what was refused');
      throw error;
    }
  }

  function write(r: Records, maxt: number): void {
    let begin: { segment: number; size: number } | null = null;
    if (r.lateEnds.length > 0) {
      const w = lateWriter();
      begin = { segment: w.segment(), size: w.segmentSize() };
      w.log(r.late, r.lateEnds);
      if (w.segment() !== begin.segment) begin = { segment: w.segment(), size: 0 };
    }
    if (r.ends.length === 0) return;
    try {
      writer.log(r.w, r.ends);
    } catch (error) {
      if (begin !== null) refuse(begin);
      throw error;
    }
    const segment = writer.segment();
    segmentMaxt.set(segment, Math.max(segmentMaxt.get(segment) ?? -Infinity, maxt));
  }

  /** Nothing of a refused commit may come back at a replay. */
  function refuse(begin: { readonly segment: number; readonly size: number }): void {
    refused = { ...begin, done: false };
    try {
      cutOff(begin);
      refused.done = true;
    } catch (error) {
      // The next record for it tries again.
      if (!(error instanceof StorageError)) throw error;
    }
  }

  return {
    writer,
    segmentMaxt,
    write,
    writeRecord(w, ends): void {
      writer.log(w, ends);
    },
    late: () => late,
    writeLate(w, ends): void {
      lateWriter().log(w, ends);
    },
    writeLateEnd(file, at): void {
      const w = newByteWriter(32);
      beginRecord(w, RECORD.markers);
      putMarker(w, NO_SERIES, file, at);
      lateWriter().log(w, [w.n]);
    },
    cutLate(): number {
      const w = lateWriter();
      w.cut();
      return w.segment();
    },
    position: (): LogPosition => ({ segment: writer.segment(), offset: writer.segmentSize() }),
    durable: () => (o.sync === 'always' ? sync() : null),
    sync,
    async close(): Promise<void> {
      timer?.cancel();
      try {
        await sync();
      } finally {
        writer.close();
        late?.close();
      }
    },
  };
}
