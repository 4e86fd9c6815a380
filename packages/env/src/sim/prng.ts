// The simulation's randomness: sfc32 (Chris Doty-Humphrey's small fast counter generator, 128 bits of state), filled from a seed and a name by
// FNV-1a and splitmix32. Each part of a world has a stream of its own, so that one more write to disk does not change what the network does.
import type { Random } from '../env.ts';

export class Prng implements Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number, name: string) {
    let state = (seed >>> 0) ^ Math.trunc(seed / 4_294_967_296);
    for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193);
    const mixed = (): number => {
      state = (state + 0x9e3779b9) | 0;
      let z = state;
      z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return z ^ (z >>> 15);
    };
    this.#a = mixed();
    this.#b = mixed();
    this.#c = mixed();
    for (let i = 0; i < 12; i++) this.u32();
  }

  u32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  float(): number {
    return ((this.u32() >>> 5) * 67_108_864 + (this.u32() >>> 6)) / 9_007_199_254_740_992;
  }

  bytes(n: number): Uint8Array {
    const b = new Uint8Array(n);
    for (let i = 0; i < n; i += 4) {
      const value = this.u32();
      for (let k = 0; k < 4 && i + k < n; k++) b[i + k] = value >>> (8 * k);
    }
    return b;
  }

  /** Uniform in 0..n-1 (n up to 2^32). */
  below(n: number): number {
    return Math.floor((this.u32() / 4_294_967_296) * n);
  }

  chance(probability: number): boolean {
    return this.u32() / 4_294_967_296 < probability;
  }

  /** Uniform in [min, max). */
  between(min: number, max: number): number {
    return min + (this.u32() / 4_294_967_296) * (max - min);
  }
}
