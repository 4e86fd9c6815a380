// Peers whose X-Forwarded-* are believed: addresses and CIDR blocks.

/** Address as 16 bytes (IPv4 mapped into IPv6); null: not an address. */
function addressBytes(address: string): Uint8Array | null {
  const bytes = new Uint8Array(16);
  const v4 = /^(?:::ffff:)?(\d+)\.(\d+)\.(\d+)\.(\d+)$/i.exec(address);
  if (v4 !== null) {
    bytes[10] = bytes[11] = 255;
    for (let i = 0; i < 4; i++) {
      const part = Number(v4[i + 1]);
      if (part > 255) return null;
      bytes[12 + i] = part;
    }
    return bytes;
  }
  const halves = address.split('%', 1)[0]!.split('::');
  if (halves.length > 2 || !/^[0-9a-fA-F:]+$/.test(address.split('%', 1)[0]!)) return null;
  const groups = (s: string | undefined): number[] =>
    s === undefined || s === ''
      ? []
      : s.split(':').map((g) => (g.length > 4 || g === '' ? -1 : Number.parseInt(g, 16)));
  const head = groups(halves[0]);
  const tail = groups(halves[1]);
  const missing = 8 - head.length - tail.length;
  if ((halves.length === 1 && missing !== 0) || missing < 0) return null;
  const all = [...head, ...Array.from({ length: missing }, () => 0), ...tail];
  if (all.some((g) => g < 0)) return null;
  all.forEach((g, i) => {
    bytes[2 * i] = g >> 8;
    bytes[2 * i + 1] = g & 255;
  });
  return bytes;
}

/** A test for membership in any of the blocks. Throws RangeError for what is not a block. */
export function trustOf(blocks: readonly string[]): (address: string) => boolean {
  if (blocks.length === 0) return () => false;
  const parsed = blocks.map((block) => {
    const [address = '', length] = block.split('/');
    const bytes = addressBytes(address);
    const whole = address.includes(':') ? 128 : 32;
    const bits = length === undefined ? whole : Number(length);
    if (bytes === null || !Number.isInteger(bits) || bits < 0 || bits > whole)
      throw new RangeError(`"${block}" is not an address or a CIDR block`);
    return { bytes, bits: whole === 32 ? bits + 96 : bits };
  });
  return (address) => {
    const bytes = addressBytes(address);
    return bytes !== null && parsed.some((p) => samePrefix(bytes, p.bytes, p.bits));
  };
}

function samePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (a[i] !== b[i]) return false;
  const rest = bits & 7;
  return rest === 0 || a[whole]! >> (8 - rest) === b[whole]! >> (8 - rest);
}
