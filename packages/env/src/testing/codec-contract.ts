import { expect } from 'vitest';
import type { Env } from '../env.ts';
import type { Contract } from './worlds.ts';

/** `ab` 1,000 times, as another writer (klauspost/compress) makes it. */
const FOREIGN = '28b52ffd64d006550000106162015402022ecb175608be23';

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const unpack = (env: Env, b: Uint8Array, limit: number): string => {
  const out = env.codec.zstdDecompress(b, 0, b.length, limit);
  return typeof out === 'string' ? out : new TextDecoder().decode(out);
};

export const codecContract: Contract = {
  'zstd: there and back, from the middle of a buffer': ({ env }) => {
    const b = text(`..${'hello '.repeat(500)}..`);
    const packed = env.codec.zstdCompress(b, 2, b.length - 2);
    expect(packed.length).toBeLessThan(100);
    const shifted = new Uint8Array(packed.length + 6);
    shifted.set(packed, 3);
    const out = env.codec.zstdDecompress(shifted, 3, 3 + packed.length, 3000);
    expect(out).toEqual(b.slice(2, -2));
    const empty = env.codec.zstdCompress(b, 2, 2);
    expect(unpack(env, empty, 10)).toBe('');
  },
  'zstd of another writer': ({ env }) => {
    expect(unpack(env, Uint8Array.from(Buffer.from(FOREIGN, 'hex')), 2000)).toBe('ab'.repeat(1000));
  },
  'zstd: no more comes out than was asked for': ({ env }) => {
    const zeros = new Uint8Array(10_000_000);
    const packed = env.codec.zstdCompress(zeros, 0, zeros.length);
    expect(unpack(env, packed, zeros.length - 1)).toBe('limit');
    expect(unpack(env, packed, 0)).toBe('limit');
    expect(unpack(env, packed, zeros.length)).toHaveLength(zeros.length);
  },
  'zstd: wrong bytes are told': ({ env }) => {
    const packed = env.codec.zstdCompress(text('hello hello hello'), 0, 17);
    expect(unpack(env, text('no zstd at all'), 100)).toBe('damaged');
    expect(unpack(env, new Uint8Array(0), 100)).toBe('damaged');
    for (let to = 0; to < packed.length; to++) expect(unpack(env, packed.slice(0, to), 100)).toBe('damaged');
  },
};
