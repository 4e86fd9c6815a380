// zstd of node:zlib, whole frames at once.
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Codec } from '../env.ts';

/** A frame may ask for a window as large as what comes out of it, within these: what writers use, and what readers must bear. */
const WINDOW_LOG_MIN = 23;
const WINDOW_LOG_MAX = 27;

export const nodeCodec: Codec = {
  zstdCompress: (b, from, to) => plain(zstdCompressSync(b.subarray(from, to))),
  zstdDecompress(b, from, to, limit) {
    const log = Math.ceil(Math.log2(Math.max(1, limit)));
    const window = Math.min(WINDOW_LOG_MAX, Math.max(WINDOW_LOG_MIN, log));
    try {
      return plain(
        zstdDecompressSync(b.subarray(from, to), {
          maxOutputLength: Math.max(1, limit),
          params: { [constants.ZSTD_d_windowLogMax]: window },
        }),
      );
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE' ? 'limit' : 'damaged';
    }
  },
};

/** Without the ways of a Buffer, whose slices are views. */
function plain(b: Buffer): Uint8Array {
  return new Uint8Array(b.buffer, b.byteOffset, b.length);
}
