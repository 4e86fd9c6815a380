// CRC-32 with Castagnoli's polynomial, eight tables at a time: what Prometheus' WAL, chunks and index use.

const TABLES: Uint32Array = makeTables();

export function crc32c(b: Uint8Array, from: number, to: number): number {
  let crc = -1;
  let i = from;
  const t = TABLES;
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

function makeTables(): Uint32Array {
  const t = new Uint32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = (c & 1) !== 0 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    t[n] = c;
  }
  for (let n = 0; n < 256; n++)
    for (let k = 1; k < 8; k++) {
      const before = t[(k - 1) * 256 + n]!;
      t[k * 256 + n] = t[before & 255]! ^ (before >>> 8);
    }
  return t;
}
