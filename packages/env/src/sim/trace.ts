// What happened in a world, as one running hash: two runs of one seed must end with the same.

export class Trace {
  #low = 0x811c9dc5;
  #high = 0x9747b28c;
  /** Events so far. */
  events = 0;

  add(what: string, ...details: readonly (string | number)[]): void {
    this.events++;
    this.#text(what);
    for (const detail of details) this.#text(String(detail));
  }

  hash(): string {
    const hex = (n: number): string => (n >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }

  #text(text: string): void {
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i));
    this.#mix(0x1f);
  }

  #mix(code: number): void {
    this.#low = Math.imul(this.#low ^ code, 0x01000193);
    this.#high = Math.imul(((this.#high << 5) | (this.#high >>> 27)) ^ code, 0x9e3779b1);
  }
}
