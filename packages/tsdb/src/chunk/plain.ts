// Chunks as plain pairs of time and value, float64 in the machine's order. They may be out of order (appended as they came).
import { HIGH, LOW, type Column } from '@munjigi/model';

/**
 * Decodes n pairs at byte `at` (divisible by 8) behind the column's n, sorted by time; of equal times the last one is taken. Returns how
 * many there are.
 */
export function decodePlain(page: Uint8Array, at: number, n: number, into: Column): number {
  const base = page.byteOffset + at;
  const pairs = new Float64Array(page.buffer, base, 2 * n);
  const bits = new Uint32Array(page.buffer, base, 4 * n);
  let sorted = true;
  for (let i = 1; i < n && sorted; i++) sorted = pairs[2 * i]! > pairs[2 * i - 2]!;
  let to = into.n;
  if (sorted) {
    for (let i = 0; i < n; i++, to++) {
      into.t[to] = pairs[2 * i]!;
      into.bits[2 * to + HIGH] = bits[4 * i + 2 + HIGH]!;
      into.bits[2 * to + LOW] = bits[4 * i + 2 + LOW]!;
    }
    return n;
  }
  const order = Uint32Array.from({ length: n }, (_, i) => i).sort(
    (a, b) => pairs[2 * a]! - pairs[2 * b]! || a - b,
  );
  for (let i = 0; i < n; i++) {
    const from = order[i]!;
    if (i + 1 < n && pairs[2 * order[i + 1]!] === pairs[2 * from]) continue;
    into.t[to] = pairs[2 * from]!;
    into.bits[2 * to + HIGH] = bits[4 * from + 2 + HIGH]!;
    into.bits[2 * to + LOW] = bits[4 * from + 2 + LOW]!;
    to++;
  }
  return to - into.n;
}
