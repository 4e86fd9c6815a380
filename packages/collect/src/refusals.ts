// What was not taken of new series, so that whoever looks finds out what grew.

/** Names that are remembered. */
const KEPT = 10;

export class Refusals {
  /** Series left out, counted again with each scrape that has them. */
  total = 0;
  /** Of the last scrape. */
  now = 0;
  readonly #names: string[] = [];

  /** A metric of which a series was refused. */
  name(name: string): void {
    if (this.#names[0] === name) return;
    const at = this.#names.indexOf(name);
    if (at >= 0) this.#names.splice(at, 1);
    this.#names.unshift(name);
    if (this.#names.length > KEPT) this.#names.pop();
  }

  /** Newest first, each once. */
  newestNames(): string[] {
    return [...this.#names];
  }
}
