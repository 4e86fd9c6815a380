// One form of a path for matching, made once a request: unreserved %XX decoded, other %xx in upper case, dot segments removed, slashes
// merged (RFC 3986 6.2.2, as Kong and Envoy have it). What is forwarded is the path as it came.
import { HEX } from '../http1/bytes.ts';

/** 1 for bytes that mean the same whether encoded or not (RFC 3986 2.3). */
const UNRESERVED: Uint8Array = new Uint8Array(256);
for (const c of '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz')
  UNRESERVED[c.charCodeAt(0)] = 1;

const SLASH = 47;
const DOT = 46;
const PERCENT = 37;

/** Whether b[from..to) may differ from its normal form: one cheap pass that most paths end at. */
export function isNormal(b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const c = b[i]!;
    if (c === PERCENT) return false;
    if (c === SLASH && i + 1 < to) {
      const next = b[i + 1]!;
      if (next === SLASH || next === DOT) return false;
    }
  }
  return true;
}

/** Writes the normal form of b[from..to) to out (as long as the input at least); its length, -1 for an encoded NUL. */
export function normalize(out: Uint8Array, b: Uint8Array, from: number, to: number): number {
  let p = 0;
  for (let i = from; i < to; i++) {
    let c = b[i]!;
    if (c === PERCENT && i + 2 < to) {
      const high = HEX[b[i + 1]!]!;
      const low = HEX[b[i + 2]!]!;
      if (high !== 255 && low !== 255) {
        const decoded = high * 16 + low;
        if (decoded === 0) return -1;
        if (UNRESERVED[decoded] !== 1) {
          out[p++] = PERCENT;
          out[p++] = upper(b[i + 1]!);
          out[p++] = upper(b[i + 2]!);
          i += 2;
          continue;
        }
        c = decoded;
        i += 2;
      }
    }
    if (c === SLASH) {
      p = endSegment(out, p);
      if (p > 0 && out[p - 1] === SLASH) continue;
    }
    out[p++] = c;
  }
  p = endSegment(out, p);
  if (p === 0) out[p++] = SLASH;
  return p;
}

/** Removes a `.` or `..` that ends at p: what is left ends in a slash. */
function endSegment(out: Uint8Array, p: number): number {
  if (p >= 2 && out[p - 1] === DOT && out[p - 2] === SLASH) return p - 1;
  if (p >= 3 && out[p - 1] === DOT && out[p - 2] === DOT && out[p - 3] === SLASH) {
    p -= 3;
    while (p > 0 && out[p - 1] !== SLASH) p--;
    return Math.max(p, 1);
  }
  return p;
}

function upper(c: number): number {
  return c >= 97 && c <= 102 ? c - 32 : c;
}

/** Normal form of a path out of a configuration. */
export function normalPath(path: string): string {
  const b = Buffer.from(path, 'utf8');
  // Bytes that a request can't hold as they are come percent-encoded.
  const encoded = Buffer.from(
    b.reduce((s, c) => s + (c > 32 && c < 127 ? String.fromCharCode(c) : percent(c)), ''),
    'latin1',
  );
  const out = Buffer.alloc(encoded.length + 1);
  const n = normalize(out, encoded, 0, encoded.length);
  return n < 0 ? path : out.toString('latin1', 0, n);
}

function percent(c: number): string {
  return `%${c.toString(16).toUpperCase().padStart(2, '0')}`;
}
