// ULIDs: 48 bits of time in ms and 80 random bits, as 26 characters of Crockford's base 32. Their text order is their order in time.

const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
export const ULID_RANDOM_BYTES = 10;

/** `random`: ULID_RANDOM_BYTES bytes. */
export function newUlid(now_ms: number, random: Uint8Array): string {
  let time = '';
  for (let rest = now_ms, i = 0; i < 10; i++) {
    time = DIGITS[rest % 32]! + time;
    rest = Math.floor(rest / 32);
  }
  let tail = '';
  let bits = 0;
  let held = 0;
  for (let i = 0; i < ULID_RANDOM_BYTES; i++) {
    held = ((held & 31) << 8) | random[i]!;
    for (bits += 8; bits >= 5; bits -= 5) tail += DIGITS[(held >>> (bits - 5)) & 31]!;
  }
  return time + tail;
}

export function isUlid(text: string): boolean {
  return PATTERN.test(text);
}
