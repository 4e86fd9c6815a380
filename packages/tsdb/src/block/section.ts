// Reads a section with a length, a count and a checksum from front to end, past the cache: how the tables of an index are scanned once.
import { crc32cOn } from './buffered-file.ts';
import type { PagedFile } from './paged-file.ts';

const PIECE_BYTES: number = 64 * 1024;

/** Bytes b[at..end) are loaded; `place` is where b[at] stands in the file. */
export class SectionScan {
  readonly file: PagedFile;
  readonly count: number;
  /** Where the entries begin, and where the checksum stands. */
  readonly from: number;
  readonly to: number;
  b: Uint8Array = new Uint8Array(PIECE_BYTES);
  at = 0;
  end = 0;
  #next: number;
  #crc = 0;

  /** `least`: bytes of the shortest entry. */
  constructor(file: PagedFile, section: number, least: number) {
    const { b, from } = file.view(section, 8);
    const length = u32At(b, from);
    const count = u32At(b, from + 4);
    if (length < 4 || section + 4 + length + 4 > file.size)
      throw file.wrong(section, `a section of ${length} bytes ends behind the file`);
    if (count * least > length)
      throw file.wrong(section + 4, `${count} entries do not fit in ${length} bytes`);
    this.file = file;
    this.count = count;
    this.from = section + 8;
    this.to = section + 4 + length;
    this.#next = section + 4;
    // The count is part of what the checksum covers.
    this.load(4);
    this.at += 4;
  }

  get place(): number {
    return this.#next - (this.end - this.at);
  }

  /** Loads `n` bytes at the place, or all that is left of the entries. */
  load(n: number): void {
    if (this.end - this.at >= n || this.#next === this.to) return;
    const held = this.end - this.at;
    if (n > this.b.length) {
      const larger = new Uint8Array(Math.min(2 * n, held + this.to - this.#next));
      larger.set(this.b.subarray(this.at, this.end));
      this.b = larger;
    } else this.b.copyWithin(0, this.at, this.end);
    const more = Math.min(this.b.length - held, this.to - this.#next);
    const piece = this.b.subarray(held, held + more);
    this.file.read(piece, this.#next, more);
    this.#crc = crc32cOn(this.#crc, piece, 0, more);
    this.#next += more;
    this.at = 0;
    this.end = held + more;
  }

  uvarint(): number {
    let x = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 128) {
      if (this.at >= this.end) break;
      const c = this.b[this.at++]!;
      x += (c & 127) * scale;
      if (c < 128) return x;
    }
    throw this.file.wrong(this.place, 'a number is cut off or too long');
  }

  /** Loads a text's bytes: they begin at b[at] afterwards. Returns their length. */
  text(): number {
    this.load(10);
    const length = this.uvarint();
    if (length > this.to - this.place) throw this.file.wrong(this.place, `a text of ${length} bytes`);
    this.load(length);
    return length;
  }

  skipText(): void {
    const length = this.text();
    this.at += length;
  }

  /** Compares the checksum; all entries must have been read. */
  finish(): void {
    while (this.#next < this.to) {
      this.at = this.end;
      this.load(1);
    }
    const { b, from } = this.file.view(this.to, 4);
    if (u32At(b, from) !== this.#crc) throw this.file.wrong(this.to, 'the checksum does not match');
  }
}

export function u32At(b: Uint8Array, at: number): number {
  return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
}
