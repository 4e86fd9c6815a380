// Which virtual host serves a Host: exact names, then the longest wildcard, then `*`. Case and a last dot don't count; the port is cut off
// before.

export class Hosts<V> {
  readonly #exact = new Map<string, V>();
  /** By what follows the asterisk: `.shop.local`. */
  readonly #wildcard = new Map<string, V>();
  #default: V | null = null;

  /** False: the pattern is taken already. */
  add(pattern: string, host: V): boolean {
    if (pattern === '*') {
      if (this.#default !== null) return false;
      this.#default = host;
      return true;
    }
    const map = pattern.startsWith('*.') ? this.#wildcard : this.#exact;
    const key = pattern.startsWith('*.') ? pattern.slice(1) : pattern;
    if (map.has(key)) return false;
    map.set(key, host);
    return true;
  }

  find(host: string): V | null {
    let name = host.toLowerCase();
    if (name.endsWith('.')) name = name.slice(0, -1);
    const exact = this.#exact.get(name);
    if (exact !== undefined) return exact;
    if (this.#wildcard.size > 0)
      for (let dot = name.indexOf('.', 1); dot > 0; dot = name.indexOf('.', dot + 1)) {
        const found = this.#wildcard.get(name.slice(dot));
        if (found !== undefined) return found;
      }
    return this.#default;
  }
}
