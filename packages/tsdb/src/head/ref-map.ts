// Numbers by log reference: an array for small references, which is what there is unless series came and went for years, a Map for others.

/** References below this are looked up in an array. */
const DENSE_REFS: number = 2 ** 26;

export class RefMap {
  readonly #none: number;
  readonly #sparse = new Map<number, number>();
  #dense: Uint32Array;

  /** `none` is what a reference has that was never set. */
  constructor(none: number) {
    this.#none = none;
    this.#dense = new Uint32Array(1024).fill(none);
  }

  get(ref: number): number {
    return ref >= 0 && ref < this.#dense.length ? this.#dense[ref]! : (this.#sparse.get(ref) ?? this.#none);
  }

  set(ref: number, value: number): void {
    if (!(ref >= 0 && ref < DENSE_REFS)) {
      this.#sparse.set(ref, value);
      return;
    }
    if (ref >= this.#dense.length) {
      const grown = new Uint32Array(Math.min(DENSE_REFS, Math.max(ref + 1, 2 * this.#dense.length)));
      grown.set(this.#dense);
      if (this.#none !== 0) grown.fill(this.#none, this.#dense.length);
      this.#dense = grown;
    }
    this.#dense[ref] = value;
  }

  /** All references that were set to something else than none. */
  *entries(): IterableIterator<[ref: number, value: number]> {
    for (let ref = 0; ref < this.#dense.length; ref++)
      if (this.#dense[ref] !== this.#none) yield [ref, this.#dense[ref]!];
    for (const [ref, value] of this.#sparse) if (value !== this.#none) yield [ref, value];
  }
}
