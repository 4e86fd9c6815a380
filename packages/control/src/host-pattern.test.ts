import { expect, test } from 'vitest';
import { covers, coversOf, hostFault, intersect } from './host-pattern.ts';

const PATTERNS = ['*', '*.c', '*.b.c', 'a.b.c', 'b.c', 'c', '*.a.b.c', 'ab.c', 'x.a.b.c'];

test('what covers a pattern', () => {
  for (const narrow of PATTERNS) {
    const wide = PATTERNS.filter((pattern) => covers(pattern, narrow));
    expect(wide.toSorted()).toEqual(
      coversOf(narrow)
        .filter((pattern) => PATTERNS.includes(pattern))
        .toSorted(),
    );
  }
  expect(coversOf('a.b.c')).toEqual(['a.b.c', '*.b.c', '*.c', '*']);
  expect(covers('*.b.c', 'b.c')).toBe(false);
});

test.each([
  ['*', 'a.b', 'a.b'],
  ['*.b', '*.a.b', '*.a.b'],
  ['*.b', 'b', null],
  ['a.b', 'b.b', null],
])('%s and %s have %s in common', (a, b, both) => {
  expect([intersect(a, b), intersect(b, a)]).toEqual([both, both]);
});

test.each(['*', 'localhost', 'a_b.example.com', '*.example.com', '127.0.0.1'])('%s is a host', (host) => {
  expect(hostFault(host)).toBeNull();
});

test.each(['', 'a.*', '*a.com', 'a:80', 'a b', '-a', `${'a'.repeat(64)}.com`, 'a..b', '[::1]'])(
  '%s is none',
  (host) => {
    expect(hostFault(host)).not.toBeNull();
  },
);
