// Weighted round robin that spreads evenly (each choice goes to the one that is furthest behind its share), for endpoints and for the
// targets of a split: of any run of choices each gets its share, give or take one.

export class RoundRobin<T> {
  readonly items: readonly T[];
  readonly #weights: readonly number[];
  readonly #ahead: Float64Array;
  readonly #equal: boolean;
  #next: number;

  /** Items of weight 0 get nothing. `start` in [0, 1): where the round begins, so that workers don't all begin at the first. */
  constructor(all: readonly (readonly [item: T, weight: number])[], start: number) {
    const used = all.filter(([, weight]) => weight > 0);
    this.items = used.map(([item]) => item);
    this.#weights = used.map(([, weight]) => weight);
    this.#equal = this.#weights.every((w) => w === this.#weights[0]);
    this.#ahead = new Float64Array(used.length);
    this.#next = Math.floor(start * used.length);
  }

  /** The next in turn for which `open` holds; when it holds for none, the next in turn; null: there are none. */
  pick(open: (item: T) => boolean): T | null {
    const { items } = this;
    if (items.length === 1) return items[0]!;
    if (items.length === 0) return null;
    return this.#equal ? this.#inTurn(open) : this.#behind(open);
  }

  #inTurn(open: (item: T) => boolean): T {
    const { items } = this;
    const first = this.#next;
    for (let k = 0; k < items.length; k++) {
      const i = (first + k) % items.length;
      if (!open(items[i]!)) continue;
      this.#next = (i + 1) % items.length;
      return items[i]!;
    }
    this.#next = (first + 1) % items.length;
    return items[first]!;
  }

  #behind(open: (item: T) => boolean): T {
    const { items } = this;
    const ahead = this.#ahead;
    const any = items.some(open);
    let best = -1;
    let total = 0;
    for (let i = 0; i < items.length; i++) {
      if (any && !open(items[i]!)) continue;
      total += this.#weights[i]!;
      ahead[i]! += this.#weights[i]!;
      if (best < 0 || ahead[i]! > ahead[best]!) best = i;
    }
    ahead[best]! -= total;
    return items[best]!;
  }
}
