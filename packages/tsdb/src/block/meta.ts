// meta.json of a block: ../../format/meta.md.
import { StorageError, decodeUtf8, encodeUtf8 } from '@munjigi/model';
import { isUlid } from './ulid.ts';

export const META_FILE = 'meta.json';

export interface BlockStats {
  readonly numSamples: number;
  readonly numFloatSamples: number;
  readonly numHistogramSamples: number;
  readonly numSeries: number;
  readonly numChunks: number;
  readonly numTombstones: number;
}

export interface BlockParent {
  readonly ulid: string;
  readonly minTime: number;
  readonly maxTime: number;
}

export interface BlockCompaction {
  /** How many times the data went through a compaction; 1: cut from the head. */
  readonly level: number;
  /** The blocks that were cut from a head and went into this one. */
  readonly sources: string[];
  /** Found empty by a compaction: may be deleted. */
  readonly deletable?: boolean;
  readonly parents?: BlockParent[];
  readonly failed?: boolean;
  readonly hints?: string[];
}

/** Times in ms: the block's samples lie in [minTime, maxTime). */
export interface BlockMeta {
  readonly ulid: string;
  readonly minTime: number;
  readonly maxTime: number;
  readonly stats: BlockStats;
  readonly compaction: BlockCompaction;
  /** 1. A block of Prometheus 2.1 may say 2: then the version in its index is wrong, and is 2. Always written as 1. */
  readonly version: 1 | 2;
  /** What Thanos and its kin keep here, as it was. */
  readonly thanos?: unknown;
  /** Keys that others added at the top, as they were. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

const KNOWN_KEYS: ReadonlySet<string> = new Set([
  'ulid',
  'minTime',
  'maxTime',
  'stats',
  'compaction',
  'version',
  'thanos',
]);

/** Larger files are refused unread: a block of 512 segments has 100 KiB. */
export const MAX_META_BYTES: number = 16 * 1024 * 1024;

/** Throws StorageError EFORMAT that names `path` and the key that is wrong. */
export function readMeta(bytes: Uint8Array, path: string): BlockMeta {
  const wrong = (why: string): StorageError =>
    new StorageError(
      'EFORMAT',
      `${path}: byte 0: ${why}: restore the file from a copy, or move the block away`,
      false,
    );
  if (bytes.length > MAX_META_BYTES)
    throw wrong(`${bytes.length} bytes, more than the ${MAX_META_BYTES} of any block`);
  let json: unknown;
  try {
    json = JSON.parse(decodeUtf8(bytes, 0, bytes.length));
  } catch (error) {
    throw wrong(`not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  const top = new Fields(json, '', wrong);
  const { stats, compaction, thanos } = top.all;
  const extra = Object.fromEntries(Object.entries(top.all).filter(([key]) => !KNOWN_KEYS.has(key)));
  const itsVersion = top.number('version');
  if (itsVersion !== 1 && itsVersion !== 2) throw wrong(`version ${itsVersion} is not known`);
  const mint = top.number('minTime');
  const maxt = top.number('maxTime');
  if (maxt < mint) throw wrong(`maxTime ${maxt} lies before minTime ${mint}`);
  return {
    ulid: top.ulid('ulid'),
    minTime: mint,
    maxTime: maxt,
    stats: readStats(new Fields(stats ?? {}, 'stats.', wrong)),
    compaction: readCompaction(new Fields(compaction ?? {}, 'compaction.', wrong), wrong),
    version: itsVersion,
    ...(thanos === undefined ? {} : { thanos }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

function readStats(f: Fields): BlockStats {
  return {
    numSamples: f.count('numSamples'),
    numFloatSamples: f.count('numFloatSamples'),
    numHistogramSamples: f.count('numHistogramSamples'),
    numSeries: f.count('numSeries'),
    numChunks: f.count('numChunks'),
    numTombstones: f.count('numTombstones'),
  };
}

function readCompaction(f: Fields, wrong: (why: string) => StorageError): BlockCompaction {
  const parents = f.list('parents').map((parent, i) => {
    const p = new Fields(parent, `compaction.parents[${i}].`, wrong);
    return { ulid: p.ulid('ulid'), minTime: p.number('minTime'), maxTime: p.number('maxTime') };
  });
  const hints = f.list('hints').map(String);
  return {
    level: f.count('level'),
    sources: f.list('sources').map(String),
    ...(f.all['deletable'] === true ? { deletable: true } : {}),
    ...(parents.length > 0 ? { parents } : {}),
    ...(f.all['failed'] === true ? { failed: true } : {}),
    ...(hints.length > 0 ? { hints } : {}),
  };
}

/** The keys of one JSON object. */
class Fields {
  readonly all: Readonly<Record<string, unknown>>;
  readonly #prefix: string;
  readonly #wrong: (why: string) => StorageError;

  constructor(json: unknown, prefix: string, wrong: (why: string) => StorageError) {
    if (typeof json !== 'object' || json === null || Array.isArray(json))
      throw wrong(`${prefix === '' ? 'the file' : prefix.slice(0, -1)} is not an object`);
    this.all = json as Record<string, unknown>;
    this.#prefix = prefix;
    this.#wrong = wrong;
  }

  number(key: string): number {
    const value = this.all[key];
    if (typeof value !== 'number' || !Number.isInteger(value))
      throw this.#wrong(`${this.#prefix}${key} is not a whole number`);
    return value;
  }

  /** Absent: 0. */
  count(key: string): number {
    if (this.all[key] === undefined) return 0;
    const value = this.number(key);
    if (value < 0) throw this.#wrong(`${this.#prefix}${key} is below 0`);
    return value;
  }

  ulid(key: string): string {
    const value = this.all[key];
    if (typeof value !== 'string' || !isUlid(value)) throw this.#wrong(`${this.#prefix}${key} is not a ULID`);
    return value;
  }

  /** Absent or null: empty. */
  list(key: string): readonly unknown[] {
    const value = this.all[key] ?? [];
    if (!Array.isArray(value)) throw this.#wrong(`${this.#prefix}${key} is not a list`);
    return value;
  }
}

/** The file's bytes: Prometheus' order of keys and indentation, zeros and empty lists left out. */
export function writeMeta(meta: BlockMeta): Uint8Array {
  const { ulid, minTime, maxTime, stats, compaction: c, thanos, extra } = meta;
  const json = {
    ulid,
    minTime,
    maxTime,
    stats: {
      numSamples: stats.numSamples || undefined,
      numFloatSamples: stats.numFloatSamples || undefined,
      numHistogramSamples: stats.numHistogramSamples || undefined,
      numSeries: stats.numSeries || undefined,
      numChunks: stats.numChunks || undefined,
      numTombstones: stats.numTombstones || undefined,
    },
    compaction: {
      level: c.level,
      sources: c.sources.length > 0 ? c.sources : undefined,
      deletable: c.deletable === true ? true : undefined,
      parents: (c.parents?.length ?? 0) > 0 ? c.parents : undefined,
      failed: c.failed === true ? true : undefined,
      hints: (c.hints?.length ?? 0) > 0 ? c.hints : undefined,
    },
    version: 1,
    ...extra,
    ...(thanos === undefined ? {} : { thanos }),
  };
  const text = JSON.stringify(json, null, '\t');
  const bytes = new Uint8Array(3 * text.length);
  return bytes.slice(0, encodeUtf8(text, bytes, 0));
}
