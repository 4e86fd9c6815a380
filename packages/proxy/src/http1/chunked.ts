// A chunked body, validated while it streams (RFC 9112 7.1). The caller gets the pieces of data; sizes, extensions and framing are not
// passed on: the proxy writes its own, so that nobody behind it reads another length than it did.
import { HEX, TOKEN, VALUE } from './bytes.ts';
import { CHUNK_BYTES, CHUNK_EXTENSION_BYTES, CHUNK_SIZE_DIGITS, TRAILER_BYTES } from './limits.ts';

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER_START = 6;
const TRAILER_NAME = 7;
const TRAILER_VALUE = 8;
const TRAILER_LF = 9;
const END_LF = 10;
const DONE = 11;
const BAD = 12;

export class ChunkedReader {
  /** The piece of data that `step` found: b[from..to); empty when it found none. */
  from = 0;
  to = 0;
  #state = SIZE;
  #left = 0;
  #digits = 0;
  #extension = 0;
  /** Extension bytes beyond data bytes so far: many tiny chunks with long extensions are an attack (CVE-2024-22019). */
  #waste = 0;
  #trailer = 0;

  get done(): boolean {
    return this.#state === DONE;
  }

  get bad(): boolean {
    return this.#state === BAD;
  }

  reset(): void {
    this.#state = SIZE;
    this.#left = this.#digits = this.#extension = this.#waste = this.#trailer = 0;
  }

  /** Reads on from b[i..n) up to the end of one piece of data, of the body, or of the bytes; where it stopped. */
  step(b: Uint8Array, i: number, n: number): number {
    this.from = this.to = 0;
    while (i < n) {
      const c = b[i]!;
      switch (this.#state) {
        case SIZE: {
          const d = HEX[c]!;
          if (d !== 255) {
            this.#left = this.#left * 16 + d;
            if (++this.#digits > CHUNK_SIZE_DIGITS || this.#left > CHUNK_BYTES) return this.#refuse(i);
          } else if (this.#digits === 0) return this.#refuse(i);
          else if (c === 13) this.#state = SIZE_LF;
          else if (c === 59 || c === 32 || c === 9) {
            this.#state = EXTENSION;
            this.#extension = c === 59 ? 1 : 0;
          } else return this.#refuse(i);
          i++;
          break;
        }
        case EXTENSION:
          // White space alone may stand only before `;`.
          if (c === 13) {
            if (this.#extension === 0) return this.#refuse(i);
            this.#state = SIZE_LF;
          } else {
            if (VALUE[c] !== 1 || (this.#extension === 0 && c !== 59 && c !== 32 && c !== 9))
              return this.#refuse(i);
            if (this.#extension > 0 || c === 59) this.#extension++;
            if (++this.#waste > CHUNK_EXTENSION_BYTES || this.#extension > CHUNK_EXTENSION_BYTES)
              return this.#refuse(i);
          }
          i++;
          break;
        case SIZE_LF:
          if (c !== 10) return this.#refuse(i);
          i++;
          this.#digits = 0;
          this.#extension = 0;
          this.#state = this.#left === 0 ? TRAILER_START : DATA;
          break;
        case DATA: {
          const take = Math.min(this.#left, n - i);
          this.from = i;
          this.to = i + take;
          this.#left -= take;
          this.#waste = Math.max(0, this.#waste - take);
          if (this.#left === 0) this.#state = DATA_CR;
          return i + take;
        }
        case DATA_CR:
          if (c !== 13) return this.#refuse(i);
          this.#state = DATA_LF;
          i++;
          break;
        case DATA_LF:
          if (c !== 10) return this.#refuse(i);
          this.#state = SIZE;
          i++;
          break;
        case TRAILER_START:
          if (c === 13) this.#state = END_LF;
          else if (TOKEN[c] === 1) this.#state = TRAILER_NAME;
          else return this.#refuse(i);
          if (++this.#trailer > TRAILER_BYTES) return this.#refuse(i);
          i++;
          break;
        case TRAILER_NAME:
          if (c === 58) this.#state = TRAILER_VALUE;
          else if (TOKEN[c] !== 1) return this.#refuse(i);
          if (++this.#trailer > TRAILER_BYTES) return this.#refuse(i);
          i++;
          break;
        case TRAILER_VALUE:
          if (c === 13) this.#state = TRAILER_LF;
          else if (VALUE[c] !== 1) return this.#refuse(i);
          if (++this.#trailer > TRAILER_BYTES) return this.#refuse(i);
          i++;
          break;
        case TRAILER_LF:
          if (c !== 10) return this.#refuse(i);
          this.#state = TRAILER_START;
          i++;
          break;
        case END_LF:
          if (c !== 10) return this.#refuse(i);
          this.#state = DONE;
          return i + 1;
        default:
          return i;
      }
    }
    return i;
  }

  #refuse(i: number): number {
    this.#state = BAD;
    return i;
  }
}
