import { parse } from '@munjigi/promql';
import { expect, test } from 'vitest';
import { showError } from './promql-format.ts';

test.each([
  [
    'rate(foo)',
    'expected type range vector in call to function "rate", got instant vector',
    ['rate(foo)', '     ^^^'],
  ],
  ['a +\n\t😀 b', "unexpected character: '😀'", ['\t😀 b', '\t^^^']],
  ['a{é="b"}\n  + "é" c', "unexpected character inside braces: 'é'", ['a{é="b"}', '  ^^^^^^']],
  ['foo @', 'unexpected end of input in @, expected timestamp', ['foo @', '     ^']],
  ['', 'no expression found in input', ['', '^']],
])('the error in %j is shown below it', (text, message, shown) => {
  const parsed = parse(text);
  const [first] = 'errors' in parsed ? parsed.errors : [];
  const place = text === '' ? '' : `${first!.line}:${first!.column}: `;
  expect(showError(text, first!)).toBe([`${place}${message}`, ...shown, ''].join('\n'));
});
