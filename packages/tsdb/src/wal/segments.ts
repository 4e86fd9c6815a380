// The WAL's folder: segments `%08d`, checkpoints `checkpoint.%08d`. Fragments of records in 32 KiB pages: ../../format/wal.md.
import type { Files } from '@munjigi/env';

export const WAL_PAGE_BYTES: number = 32 * 1024;
export const FRAGMENT_HEADER_BYTES = 7;
export const FRAGMENT = { pageEnd: 0, full: 1, first: 2, middle: 3, last: 4 } as const;
/** Bits of a fragment's type byte that say the record is compressed. */
export const SNAPPY_BIT = 8;
export const ZSTD_BIT = 16;

export function segmentName(n: number): string {
  return String(n).padStart(8, '0');
}

export function checkpointName(n: number): string {
  return `checkpoint.${segmentName(n)}`;
}

export interface WalFolder {
  /** Numbers in order. */
  readonly segments: number[];
  /** The newest finished checkpoint: it holds what segments up to and with its number held. -1: none. */
  readonly checkpoint: number;
  /** Unfinished or superseded checkpoints: names. */
  readonly leftovers: string[];
}

/** A folder that is not there is an empty log: one that was only ever given blocks has none. */
export function listWal(files: Files, dir: string): WalFolder {
  const segments: number[] = [];
  if (files.stat(dir) === null) return { segments, checkpoint: -1, leftovers: [] };
  const checkpoints: number[] = [];
  const leftovers: string[] = [];
  for (const { name, kind } of files.list(dir)) {
    if (kind === 'file' && /^\d{8,}$/.test(name)) segments.push(Number(name));
    else if (/^checkpoint\.\d{8,}$/.test(name)) checkpoints.push(Number(name.slice('checkpoint.'.length)));
    else if (/^checkpoint\..*\.tmp$/.test(name)) leftovers.push(name);
  }
  segments.sort((a, b) => a - b);
  checkpoints.sort((a, b) => a - b);
  const checkpoint = checkpoints.at(-1) ?? -1;
  for (const n of checkpoints.slice(0, -1)) leftovers.push(checkpointName(n));
  return { segments, checkpoint, leftovers };
}

/** Segments of a checkpoint's folder, in order. */
export function listSegments(files: Files, dir: string): number[] {
  return files
    .list(dir)
    .filter(({ name, kind }) => kind === 'file' && /^\d{8,}$/.test(name))
    .map(({ name }) => Number(name))
    .sort((a, b) => a - b);
}
