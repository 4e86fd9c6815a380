import { RE2JS } from 're2js';
import { expect, test } from 'vitest';
import { compileAnchored, MAX_REGEXP_PARTS, RegExpError } from './regexp.ts';
import { regExpParts } from './regexp-size.ts';

test.each<[source: string, set: string[]]>([
  ['', ['']],
  ['api', ['api']],
  ['api|db|', ['api', 'db', '']],
  ['(?:a|b)c', ['ac', 'bc']],
  ['foo(bar|baz)', ['foobar', 'foobaz']],
  ['(?P<x>a|b)(c(d|))', ['acd', 'ac', 'bcd', 'bc']],
  ['(?<x>a)', ['a']],
  ['10\\.0\\.0\\.[1-3]:90', ['10.0.0.1:90', '10.0.0.2:90', '10.0.0.3:90']],
  ['[ab][0-1]', ['a0', 'a1', 'b0', 'b1']],
  ['[]a-]', [']', 'a', '-']],
  ['v\\d', Array.from({ length: 10 }, (_, i) => `v${i}`)],
  ['a\\-b\\x41\\x{1F600}\\n', ['a-bA\u{1f600}\n']],
  ['ab?c', ['abc', 'ac']],
  ['a{2}(bc){0,2}', ['aa', 'aabc', 'aabcbc']],
  ['a{0}b', ['b']],
  ['(?:(?:)*|x)', ['', 'x']],
  ['^(foo|bar)$', ['foo', 'bar']],
  ['a$b', []],
  ['fo\\bo|x', ['x']],
  ['(?s:a)', ['a']],
  ['(?i:1|2)3', ['13', '23']],
  ['\u{1f600}?', ['\u{1f600}', '']],
])('matches of %s are a set', (source, set) => {
  const found = compileAnchored(source);
  expect(new Set(found.set)).toEqual(new Set(set));
  for (const value of set) expect(found.test(value)).toBe(true);
  expect(found.test('other')).toBe(false);
});

test.each<[source: string, prefix: string, prefixes: string[]]>([
  ['api', 'api', ['api']],
  ['web|db', '', ['db', 'web']],
  ['a.*|b.+', '', ['a', 'b']],
  ['web-(1|2).*', 'web-', ['web-1', 'web-2']],
  ['web-[0-9]+', 'web-', Array.from({ length: 10 }, (_, i) => `web-${i}`)],
  ['web-\\d\\d\\d', 'web-', Array.from({ length: 10 }, (_, i) => `web-${i}`)],
  ['(a|ab)(c|d).*', 'a', ['abc', 'abd', 'ac', 'ad']],
  ['ab*c', 'a', ['a']],
  ['ab+c', 'ab', ['ab']],
  ['(?:ab)?c.*', '', ['abc', 'c']],
  ['foo(?i)bar', 'foo', ['foo']],
  ['(?i)foo', '', []],
  ['(?i:a)|b', '', []],
  ['foo\\Qbar\\E', 'foo', ['foo']],
  ['foo{x', 'fo', ['fo']],
  ['foo{01}', 'fo', ['fo']],
  ['\u{1f600}{x', '', []],
  ['.*foo', '', []],
  ['(foo|.*x)', '', []],
  ['[^a]b', '', []],
  ['\u{1f600}.|\u{1f601}.', '', ['\u{1f600}', '\u{1f601}']],
])('matches of %s begin with %j, with one of %j', (source, prefix, prefixes) => {
  const found = compileAnchored(source);
  expect({ prefix: found.prefix, prefixes: found.prefixes }).toEqual({ prefix, prefixes });
});

test.each<[source: string, suffice: boolean]>([
  ['web.*', true],
  ['a.*|(b|c).*', true],
  ['web.+', false],
  ['web.*x', false],
  ['web.*|db', false],
  ['.*', false],
  ['(|a).*', false],
  ['(?i:1).*', false],
])('beginnings of %s suffice: %s', (source, suffice) => {
  expect(compileAnchored(source).prefixesSuffice).toBe(suffice);
});

test('many alternatives: all texts are the set, beginnings are shortened', () => {
  const names = Array.from({ length: 3000 }, (_, i) => `host-${String(i).padStart(4, '0')}`);
  const all = compileAnchored(names.join('|'));
  expect(all.set).toEqual(names);
  expect(all.prefixes).toEqual(['host-']);
  const open = compileAnchored(`(${names.join('|')}).*`);
  expect(open.set).toBe(null);
  expect(open.prefixes).toEqual(Array.from({ length: 30 }, (_, i) => `host-${String(i).padStart(2, '0')}`));
  const more = compileAnchored([...names, ...names.map((name) => `x${name}`)].join('|'));
  expect(more.set).toBe(null);
  expect([more.test('xhost-2999'), more.test('host-0000'), more.test('x')]).toEqual([true, true, false]);
});

test.each([
  '(',
  'a**',
  '*',
  '[b-a]',
  '(?<n>a)(?<n>b)',
  'a{1001}',
  '(a{500}){3}',
  '\\',
  '(?=a)',
  '[[:no:]]',
  ')',
])('%s is not RE2', (source) => {
  expect(() => compileAnchored(source)).toThrow(RegExpError);
});

test('deep groups and long repetitions end soon', () => {
  const deep = `${'('.repeat(900)}a${')'.repeat(900)}`;
  expect(compileAnchored(deep).test('a')).toBe(true);
  expect(compileAnchored('(?:[ab]{10}){10}c.*').test(`${'ab'.repeat(50)}c`)).toBe(true);
  const value = 'a'.repeat(20_000);
  expect(compileAnchored('(a|aa)+(x|y).*').test(value)).toBe(false);
  expect(compileAnchored('.*a.*a.*(a|b).*c').test(value)).toBe(false);
});

test('a character beyond the BMP is one character', () => {
  for (const source of ['.+(?:[ab]|).+', '.+.+', '..', '.{2}'])
    expect(compileAnchored(source).test('\u{1f600}')).toBe(false);
  for (const source of ['.+', '.', '.+.*', '(?:|a).+'])
    expect(compileAnchored(source).test('\u{1f600}')).toBe(true);
});

/** A number from a seed, below n. */
function newRandom(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const ATOMS = [
  'a',
  'b',
  'ab',
  'c',
  '-',
  '\\.',
  '\u{1f600}',
  'é',
  '[ab]',
  '[a-c]',
  '[^a]',
  '.',
  '\\d',
  '1',
  '\\w',
  '$',
  '^',
  '\\b',
  'K',
];
const REPEATS = ['', '', '', '', '', '?', '*', '+', '*?', '{2}', '{0,2}', '{1,}'];
const LETTERS = ['a', 'b', 'c', '-', '.', '\u{1f600}', 'é', '1', '\n', 'K', 'k', 'ſ', ''];

function expression(random: (n: number) => number, depth: number): string {
  const branches = Array.from({ length: random(4) === 0 ? 1 + random(3) : 1 }, () =>
    Array.from({ length: random(5) }, () => {
      const kind = random(depth > 0 ? 9 : 5);
      if (kind < 4) return ATOMS[random(ATOMS.length)]! + REPEATS[random(REPEATS.length)]!;
      if (kind === 4) return ['.*', '.+'][random(2)]!;
      if (kind === 5)
        return [
          '(?i)',
          '(?i:a|k)',
          '(?s)',
          '(?-s)',
          '(?m)',
          '\\Qa|\\E',
          '{',
          '[[:alpha:]]',
          '*',
          '[z-a]',
          '\\8',
          '{2,1}',
        ][random(12)]!;
      return `${['(', '(?:', '(?:'][random(3)]}${expression(random, depth - 1)})${REPEATS[random(REPEATS.length)]}`;
    }).join(''),
  );
  return branches.join('|');
}

test('random expressions: the engine says the same, sets and prefixes hold', () => {
  const random = newRandom(7);
  const wrong: unknown[] = [];
  let valid = 0;
  for (let run = 0; run < 1500; run++) {
    const source = expression(random, 2);
    let engine: RE2JS;
    try {
      engine = RE2JS.compile(source, RE2JS.DOTALL);
    } catch {
      expect(() => compileAnchored(source)).toThrow(RegExpError);
      continue;
    }
    valid++;
    const found = compileAnchored(source);
    const values = Array.from({ length: 12 }, () =>
      Array.from({ length: random(7) }, () => LETTERS[random(LETTERS.length)]!).join(''),
    );
    for (const value of [...values, ...(found.set ?? []).slice(0, 20), ...found.prefixes.slice(0, 5)]) {
      const wanted = engine.matches(value);
      const begins = found.prefixes.length === 0 || found.prefixes.some((p) => value.startsWith(p));
      if (found.test(value) !== wanted || (found.set !== null && found.set.includes(value) !== wanted))
        wrong.push({ source, value, wanted });
      if (found.prefixesSuffice && begins !== wanted) wrong.push({ source, value, wanted });
      if (wanted && !(begins && value.startsWith(found.prefix)))
        wrong.push({ source, value, prefixes: found.prefixes });
    }
  }
  expect(wrong).toEqual([]);
  expect(valid).toBeGreaterThan(1000);
});

test.each<[source: string, parts: number]>([
  ['api|db', 0],
  ['a.b', 1],
  ['(a|b)*', 2],
  ['(?:a)', 1],
  ['[]a-]x[^]]', 2],
  ['[[:alpha:]\\]]', 1],
  ['\\d\\.', 1],
  ['a{3}', 3],
  ['(a{0,100}){2,}', 202 + 2],
  ['(a{0,10}){0,10}', 120],
  ['a{x', 0],
  ['((a', 0],
])('%s has %i parts', (source, parts) => {
  expect(regExpParts(source)).toBe(parts);
});

test.each([
  '((a{0,100}){0,100}){0,100}',
  'x{1000}'.repeat(500),
  '[ab]'.repeat(20_001),
  '(a|b)'.repeat(20_001),
  'a?'.repeat(20_001),
])('what an engine would take seconds for is refused', (source) => {
  expect(() => compileAnchored(source)).toThrow(`more than ${MAX_REGEXP_PARTS} parts`);
});

// None of them may backtrack, nor may a compiler write a long text again and again: each would take minutes.
test.each([
  ['(a+)+$', false],
  ['(a|a)*b', false],
  ['(.*)*x', false],
  ['(x+x+)+y', false],
  ['(?:a?){30}a{30}', false],
  ['.*.*.*.*.*=.*', false],
  [`${'[ab]'.repeat(8)}${'x'.repeat(50_000)}`, false],
  [`(${'abc'.repeat(50_000)}){0,2}`, false],
  [Array.from({ length: 10_000 }, (_, i) => `v${i}x`).join('|'), false],
  [Array.from({ length: 10_000 }, (_, i) => `v${i}.*`).join('|'), false],
  ['(a|b|!)+', true],
])('%.20s on 100,000 characters', (source, matches) => {
  expect(compileAnchored(source).test(`${'a'.repeat(100_000)}!`)).toBe(matches);
});
