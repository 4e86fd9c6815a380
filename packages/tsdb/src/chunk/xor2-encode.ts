// Prometheus' XOR2 chunk: time and value share control bits, staleness marks need no value, start times are optional. As it lies in a
// slot (behind the 2-byte count): the header byte of the start times, then bits. Layout: ../../format/chunks.md.
import { HIGH, LOW, STALE_HIGH, STALE_LOW } from '@munjigi/model';
import { putUvarint, putVarint } from '../wal/bytes.ts';
import { NO_WINDOW, putBits, putHalves, putSignificant } from './bits.ts';
import { putStartTime, type StState } from './start-time.ts';
import { decodeXor2 } from './xor2-decode.ts';
import { sameBytes, type XorState } from './xor-encode.ts';

export { newStState, type StState } from './start-time.ts';

/** One sample takes at most 219 bits behind the first (29 bytes), and one `putBits` touches 5 bytes. */
export const XOR2_SAMPLE_MAX_BYTES = 36;

/** What a new window costs in bits when the prefix says nothing of the time; a window is kept while it costs less. */
const WINDOW_BITS = 11;

/**
 * Appends a sample to the chunk that begins at byte `at` of b; t (ms) must be above the last one, st is its start time (ms; 0: none). Set
 * count and bits to 0 to begin a chunk. `s.value` holds the last value that is not StaleNaN.
 */
export function appendXor2(
  b: Uint8Array,
  at: number,
  s: XorState,
  e: StState,
  row: number,
  t: number,
  high: number,
  low: number,
  st: number,
): void {
  const start = at * 8;
  const count = s.count[row]!;
  const stale = (low | 0) === STALE_LOW && (high | 0) === STALE_HIGH;
  let p = start + s.bits[row]!;
  if (count === 0) {
    b[at] = 0;
    p = putHalves(b, 8 * putVarint(b, at + 1, t), high, low);
    s.lead[row] = NO_WINDOW;
    s.trail[row] = 0;
    s.value[2 * row] = 0;
    s.value[2 * row + 1] = 0;
    e.changeOn[row] = 0;
    e.diff[row] = 0;
  } else {
    const delta = t - s.t[row]!;
    const xh = high ^ s.value[2 * row]!;
    const xl = low ^ s.value[2 * row + 1]!;
    const dod = delta - s.delta[row]!;
    if (count > 1 && dod === 0) p = putJoint(b, p, s, row, xh, xl, stale);
    else {
      p = count === 1 ? 8 * putUvarint(b, p >> 3, delta) : putDod(b, p, dod);
      p = putValue(b, p, s, row, xh, xl, stale);
    }
    s.delta[row] = delta;
  }
  s.bits[row] = putStartTime(b, p, at, e, row, count, t, s.t[row]!, st) - start;
  s.t[row] = t;
  if (!stale) {
    s.value[2 * row] = high;
    s.value[2 * row + 1] = low;
  }
  s.count[row] = count + 1;
}

/** The time is where the last delta leads: only the value is said. */
function putJoint(
  b: Uint8Array,
  p: number,
  s: XorState,
  row: number,
  xh: number,
  xl: number,
  stale: boolean,
): number {
  if (stale) {
    putBits(b, p, 31, 5);
    return p + 5;
  }
  if ((xh | xl) === 0) {
    putBits(b, p, 0, 1);
    return p + 1;
  }
  putBits(b, p, 2, 2);
  return putWindowed(b, p + 2, s, row, xh, xl, 1, WINDOW_BITS);
}

function putDod(b: Uint8Array, p: number, dod: number): number {
  if (dod >= -4096 && dod <= 4095) {
    putBits(b, p, (6 << 13) | (dod & 0x1fff), 16);
    return p + 16;
  }
  if (dod >= -524288 && dod <= 524287) {
    putBits(b, p, (14 << 20) | (dod & 0xfffff), 24);
    return p + 24;
  }
  putBits(b, p, 30, 5);
  return putHalves(b, p + 5, Math.floor(dod / 2 ** 32), dod % 2 ** 32);
}

function putValue(
  b: Uint8Array,
  p: number,
  s: XorState,
  row: number,
  xh: number,
  xl: number,
  stale: boolean,
): number {
  if (stale) {
    putBits(b, p, 7, 3);
    return p + 3;
  }
  if ((xh | xl) === 0) {
    putBits(b, p, 0, 1);
    return p + 1;
  }
  putBits(b, p, 1, 1);
  return putWindowed(b, p + 1, s, row, xh, xl, 2, WINDOW_BITS + 1);
}

/**
 * A changed value in the window of the last one, or with a new one when that saves its cost. A window that must widen takes in the old one's
 * borders when they are near: the next value may need them. `controlBits`: how many bits say which.
 */
function putWindowed(
  b: Uint8Array,
  at: number,
  s: XorState,
  row: number,
  xh: number,
  xl: number,
  controlBits: number,
  cost: number,
): number {
  let lead = xh !== 0 ? Math.clz32(xh) : 32 + Math.clz32(xl);
  if (lead > 31) lead = 31;
  let trail = xl !== 0 ? 31 - Math.clz32(xl & -xl) : 63 - Math.clz32(xh & -xh);
  const oldLead = s.lead[row]!;
  const oldTrail = s.trail[row]!;
  if (lead >= oldLead && trail >= oldTrail && lead + trail <= oldLead + oldTrail + cost) {
    putBits(b, at, 0, 1);
    return putSignificant(b, at + 1, xh, xl, oldLead, oldTrail);
  }
  if (oldLead !== NO_WINDOW && (lead < oldLead || trail < oldTrail)) {
    const bothLead = Math.min(lead, oldLead);
    const bothTrail = Math.min(trail, oldTrail);
    if (lead + trail - bothLead - bothTrail <= cost >> 1) {
      lead = bothLead;
      trail = bothTrail;
    }
  }
  s.lead[row] = lead;
  s.trail[row] = trail;
  putBits(b, at, controlBits === 2 ? 2 : 1, controlBits);
  putBits(b, at + controlBits, (lead << 6) | ((64 - lead - trail) & 63), 11);
  return putSignificant(b, at + controlBits + 11, xh, xl, lead, trail);
}

/** As `resumeXor`, for a chunk of this encoding. */
export function resumeXor2(
  b: Uint8Array,
  at: number,
  s: XorState,
  e: StState,
  row: number,
  count: number,
): boolean {
  const t = new Float64Array(count);
  const st = new Float64Array(count);
  const bits = new Uint32Array(2 * count);
  decodeXor2(b, at, count, t, bits, st, 0);
  const again = new Uint8Array(count * XOR2_SAMPLE_MAX_BYTES);
  s.count[row] = 0;
  s.bits[row] = 0;
  for (let i = 0; i < count; i++)
    appendXor2(again, 0, s, e, row, t[i]!, bits[2 * i + HIGH]!, bits[2 * i + LOW]!, st[i]!);
  return sameBytes(b, at, again, (s.bits[row] + 7) >> 3);
}
