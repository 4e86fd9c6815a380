import { printProblem } from '@munjigi/model';
import { expect, test } from 'vitest';
import { toPlain } from './node.ts';
import { READ_LIMITS, readDocuments } from './read.ts';

test.each<[what: string, text: string, plain: unknown[]]>([
  ['nothing', '', []],
  ['a comment', '# only\n', []],
  ['empty documents', '---\n---\na: 1\n---\n', [{ a: 1 }]],
  ['several documents', 'a: 1\n---\n- b\n', [{ a: 1 }, ['b']]],
  ['JSON', '{"a": [1, true, null, "x"], "b": "on"}', [{ a: [1, true, null, 'x'], b: 'on' }]],
  ['YAML 1.1 booleans', '[on, Off, YES, no, "on", y]', [[true, false, true, false, 'on', 'y']]],
  ['numbers', '[1, -2, 0x1f, 0o17, 017, 0b11, 1_000, 1.5e3, .5]', [[1, -2, 31, 15, 15, 3, 1000, 1500, 0.5]]],
  ['what is no number', '[1.2.3, 1m, "5", +, 0xzz, .x]', [['1.2.3', '1m', '5', '+', '0xzz', '.x']]],
  ['infinities', '[.inf, -.Inf, .NaN]', [[Infinity, -Infinity, Number.NaN]]],
  ['nulls', 'a:\nb: ~\nc: null\nd: ""', [{ a: null, b: null, c: null, d: '' }]],
  ['tags', '[!!str 5, !!int 5, ! on]', [['5', 5, 'on']]],
  ['blocks', 'a: |\n  x\n  y\nb: >\n  x\n  y\n', [{ a: 'x\ny\n', b: 'x y\n' }]],
  ['anchors', 'a: &x [1]\nb: *x', [{ a: [1], b: [1] }]],
  ['the last anchor of a name', 'a: &x 1\nb: *x\nc: &x 2\nd: *x', [{ a: 1, b: 1, c: 2, d: 2 }]],
  ['merge', 'a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}', [{ a: { p: 1, q: 2 }, b: { q: 3, p: 1 } }]],
  [
    'merge of several',
    '- &a {p: 1}\n- &b {p: 2, q: 2}\n- {<<: [*a, *b]}',
    [[{ p: 1 }, { p: 2, q: 2 }, { p: 1, q: 2 }]],
  ],
  ['a quoted merge key is a key', '{"<<": 1}', [{ '<<': 1 }]],
  ['numbers as keys', '404: x', [{ 404: 'x' }]],
  ['a byte order mark', '\ufeffa: 1', [{ a: 1 }]],
  [
    'keys of Object.prototype',
    '{__proto__: 1, constructor: 2}',
    [JSON.parse('{"__proto__": 1, "constructor": 2}')],
  ],
])('reads %s', (_, text, plain) => {
  const { documents, problems } = readDocuments('f.yaml', text);
  expect(problems).toEqual([]);
  expect(JSON.stringify(documents.map(toPlain))).toBe(JSON.stringify(plain));
});

test.each<[what: string, text: string, problems: RegExp[]]>([
  [
    'duplicate keys',
    'a: 1\nb: 2\na: 3\n',
    [/^f:3:1: error: duplicate key "a": it stands on line 1 already$/],
  ],
  ['several at once', '{a: 1, a: 2, b: 1, b: 2}', [/f:1:8: .*"a"/, /f:1:20: .*"b"/]],
  ['syntax', 'a: [1, 2', [/^f:1:9: error: /]],
  ['syntax in one of two documents', 'a: b: c\n---\na: 1\na: 2', [/^f:1:4: /, /^f:4:1: .*duplicate/]],
  ['tabs', 'a:\n\tb: 1', [/^f:2:1: .*[Tt]abs/]],
  ['an unknown alias', 'a: *x', [/^f:1:4: .*\*x has no anchor/]],
  ['a cycle', '&a [1, *a]', [/^f:1:8: .*inside its own anchor/]],
  ['a key that is a list', '? [a]\n: 1', [/a key must be text/]],
  ['a foreign tag', 'a: !secret x', [/f:1:12: .*!secret/]],
  ['a binary tag', 'a: !!binary aGk=', [/!!binary/]],
  ['merging a scalar', '<<: 5', [/<< merges/]],
  ['deep nesting', '['.repeat(300) + ']'.repeat(300), [/deeper than 200/]],
  ['very deep nesting', '['.repeat(50_000), [/./]],
])('reports %s', (_, text, expected) => {
  const { problems } = readDocuments('f', text);
  const printed = problems.map(printProblem);
  expected.forEach((pattern, i) => expect(printed[i] ?? '').toMatch(pattern));
  expect(problems.length > 0 && problems.every((p) => p.severity === 'error' && p.line > 0)).toBe(true);
});

test('an alias bomb is refused without being unrolled', () => {
  let text = 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n';
  for (let i = 1; i < 12; i++) text += `a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}*a${i - 1}]\n`;
  const { documents, problems } = readDocuments('f', text);
  expect(documents).toEqual([]);
  expect(problems[0]!.message).toMatch(/more than 5000000 values/);
});

test('a text beyond the limit is refused', () => {
  const { problems } = readDocuments('f', 'a: 12345', { ...READ_LIMITS, maxLength: 5 });
  expect(problems[0]!.message).toMatch(/8 characters, more than 5/);
});

test('random texts never throw and always have places', () => {
  const alphabet = [
    'a',
    ': ',
    '- ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    ',',
    '&a ',
    '*a',
    '"',
    "'",
    '#',
    '|',
    '<<',
    '!',
    '---\n',
    '\t',
    '?',
    '\u0000',
    '😀',
    '%',
  ];
  let seed = 7;
  const next = (n: number): number => (seed = (seed * 1_103_515_245 + 12_345) >>> 0) % n;
  for (let i = 0; i < 1500; i++) {
    let text = '';
    for (let k = next(24); k >= 0; k--) text += alphabet[next(alphabet.length)]!;
    const { documents, problems } = readDocuments('f', text);
    for (const document of documents) JSON.stringify(toPlain(document));
    for (const problem of problems) expect(problem.line).toBeGreaterThan(0);
  }
});
