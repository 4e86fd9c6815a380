import { describe, expect, it } from 'vitest';
import { textOf } from './bytes.ts';
import { ChunkedReader } from './chunked.ts';

/** Feeds the text in pieces; the body, or how it ended. */
function read(
  text: string,
  cuts: readonly number[],
): { body: string; state: 'done' | 'bad' | 'more'; rest: string } {
  const reader = new ChunkedReader();
  let body = '';
  let from = 0;
  for (const to of [...cuts, text.length]) {
    const b = Buffer.from(text.slice(from, to), 'latin1');
    let i = 0;
    while (i < b.length && !reader.done && !reader.bad) {
      i = reader.step(b, i, b.length);
      body += textOf(b, reader.from, reader.to);
    }
    if (reader.bad) return { body, state: 'bad', rest: '' };
    if (reader.done) return { body, state: 'done', rest: text.slice(from + i) };
    from = to;
  }
  return { body, state: 'more', rest: '' };
}

const GOOD: readonly (readonly [text: string, body: string])[] = [
  ['0\r\n\r\n', ''],
  ['5\r\nhello\r\n0\r\n\r\n', 'hello'],
  ['1;a=b\r\nh\r\n0000000000000004 ; x="y z"\r\nello\r\n000;z\r\nX-T: 1\r\nY:\r\n\r\n', 'hello'],
  ['A\r\n0123456789\r\na\r\nabcdefghij\r\n0\r\n\r\n', '0123456789abcdefghij'],
];

const BAD: readonly string[] = [
  '\r\n',
  ' 1\r\n',
  '0x1\r\n',
  '+1\r\n',
  '-1\r\n',
  '1_0\r\n',
  'g\r\n',
  '1\n',
  '1\r\r',
  '1 \r\n',
  '1 x\r\n',
  '1;a\nb',
  '1;\x00',
  '00000000000000001\r\n',
  'FFFFFFFFFFFFFFFF\r\n',
  '1\r\nab\r\n',
  '1\r\na\n',
  '1\r\na\rx',
  '0\r\n x: 1\r\n',
  '0\r\nx\r\n',
  '0\r\n: 1\r\n',
  '0\r\n\rx',
  '0\r\n\n',
  '0\r\nX: a\x00\r\n',
  '0\r\nX: a\nb',
  `1;${'x'.repeat(5000)}\r\n`,
  `0\r\n${'X: y\r\n'.repeat(4000)}`,
  '1;xxxxxxxxxx\r\na\r\n'.repeat(500),
];

describe('chunked bodies', () => {
  it.each(GOOD)('reads %j, cut at every two places', (text, body) => {
    for (let a = 0; a <= text.length; a++)
      for (let b = a; b <= text.length; b += 3)
        expect(read(`${text}GET`, [a, b])).toEqual({ body, state: 'done', rest: 'GET' });
    for (let n = 0; n < text.length; n++) expect(read(text.slice(0, n), []).state).toBe('more');
  });

  it.each(BAD.map((text) => [JSON.stringify(text.slice(0, 40)), text]))('refuses %s', (_, text) => {
    expect(read(text, []).state).toBe('bad');
    expect(
      read(
        text,
        Array.from({ length: Math.min(50, text.length) }, (_, i) => i),
      ).state,
    ).toBe('bad');
  });

  it('begins anew after reset', () => {
    const reader = new ChunkedReader();
    reader.step(Buffer.from('zz'), 0, 2);
    expect(reader.bad).toBe(true);
    reader.reset();
    const b = Buffer.from('0\r\n\r\n');
    expect(reader.step(b, 0, b.length)).toBe(b.length);
    expect(reader.done).toBe(true);
  });
});
