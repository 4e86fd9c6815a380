// Label names and values as strings, each made once: a page repeats them, and pages of other targets do too. Shared strings are also what keeps
// the labels of a million series small.
import { decodeUtf8 } from '@munjigi/model';

/** Strings remembered; one place for each hash, the newest wins. */
const SIZE = 8192;
/** Longer texts are rarely repeated. */
const MAX_LENGTH = 128;
const known: string[] = Array.from({ length: SIZE }, () => '');

/** The text of b[from..to), the same object as before where it is still known. */
export function textOf(b: Uint8Array, from: number, to: number): string {
  const length = to - from;
  if (length === 0) return '';
  if (length > MAX_LENGTH) return decodeUtf8(b, from, to);
  let h = 0x811c9dc5 | 0;
  for (let i = from; i < to; i++) h = Math.imul(h ^ b[i]!, 0x01000193);
  const place = (h ^ (h >>> 15)) & (SIZE - 1);
  const text = known[place]!;
  if (text.length === length) {
    let i = 0;
    // Equal only for ASCII: a text with others has fewer units than bytes, so it is never found by length and bytes.
    while (i < length && text.charCodeAt(i) === b[from + i]) i++;
    if (i === length) return text;
  }
  return (known[place] = decodeUtf8(b, from, to));
}
