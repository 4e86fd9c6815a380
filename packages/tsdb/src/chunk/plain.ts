// Chunks as plain columns: times, then values, as float64 in the machine's order. They may be out of order (appended as they came).
import { HIGH, LOW, type Column } from '@munjigi/model';

/** Decodes n samples at byte `at` (divisible by 8) behind the column's n, sorted by time; of equal times the last one stays last. */
export function decodePlain(page: Uint8Array, at: number, n: number, into: Column): void {
  const base = page.byteOffset + at;
  const t = new Float64Array(page.buffer, base, n);
  const bits = new Uint32Array(page.buffer, base + 8 * n, 2 * n);
  let sorted = true;
  for (let i = 1; i < n && sorted; i++) sorted = t[i]! >= t[i - 1]!;
  if (sorted) {
    into.t.set(t, into.n);
    into.bits.set(bits, 2 * into.n);
    return;
  }
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort((a, b) => t[a]! - t[b]! || a - b);
  for (let i = 0; i < n; i++) {
    const from = order[i]!;
    into.t[into.n + i] = t[from]!;
    into.bits[2 * (into.n + i) + HIGH] = bits[2 * from + HIGH]!;
    into.bits[2 * (into.n + i) + LOW] = bits[2 * from + LOW]!;
  }
}
