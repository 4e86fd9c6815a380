// Byte tables of RFC 9110/9112 and the few byte operations that the hot path is made of.

/** 1 where a byte may stand in a token (method, header name): RFC 9110 5.6.2. */
export const TOKEN: Uint8Array = table(
  "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
);
/** 1 where a byte may stand in a header value: HTAB, SP, visible, obs-text. No other control characters. */
export const VALUE: Uint8Array = new Uint8Array(256).map((_, c) =>
  c === 9 || (c >= 32 && c !== 127) ? 1 : 0,
);
/** 1 where a byte may stand in a request target: visible US-ASCII without `#`. */
export const TARGET: Uint8Array = new Uint8Array(256).map((_, c) => (c > 32 && c < 127 && c !== 35 ? 1 : 0));
/** 1 where a byte may stand in a host name or IPv4 address as we accept it. */
export const HOST: Uint8Array = table('-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');
/** Value of a hexadecimal digit, 255 for any other byte. */
export const HEX: Uint8Array = new Uint8Array(256).map((_, c) => {
  if (c >= 48 && c <= 57) return c - 48;
  const letter = c | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : 255;
});

/** From this length on a native copy is cheaper than a loop. */
const NATIVE_COPY = 96;

function table(characters: string): Uint8Array {
  const t = new Uint8Array(256);
  for (const c of characters) t[c.charCodeAt(0)] = 1;
  return t;
}

/** Copies b[from..to) to out[p..); returns the place behind it. */
export function put(out: Buffer, p: number, b: Uint8Array, from: number, to: number): number {
  if (to - from >= NATIVE_COPY) {
    out.set(b.subarray(from, to), p);
    return p + to - from;
  }
  while (from < to) out[p++] = b[from++]!;
  return p;
}

/** Copies all of `bytes`. */
export function putAll(out: Buffer, p: number, bytes: Uint8Array): number {
  return put(out, p, bytes, 0, bytes.length);
}

/** Writes a non-negative integer in decimal. */
export function putNumber(out: Buffer, p: number, n: number): number {
  let digits = 1;
  for (let limit = 10; n >= limit; limit *= 10) digits++;
  const end = p + digits;
  for (let i = end - 1; i >= p; i--) {
    const rest = Math.floor(n / 10);
    out[i] = 48 + (n - rest * 10);
    n = rest;
  }
  return end;
}

/** Writes a positive integer in lower-case hexadecimal. */
export function putHex(out: Buffer, p: number, n: number): number {
  let digits = 1;
  for (let limit = 16; n >= limit; limit *= 16) digits++;
  const end = p + digits;
  for (let i = end - 1; i >= p; i--) {
    const rest = Math.floor(n / 16);
    const d = n - rest * 16;
    out[i] = d < 10 ? 48 + d : 87 + d;
    n = rest;
  }
  return end;
}

/** Whether b[from..to) is `lower` (already lower case), ignoring the case of US-ASCII letters. */
export function equalsIgnoringCase(b: Uint8Array, from: number, to: number, lower: Uint8Array): boolean {
  if (to - from !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    let c = b[from + i]!;
    if (c >= 65 && c <= 90) c |= 32;
    if (c !== lower[i]) return false;
  }
  return true;
}

/** Whether b[from..to) is exactly `bytes`. */
export function equalsBytes(b: Uint8Array, from: number, to: number, bytes: Uint8Array): boolean {
  if (to - from !== bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (b[from + i] !== bytes[i]) return false;
  return true;
}

/** Latin-1 bytes of a string: what goes on the wire. */
export function latin1(s: string): Buffer {
  return Buffer.from(s, 'latin1');
}

/** b[from..to) as Latin-1 text. */
export function textOf(b: Uint8Array, from: number, to: number): string {
  return Buffer.from(b.buffer, b.byteOffset + from, to - from).toString('latin1');
}
