// Numbers by log reference: an array while references are about as many as they are large, a Map for those far beyond (series came and went for
// years, or a log is damaged: then no array of its size is made).

/** References below this, or below so many times what was set, are looked up in the array. */
const SMALL_REFS = 65_536;
const SPARSENESS = 8;

export class RefMap {
  readonly #none: number;
  readonly #sparse = new Map<number, number>();
  #dense: Uint32Array;
  #count = 0;

  /** `none` is what a reference has that was never set. */
  constructor(none: number) {
    this.#none = none;
    this.#dense = new Uint32Array(1024).fill(none);
  }

  get(ref: number): number {
    return ref >= 0 && ref < this.#dense.length ? this.#dense[ref]! : (this.#sparse.get(ref) ?? this.#none);
  }

  set(ref: number, value: number): void {
    this.#count++;
    if (ref >= this.#dense.length && ref < Math.max(SMALL_REFS, SPARSENESS * this.#count))
      this.#grow(ref + 1);
    if (ref >= 0 && ref < this.#dense.length) this.#dense[ref] = value;
    else this.#sparse.set(ref, value);
  }

  #grow(least: number): void {
    const old = this.#dense;
    const grown = new Uint32Array(Math.max(least, 2 * old.length));
    grown.set(old);
    if (this.#none !== 0) grown.fill(this.#none, old.length);
    this.#dense = grown;
    for (const [ref, value] of this.#sparse) {
      if (!(ref >= 0 && ref < grown.length)) continue;
      grown[ref] = value;
      this.#sparse.delete(ref);
    }
  }

  /** All references that were set to something else than none. */
  *entries(): IterableIterator<[ref: number, value: number]> {
    for (let ref = 0; ref < this.#dense.length; ref++)
      if (this.#dense[ref] !== this.#none) yield [ref, this.#dense[ref]!];
    for (const [ref, value] of this.#sparse) if (value !== this.#none) yield [ref, value];
  }
}
