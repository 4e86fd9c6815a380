// xxHash64 of a series' labels, packed as Prometheus' default build packs them: which series limit_ratio keeps depends on it.
import { encodeUtf8, type Labels } from '@munjigi/model';

const MASK = 0xffff_ffff_ffff_ffffn;
const P1 = 0x9e3779b185ebca87n;
const P2 = 0xc2b2ae3d27d4eb4fn;
const P3 = 0x165667b19e3779f9n;
const P4 = 0x85ebca77c2b2ae63n;
const P5 = 0x27d4eb2f165667c5n;

/** The hash as a part of 1, in [0, 1]. */
export function hashRatio(labels: Labels): number {
  return Number(xxHash64(packLabels(labels))) / 2 ** 64;
}

/** Per name and value: one length byte, or FF and three bytes little-endian from 255 up, then the UTF-8 bytes. */
function packLabels(labels: Labels): Uint8Array {
  const room = labels.reduce((sum, part) => sum + 4 + 3 * part.length, 0);
  const b = new Uint8Array(room);
  let n = 0;
  for (const part of labels) {
    const text = new Uint8Array(3 * part.length);
    const length = encodeUtf8(part, text, 0);
    if (length < 255) b[n++] = length;
    else {
      b[n++] = 255;
      b[n++] = length & 255;
      b[n++] = (length >> 8) & 255;
      b[n++] = (length >> 16) & 255;
    }
    b.set(text.subarray(0, length), n);
    n += length;
  }
  return b.subarray(0, n);
}

function rotate(x: bigint, by: bigint): bigint {
  return ((x << by) | (x >> (64n - by))) & MASK;
}

function round(acc: bigint, lane: bigint): bigint {
  return (rotate((acc + lane * P2) & MASK, 31n) * P1) & MASK;
}

/** xxHash64 with seed 0. BigInt: it runs once a series, in one aggregation only. */
function xxHash64(b: Uint8Array): bigint {
  const view = new DataView(b.buffer, b.byteOffset, b.byteLength);
  const n = b.length;
  let at = 0;
  let h: bigint;
  if (n >= 32) {
    let v1 = (P1 + P2) & MASK;
    let v2 = P2;
    let v3 = 0n;
    let v4 = -P1 & MASK;
    for (; at + 32 <= n; at += 32) {
      v1 = round(v1, view.getBigUint64(at, true));
      v2 = round(v2, view.getBigUint64(at + 8, true));
      v3 = round(v3, view.getBigUint64(at + 16, true));
      v4 = round(v4, view.getBigUint64(at + 24, true));
    }
    h = (rotate(v1, 1n) + rotate(v2, 7n) + rotate(v3, 12n) + rotate(v4, 18n)) & MASK;
    for (const v of [v1, v2, v3, v4]) h = ((h ^ round(0n, v)) * P1 + P4) & MASK;
  } else h = P5;
  h = (h + BigInt(n)) & MASK;
  for (; at + 8 <= n; at += 8) h = (rotate(h ^ round(0n, view.getBigUint64(at, true)), 27n) * P1 + P4) & MASK;
  if (at + 4 <= n) {
    h = (rotate(h ^ ((BigInt(view.getUint32(at, true)) * P1) & MASK), 23n) * P2 + P3) & MASK;
    at += 4;
  }
  for (; at < n; at++) h = (rotate(h ^ ((BigInt(b[at]!) * P5) & MASK), 11n) * P1) & MASK;
  h = ((h ^ (h >> 33n)) * P2) & MASK;
  h = ((h ^ (h >> 29n)) * P3) & MASK;
  return h ^ (h >> 32n);
}
