// Compression of whole records, as Prometheus has it: before they are cut into fragments, and left out where it gains nothing.
import type { Codec } from '@munjigi/env';
import type { ByteWriter } from './bytes.ts';
import { newByteWriter, room } from './bytes.ts';
import { SNAPPY_BIT, ZSTD_BIT } from './segments.ts';
import { snappyBound, snappyCompress, snappyDecompress, snappyLength } from './snappy.ts';

export type WalCompression = 'none' | 'snappy' | 'zstd';

/** A compressed record that says it is longer is not read. */
const RECORD_MAX_BYTES: number = 256 * 1024 * 1024;
/** A buffer above this is given back after use. */
const KEEP_BUFFER_BYTES: number = 16 * 1024 * 1024;

export interface Compressor {
  /** Compresses b[from..to) to out.b[0..out.n); returns the bits of the fragments' types, 0: the record stays as it is. */
  compress(b: Uint8Array, from: number, to: number): number;
  readonly out: ByteWriter;
}

/** null: nothing is compressed. */
export function newCompressor(codec: Codec, compression: WalCompression): Compressor | null {
  if (compression === 'none') return null;
  const out = newByteWriter(0);
  return {
    out,
    compress(b, from, to): number {
      const length = to - from;
      if (length === 0) return 0;
      if (out.b.length > KEEP_BUFFER_BYTES) out.b = new Uint8Array(0);
      if (compression === 'zstd') {
        out.b = codec.zstdCompress(b, from, to);
        out.n = out.b.length;
        return out.n < length ? ZSTD_BIT : 0;
      }
      out.n = 0;
      room(out, snappyBound(length));
      out.n = snappyCompress(b, from, to, out.b, 0);
      return out.n < length ? SNAPPY_BIT : 0;
    },
  };
}

export interface Decompressor {
  /** Decompresses b[from..to) by the bits of its fragments to `bytes`[0..length); returns why not, '' when it did. */
  decompress(bits: number, b: Uint8Array, from: number, to: number): string;
  bytes: Uint8Array;
  length: number;
}

export function newDecompressor(codec: Codec): Decompressor {
  const d: Decompressor = {
    bytes: new Uint8Array(0),
    length: 0,
    decompress(bits, b, from, to): string {
      d.length = 0;
      if (to === from) return '';
      if ((bits & SNAPPY_BIT) === 0) {
        const out = codec.zstdDecompress(b, from, to, RECORD_MAX_BYTES);
        if (out === 'damaged') return 'a record is no zstd, though its checksums are right';
        if (out === 'limit') return RECORD_TOO_LONG;
        d.bytes = out;
        d.length = out.length;
        return '';
      }
      const { length, at } = snappyLength(b, from, to);
      if (length > RECORD_MAX_BYTES) return RECORD_TOO_LONG;
      if (length < 0) return WRONG_SNAPPY;
      if (d.bytes.length < length || d.bytes.length > KEEP_BUFFER_BYTES)
        d.bytes = new Uint8Array(Math.max(length, 4096));
      if (!snappyDecompress(b, at, to, d.bytes, length)) return WRONG_SNAPPY;
      d.length = length;
      return '';
    },
  };
  return d;
}

const WRONG_SNAPPY = 'a record is no snappy block, though its checksums are right';
/** The only reason that says nothing against the bytes. */
export const RECORD_TOO_LONG: string = `a record is longer than ${RECORD_MAX_BYTES} bytes once it is decompressed`;
