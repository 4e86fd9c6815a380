// Chunk addresses in the order they were captured, in blocks of one size: nothing is copied when the list grows.
export interface ChunkBlock {
  /** Slot, or offset in `file`. */
  readonly place: Uint32Array;
  readonly file: Uint32Array;
  readonly bytes: Uint32Array;
  readonly samples: Uint32Array;
  readonly mint: Float64Array;
  readonly maxt: Float64Array;
  readonly encoding: Uint8Array;
  /** 1: out of order. */
  readonly late: Uint8Array;
}

const BLOCK_BITS = 13;

export class ChunkList {
  readonly #blocks: ChunkBlock[] = [];
  count = 0;

  /** Makes room for `count` chunks in all. */
  extend(count: number): void {
    while (this.#blocks.length << BLOCK_BITS < count) this.#blocks.push(newBlock(1 << BLOCK_BITS));
    this.count = count;
  }

  /** The block of chunk n; it stands there at `within(n)`. */
  block(n: number): ChunkBlock {
    return this.#blocks[n >>> BLOCK_BITS]!;
  }

  /** Sorts chunks [from, count) by mint; those of one mint stay as they are. */
  sortByMint(from: number): void {
    for (let i = from + 1; i < this.count; i++)
      for (let k = i; k > from && this.#mint(k - 1) > this.#mint(k); k--) this.#swap(k - 1, k);
  }

  #mint(n: number): number {
    return this.block(n).mint[within(n)]!;
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.block(a), this.block(b)];
    for (const column of COLUMNS) {
      const held = x[column][within(a)]!;
      x[column][within(a)] = y[column][within(b)]!;
      y[column][within(b)] = held;
    }
  }
}

const COLUMNS: readonly (keyof ChunkBlock)[] = [
  'place',
  'file',
  'bytes',
  'samples',
  'mint',
  'maxt',
  'encoding',
  'late',
];

export function within(n: number): number {
  return n & ((1 << BLOCK_BITS) - 1);
}

function newBlock(size: number): ChunkBlock {
  return {
    place: new Uint32Array(size),
    file: new Uint32Array(size),
    bytes: new Uint32Array(size),
    samples: new Uint32Array(size),
    mint: new Float64Array(size),
    maxt: new Float64Array(size),
    encoding: new Uint8Array(size),
    late: new Uint8Array(size),
  };
}
