// The writer of numbers in WebAssembly (assembly/number.ts) with its memory. It writes a row of cells at a time: numbers of 16 and 17 digits,
// which are most of what a wide query answers, take it a third of the time that they take without.
import { startWasm } from '@munjigi/model';
import { WASM } from './number-wasm.ts';

interface Exports {
  start(powers: number, pairs: number): void;
  cells(
    values: number,
    present: number,
    n: number,
    texts: number,
    first: number,
    to: number,
    any: number,
  ): number;
  samples(times: number, values: number, n: number, to: number, any: number): number;
  number(x: number, to: number): number;
}

/** `[time,"` of every step, one after another: a time is written once, not once a series. Text k begins at first[k]. */
export interface Times {
  readonly bytes: Uint8Array;
  readonly first: Uint32Array;
}

/** Most cells at a time. */
export const KERNEL_CELLS = 1024;

/** Powers of ten that floats need, of 16 bytes each. */
const LEAST_POWER = -292;
const GREATEST_POWER = 324;
/** What a time takes at most, as it is copied: ms below 2^53. */
const TEXT_BYTES = 24;
/** Time, quotes, brackets, comma, and 25 characters of a number. */
const CELL_BYTES = 64;

const PAIRS_AT: number = 16 * (GREATEST_POWER - LEAST_POWER + 1);
const VALUES_AT: number = PAIRS_AT + 200 + 56;
const TIMES_AT: number = VALUES_AT + 8 * KERNEL_CELLS;
const FIRST_AT: number = TIMES_AT + 8 * KERNEL_CELLS;
const PRESENT_AT: number = FIRST_AT + 4 * (KERNEL_CELLS + 1);
const TEXTS_AT: number = PRESENT_AT + KERNEL_CELLS;
const OUT_AT: number = TEXTS_AT + TEXT_BYTES * (KERNEL_CELLS + 1);
const BYTES: number = OUT_AT + CELL_BYTES * (KERNEL_CELLS + 1);

let started: NumberKernel | null | undefined;

/** This thread's; null: there is no WebAssembly here. */
export function numberKernel(): NumberKernel | null {
  if (started === undefined) {
    const wasm = startWasm(WASM, BYTES);
    started = wasm === null ? null : new NumberKernel(wasm.exports as Exports, wasm.memory.buffer);
  }
  return started;
}

/** What its functions return is valid until the next call. */
export class NumberKernel {
  readonly #exports: Exports;
  readonly #all: Uint8Array;
  readonly #values: Float64Array;
  readonly #times: Float64Array;
  readonly #first: Uint32Array;
  /** Whose texts it has, and from which step on. */
  #texts: Times | null = null;
  #from = 0;

  constructor(exports: Exports, memory: ArrayBuffer) {
    this.#exports = exports;
    this.#all = new Uint8Array(memory);
    this.#values = new Float64Array(memory, VALUES_AT, KERNEL_CELLS);
    this.#times = new Float64Array(memory, TIMES_AT, KERNEL_CELLS);
    this.#first = new Uint32Array(memory, FIRST_AT, KERNEL_CELLS + 1);
    fillPowers(new BigUint64Array(memory, 0, PAIRS_AT / 8));
    exports.start(0, PAIRS_AT);
  }

  /** `[time,"value"]` of each cell that is present, from step k on, with commas between them; `any`: one stands before. */
  cells(times: Times, k: number, values: Float64Array, present: Uint8Array, any: boolean): Uint8Array {
    const n = values.length;
    if (this.#texts !== times || this.#from !== k) this.#take(times, k, n);
    this.#values.set(values);
    this.#all.set(present, PRESENT_AT);
    const end = this.#exports.cells(VALUES_AT, PRESENT_AT, n, TEXTS_AT, FIRST_AT, OUT_AT, any ? 1 : 0);
    return this.#all.subarray(OUT_AT, end);
  }

  #take(times: Times, k: number, n: number): void {
    const { bytes, first } = times;
    const begin = first[k]!;
    for (let i = 0; i <= n; i++) this.#first[i] = first[k + i]! - begin;
    this.#all.set(bytes.subarray(begin, first[k + n]), TEXTS_AT);
    this.#texts = times;
    this.#from = k;
  }

  /** The same of samples with times of their own. */
  samples(times: Float64Array, values: Float64Array, any: boolean): Uint8Array {
    this.#times.set(times);
    this.#values.set(values);
    const end = this.#exports.samples(TIMES_AT, VALUES_AT, values.length, OUT_AT, any ? 1 : 0);
    return this.#all.subarray(OUT_AT, end);
  }

  /** One number as text. */
  number(x: number): Uint8Array {
    return this.#all.subarray(OUT_AT, this.#exports.number(x, OUT_AT));
  }
}

/** As assembly/number.ts describes them; once a thread. */
function fillPowers(g: BigUint64Array): void {
  for (let k = LEAST_POWER; k <= GREATEST_POWER; k++) {
    // 127 - floor(log2(10^k)).
    const shift = BigInt(127 - ((k * 1_741_647) >> 19));
    const power = 10n ** BigInt(Math.abs(k));
    const value =
      k < 0 ? ((1n << shift) + power - 1n) / power : shift >= 0n ? power << shift : -(-power >> -shift);
    const at = 2 * (k - LEAST_POWER);
    g[at] = value >> 64n;
    g[at + 1] = BigInt.asUintN(64, value);
  }
}
