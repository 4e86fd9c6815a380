// Chunks as plain columns: times, then values, as float64 in the machine's order. They may be out of order (appended as they came).
import { HIGH, LOW, type Column } from '@munjigi/model';

/**
 * Decodes n samples at byte `at` (divisible by 8) behind the column's n, sorted by time; of equal times the last one is taken. Returns how
 * many there are.
 */
export function decodePlain(page: Uint8Array, at: number, n: number, into: Column): number {
  const base = page.byteOffset + at;
  const t = new Float64Array(page.buffer, base, n);
  const bits = new Uint32Array(page.buffer, base + 8 * n, 2 * n);
  let sorted = true;
  for (let i = 1; i < n && sorted; i++) sorted = t[i]! > t[i - 1]!;
  if (sorted) {
    into.t.set(t, into.n);
    into.bits.set(bits, 2 * into.n);
    return n;
  }
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => t[a]! - t[b]! || a - b);
  let to = into.n;
  for (let i = 0; i < n; i++) {
    const from = order[i]!;
    if (i + 1 < n && t[order[i + 1]!] === t[from]) continue;
    into.t[to] = t[from]!;
    into.bits[2 * to + HIGH] = bits[2 * from + HIGH]!;
    into.bits[2 * to + LOW] = bits[2 * from + LOW]!;
    to++;
  }
  return to - into.n;
}
