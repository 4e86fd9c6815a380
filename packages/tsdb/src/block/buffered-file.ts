// A file that is written from front to end through one buffer, and whose earlier bytes may be written over and read again.
import type { File, Files } from '@munjigi/env';
import { crc32c } from '../wal/crc32c.ts';

export interface BufferedFile {
  /** Bytes put so far. */
  position(): number;
  put(b: Uint8Array, from: number, to: number): void;
  /** Zeros up to a multiple of `size`, which is at most 64. */
  pad(size: number): void;
  /** Writes over bytes that were put before. */
  patch(at: number, b: Uint8Array): void;
  /** Reads bytes that were put before into b[0..to - from). */
  read(b: Uint8Array, from: number, to: number): void;
  /** Writes out what is held and gives the buffer back: nothing is put any more. */
  rest(): void;
  /** Everything is on the disk when this resolves; the file is closed. */
  finish(): Promise<void>;
  close(): void;
}

const ZEROS: Uint8Array = new Uint8Array(64);

export function newBufferedFile(files: Files, path: string, bufferBytes: number): BufferedFile {
  const file: File = files.open(path, 'create');
  let buffer = new Uint8Array(bufferBytes);
  let written = 0;
  let held = 0;

  function flush(): void {
    if (held === 0) return;
    file.write(buffer, 0, held, written);
    written += held;
    held = 0;
  }

  function put(b: Uint8Array, from: number, to: number): void {
    if (held + to - from > buffer.length) flush();
    if (to - from > buffer.length) {
      file.write(b, from, to, written);
      written += to - from;
      return;
    }
    buffer.set(from === 0 && to === b.length ? b : b.subarray(from, to), held);
    held += to - from;
  }

  return {
    position: () => written + held,
    put,
    pad(size): void {
      const over = (written + held) % size;
      if (over > 0) put(ZEROS, 0, size - over);
    },
    patch(at, b): void {
      flush();
      file.write(b, 0, b.length, at);
    },
    read(b, from, to): void {
      flush();
      const n = file.read(b, 0, to - from, from);
      if (n !== to - from) throw new Error(`${path}: ${n} bytes at ${from} instead of ${to - from}`);
    },
    rest(): void {
      flush();
      buffer = new Uint8Array(0);
    },
    async finish(): Promise<void> {
      flush();
      await file.sync();
      file.close();
    },
    close: () => file.close(),
  };
}

/** The checksum of what `before` is the checksum of, followed by b[from..to). The bytes are what they were when this returns. */
export function crc32cOn(before: number, b: Uint8Array, from: number, to: number): number {
  if (to - from < 4) {
    let crc = ~before;
    for (let i = from; i < to; i++) {
      crc ^= b[i]!;
      for (let k = 0; k < 8; k++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
    return ~crc >>> 0;
  }
  // A checksum's state enters through the next four bytes: laid over them, it is as if the sum began here.
  lay(before, b, from);
  const crc = crc32c(b, from, to);
  lay(before, b, from);
  return crc;
}

function lay(word: number, b: Uint8Array, at: number): void {
  for (let k = 0; k < 4; k++) b[at + k]! ^= word >>> (8 * k);
}
