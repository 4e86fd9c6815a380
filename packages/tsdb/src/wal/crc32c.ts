// CRC-32 with Castagnoli's polynomial: what Prometheus' WAL, chunks and index use. Sixteen bytes at a time, one table for each of them.

const TABLES: Int32Array = makeTables(16);
/** Below this a view costs more than it gains. */
const VIEW_BYTES = 64;

let viewed: ArrayBufferLike | null = null;
let view: DataView = new DataView(new ArrayBuffer(0));

/** Of b[from..to). */
export function crc32c(b: Uint8Array, from: number, to: number): number {
  const t = TABLES;
  let crc = -1;
  let i = from;
  if (to - from >= VIEW_BYTES) {
    if (b.buffer !== viewed) {
      viewed = b.buffer;
      view = new DataView(viewed);
    }
    const v = view;
    const end = b.byteOffset + to - 16;
    let at = b.byteOffset + from;
    for (; at <= end; at += 16) {
      crc ^= v.getInt32(at, true);
      const x = v.getInt32(at + 4, true);
      const y = v.getInt32(at + 8, true);
      const z = v.getInt32(at + 12, true);
      crc =
        t[0xf00 | (crc & 255)]! ^
        t[0xe00 | ((crc >>> 8) & 255)]! ^
        t[0xd00 | ((crc >>> 16) & 255)]! ^
        t[0xc00 | (crc >>> 24)]! ^
        t[0xb00 | (x & 255)]! ^
        t[0xa00 | ((x >>> 8) & 255)]! ^
        t[0x900 | ((x >>> 16) & 255)]! ^
        t[0x800 | (x >>> 24)]! ^
        t[0x700 | (y & 255)]! ^
        t[0x600 | ((y >>> 8) & 255)]! ^
        t[0x500 | ((y >>> 16) & 255)]! ^
        t[0x400 | (y >>> 24)]! ^
        t[0x300 | (z & 255)]! ^
        t[0x200 | ((z >>> 8) & 255)]! ^
        t[0x100 | ((z >>> 16) & 255)]! ^
        t[z >>> 24]!;
    }
    i = at - b.byteOffset;
  }
  for (; i + 8 <= to; i += 8) {
    crc ^= b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24);
    crc =
      t[0x700 | (crc & 255)]! ^
      t[0x600 | ((crc >>> 8) & 255)]! ^
      t[0x500 | ((crc >>> 16) & 255)]! ^
      t[0x400 | (crc >>> 24)]! ^
      t[0x300 | b[i + 4]!]! ^
      t[0x200 | b[i + 5]!]! ^
      t[0x100 | b[i + 6]!]! ^
      t[b[i + 7]!]!;
  }
  for (; i < to; i++) crc = t[(crc ^ b[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Entry n of table k: the sum of byte n with k bytes of zero behind it. */
function makeTables(count: number): Int32Array {
  const t = new Int32Array(count * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = (c & 1) !== 0 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    t[n] = c;
  }
  for (let n = 0; n < 256; n++)
    for (let k = 1; k < count; k++) {
      const before = t[(k - 1) * 256 + n]!;
      t[k * 256 + n] = t[before & 255]! ^ (before >>> 8);
    }
  return t;
}
