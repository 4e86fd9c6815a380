// Sample values. NaN bits carry meaning: StaleNaN says "this series ended", and survives only in typed arrays, never through
// arithmetic or JavaScript arrays. Bits are therefore tested on the 32-bit halves.

/** High and low halves of StaleNaN, 0x7ff0000000000002 (a signalling NaN). */
export const STALE_HIGH = 0x7ff00000;
export const STALE_LOW = 0x00000002;

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
/** Index of the high and the low half of a float64 seen as two Uint32. */
export const HIGH: 0 | 1 = LITTLE_ENDIAN ? 1 : 0;
export const LOW: 0 | 1 = LITTLE_ENDIAN ? 0 : 1;

/** Writes StaleNaN to v[i]. `bits` is a Uint32Array over the same buffer as v. */
export function setStale(bits: Uint32Array, i: number): void {
  bits[2 * i + HIGH] = STALE_HIGH;
  bits[2 * i + LOW] = STALE_LOW;
}

/** Whether value i is StaleNaN. `bits` is a Uint32Array over the buffer of the values. */
export function isStale(bits: Uint32Array, i: number): boolean {
  return bits[2 * i + LOW] === STALE_LOW && bits[2 * i + HIGH] === STALE_HIGH;
}
