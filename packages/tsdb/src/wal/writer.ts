// Appends batches of records to segments. A batch is one write call; what a failed write left behind is cut off, so that the log
// always ends with a good record. `sync` is shared: whoever waits while one runs is served by the next.
import { EnvError, type Clock, type Codec, type File, type Files } from '@munjigi/env';
import { StorageError } from '@munjigi/model';
import { newByteWriter, room, type ByteWriter } from './bytes.ts';
import { newCompressor, type WalCompression } from './compress.ts';
import { framingBytes, frameRecord } from './frame.ts';
import { WAL_PAGE_BYTES, segmentName } from './segments.ts';
import type { PlantedFaults } from '../faults.ts';

/** A buffer above this is given back after use. */
const KEEP_BUFFER_BYTES: number = 16 * 1024 * 1024;

export interface WalWriter {
  /** The segment that is written to. */
  segment(): number;
  /** Bytes in that segment. */
  segmentSize(): number;
  /** Bytes logged since the writer was opened; `syncTo` takes such a position. */
  written(): number;
  synced(): number;
  /** Writes n records of w, record i ending at ends[i]: all, or StorageError and none. */
  log(w: ByteWriter, ends: readonly number[]): void;
  /** Resolves once what was logged up to `position` survives a power failure. */
  syncTo(position: number): Promise<void>;
  /** Goes on in the next segment. */
  cut(): void;
  /** Fills the page with zeros: the next record begins a page. Only there Prometheus can begin to read inside a segment. */
  endPage(): void;
  syncs(): number;
  failures(): number;
  close(): void;
}

export interface WalWriterOptions {
  readonly dir: string;
  readonly firstSegment: number;
  readonly segmentBytes: number;
  /** Absent: none. */
  readonly compression?: WalCompression;
  readonly faults: PlantedFaults;
}

export function newWalWriter(
  env: { files: Files; clock: Clock; codec: Codec },
  options: WalWriterOptions,
): WalWriter {
  const { files } = env;
  const { dir, faults } = options;
  const out = newByteWriter(256 * 1024);
  const compressor = newCompressor(env.codec, options.compression ?? 'none');
  let segment = options.firstSegment;
  let file: File = files.open(`${dir}/${segmentName(segment)}`, 'create');
  let position = 0;
  let torn = false;
  /** Earlier segments that no sync has finished yet. */
  let unsynced: File[] = [];
  let folderChanged = true;
  let written = 0;
  let synced = 0;
  let syncs = 0;
  let failures = 0;
  let running: Promise<void> | null = null;
  let broken: StorageError | null = null;

  function cut(): void {
    const next = attempt('open the next segment', () =>
      files.open(`${dir}/${segmentName(segment + 1)}`, 'create'),
    );
    unsynced.push(file);
    file = next;
    segment++;
    position = 0;
    folderChanged = true;
  }

  function attempt<T>(what: string, fn: () => T): T {
    try {
      return fn();
    } catch (error) {
      if (!(error instanceof EnvError)) throw error;
      failures++;
      throw storageError(error, what);
    }
  }

  /** Cuts off what a failed write left. */
  function truncate(): void {
    attempt('cut off the torn end of the log', () => file.truncate(position));
    torn = false;
  }

  function write(): void {
    try {
      file.write(out.b, 0, out.n, position);
    } catch (error) {
      if (!(error instanceof EnvError)) throw error;
      failures++;
      torn = true;
      try {
        truncate();
      } catch (again) {
        // The next batch tries again before it writes.
        if (!(again instanceof StorageError)) throw again;
      }
      throw storageError(error, 'write the log');
    }
  }

  function log(w: ByteWriter, ends: readonly number[]): void {
    if (broken !== null) throw broken;
    if (torn) truncate();
    if (position > 0 && position + w.n + framingBytes(w.n, ends.length) > options.segmentBytes) cut();
    out.n = 0;
    let from = 0;
    for (const end of ends) {
      const bits = compressor === null ? 0 : compressor.compress(w.b, from, end);
      if (bits === 0) frameRecord(out, position, w.b, from, end);
      else frameRecord(out, position, compressor!.out.b, 0, compressor!.out.n, bits);
      from = end;
    }
    if (faults.ackBeforeWritten === true) writeLater();
    else write();
    position += out.n;
    written += out.n;
    if (out.b.length > KEEP_BUFFER_BYTES) out.b = new Uint8Array(256 * 1024);
  }

  function endPage(): void {
    if (broken !== null) throw broken;
    if (torn) truncate();
    const rest = position % WAL_PAGE_BYTES;
    if (rest === 0) return;
    out.n = 0;
    room(out, WAL_PAGE_BYTES);
    out.b.fill(0, 0, WAL_PAGE_BYTES - rest);
    out.n = WAL_PAGE_BYTES - rest;
    write();
    position += out.n;
    written += out.n;
  }

  function writeLater(): void {
    const copy = out.b.slice(0, out.n);
    const [target, at] = [file, position];
    env.clock.after(1, () => {
      try {
        target.write(copy, 0, copy.length, at);
      } catch (error) {
        if (!(error instanceof EnvError)) throw error;
      }
    });
  }

  async function sync(): Promise<void> {
    const upTo = written;
    const current = file;
    const earlier = unsynced;
    const folder = folderChanged;
    unsynced = [];
    folderChanged = false;
    try {
      if (faults.noFsync !== true) {
        // In order, so that a later segment never outlives an earlier one that was not finished.
        for (const old of earlier) await old.sync();
        await current.sync();
        if (folder) await files.syncDir(dir);
      }
    } catch (error) {
      if (!(error instanceof EnvError)) throw error;
      failures++;
      // After a failed fsync nobody knows what the disk has: this log takes nothing more.
      broken = new StorageError(
        error.code,
        `the log could not be synced, what was written last may be lost: ${error.message}. Check the disk and restart`,
        false,
      );
      throw broken;
    }
    for (const old of earlier) old.close();
    syncs++;
    synced = upTo;
  }

  async function syncTo(target: number): Promise<void> {
    while (synced < target) {
      if (broken !== null) throw broken;
      running ??= sync().finally(() => {
        running = null;
      });
      await running;
    }
  }

  return {
    segment: () => segment,
    segmentSize: () => position,
    written: () => written,
    synced: () => synced,
    log,
    syncTo,
    cut,
    endPage,
    syncs: () => syncs,
    failures: () => failures,
    close(): void {
      for (const old of unsynced) old.close();
      file.close();
    },
  };
}

/** An operating error as the storage seam has it. */
export function storageError(error: EnvError, what: string): StorageError {
  const full = error.code === 'ENOSPC';
  const remedy = full ? ': free some space and try again; nothing of it was written' : '';
  return new StorageError(error.code, `cannot ${what}: ${error.message}${remedy}`, full);
}
