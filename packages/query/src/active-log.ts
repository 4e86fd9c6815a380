// The active-query log, in Prometheus' format (`queries.active`): which queries were running when the process died. The file is `[`, then
// fixed slots of 1000 bytes, each `{"query":"...","timestamp_sec":N},` padded with zero bytes; a free slot is all zeros.
import type { Clock, File, Files, Log } from '@munjigi/env';

const SLOT_BYTES = 1000;
/** Of a query's text, so that a slot holds it whatever must be escaped. */
const MAX_QUERY_CHARS = 900;

export interface ActiveLog {
  /** Notes a query; the function it returns takes it out again. */
  enter(query: string): () => void;
  close(): void;
}

export const NO_ACTIVE_LOG: ActiveLog = { enter: () => () => {}, close: () => {} };

/** Says what the last run left unfinished, and begins anew. A disk that refuses costs the log, not the queries. */
export function openActiveLog(
  { files, clock, log }: { files: Files; clock: Clock; log: Log },
  path: string,
  slots: number,
): ActiveLog {
  let file: File;
  try {
    reportUnfinished(files, log, path);
    file = files.open(path, 'create');
    const empty = new Uint8Array(1 + slots * SLOT_BYTES);
    empty[0] = 0x5b;
    file.write(empty, 0, empty.length, 0);
  } catch (error) {
    log.warn('the active query log is off', { path, error: (error as Error).message });
    return NO_ACTIVE_LOG;
  }
  const free = Array.from({ length: slots }, (_, i) => slots - 1 - i);
  const slot = new Uint8Array(SLOT_BYTES);
  const encoder = new TextEncoder();
  const put = (index: number, entry: string): void => {
    slot.fill(0);
    encoder.encodeInto(entry, slot);
    try {
      file.write(slot, 0, SLOT_BYTES, 1 + index * SLOT_BYTES);
    } catch (error) {
      log.warn('the active query log could not be written', { path, error: (error as Error).message });
    }
  };
  return {
    enter(query) {
      const index = free.pop();
      if (index === undefined) return () => {};
      put(index, activeEntry(query, Math.floor(clock.now() / 1000)));
      return () => {
        put(index, '');
        free.push(index);
      };
    },
    close() {
      file.close();
    },
  };
}

function activeEntry(query: string, timestamp_sec: number): string {
  for (let chars = MAX_QUERY_CHARS; ; chars = Math.floor(chars / 2)) {
    const entry = `${JSON.stringify({ query: query.slice(0, chars), timestamp_sec })},`;
    if (new TextEncoder().encode(entry).length <= SLOT_BYTES) return entry;
  }
}

function reportUnfinished(files: Files, log: Log, path: string): void {
  if (files.stat(path) === null) return;
  for (const entry of readActiveLog(files.readFile(path)))
    log.warn('this query did not finish in the last run', {
      query: entry.query,
      timestamp_sec: entry.timestamp_sec,
    });
}

/** Entries of a log file; what is damaged is left out. */
export function readActiveLog(bytes: Uint8Array): { query: string; timestamp_sec: number }[] {
  const found: { query: string; timestamp_sec: number }[] = [];
  for (let at = 1; at < bytes.length; at += SLOT_BYTES) {
    const text = new TextDecoder().decode(bytes.subarray(at, at + SLOT_BYTES)).replace(/,?\0*$/, '');
    if (text === '') continue;
    try {
      const { query, timestamp_sec } = JSON.parse(text) as { query?: unknown; timestamp_sec?: unknown };
      if (typeof query === 'string' && typeof timestamp_sec === 'number')
        found.push({ query, timestamp_sec });
    } catch {
      // A torn write of the crash that we are asked about.
    }
  }
  return found;
}
