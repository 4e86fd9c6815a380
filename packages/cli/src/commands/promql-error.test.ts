import { parse } from '@munjigi/promql';
import { expect, test } from 'vitest';
import { parseErrorText, pointedError } from './promql-error.ts';

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
  expect(parseErrorText(text, first!)).toBe([`${place}${message}`, ...shown, ''].join('\n'));
});

test.each<[expr: string, message: string, text: string]>([
  ['up', 'no place', 'no place'],
  ['sum(', '1:5: parse error: unclosed', '1:5: parse error: unclosed\nsum(\n    ^'],
  ['a +\n\té b', 'x: 2:5: parse error: y', 'x: 2:5: parse error: y\n\té b\n\t  ^'],
  ['up', '7:1: parse error: far away', '7:1: parse error: far away'],
])('an error in %j: %s', (expr, message, text) => expect(pointedError(expr, message)).toBe(text));
