// Metas of blocks for tests of the pure parts, from a few numbers.
import { encodeUtf8 } from '@munjigi/model';
import type { BlockMeta } from '../block/meta.ts';

interface MetaExtras {
  readonly level?: number;
  readonly failed?: boolean;
  readonly hints?: string[];
  readonly series?: number;
  readonly tombstones?: number;
}

export type MetaRow = readonly [mint: number, maxt: number, extras?: MetaExtras];

export function ulidOf(n: number): string {
  return String(n).padStart(26, '0');
}

export function meta(n: number, [minTime, maxTime, extras = {}]: MetaRow): BlockMeta {
  const { level = 1, failed, hints, series = 1, tombstones = 0 } = extras;
  return {
    ulid: ulidOf(n),
    minTime,
    maxTime,
    stats: {
      numSamples: series,
      numFloatSamples: series,
      numHistogramSamples: 0,
      numSeries: series,
      numChunks: series,
      numTombstones: tombstones,
    },
    compaction: {
      level,
      sources: [ulidOf(n)],
      ...(failed === undefined ? {} : { failed }),
      ...(hints === undefined ? {} : { hints }),
    },
    version: 1,
  };
}

export function encodeText(text: string): Uint8Array {
  const b = new Uint8Array(3 * text.length);
  return b.slice(0, encodeUtf8(text, b, 0));
}
