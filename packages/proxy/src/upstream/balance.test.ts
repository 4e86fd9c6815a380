import { expect, it } from 'vitest';
import { RoundRobin } from './balance.ts';

const all = (): boolean => true;
const picks = (r: RoundRobin<string>, n: number, open: (s: string) => boolean = all): string =>
  Array.from({ length: n }, () => r.pick(open) ?? '-').join('');

it.each<readonly [weights: Record<string, number>, n: number, picked: string]>([
  [{}, 2, '--'],
  [{ a: 0 }, 1, '-'],
  [{ a: 5 }, 3, 'aaa'],
  [{ a: 1, b: 1, c: 1 }, 7, 'abcabca'],
  [{ a: 5, b: 1, c: 1 }, 14, 'aabacaaaabacaa'],
  [{ a: 3, b: 0, c: 1 }, 8, 'aacaaaca'],
])('%o gives %i: %s', (weights, n, picked) => {
  expect(picks(new RoundRobin(Object.entries(weights), 0), n)).toBe(picked);
});

it('every run of choices gives each its share', () => {
  const r = new RoundRobin(Object.entries({ a: 70, b: 20, c: 10 }), 0.5);
  const seen = picks(r, 1000);
  for (const [name, share] of [
    ['a', 700],
    ['b', 200],
    ['c', 100],
  ] as const)
    expect(seen.split(name).length - 1).toBe(share);
});

it('passes over what is not open, unless nothing is', () => {
  const even = new RoundRobin(Object.entries({ a: 1, b: 1 }), 0);
  expect(picks(even, 3, (s) => s !== 'a')).toBe('bbb');
  expect(picks(even, 4, () => false)).toMatch(/^(abab|baba)$/);
  const uneven = new RoundRobin(Object.entries({ a: 9, b: 1 }), 0);
  expect(picks(uneven, 3, (s) => s !== 'a')).toBe('bbb');
  expect(picks(uneven, 10, () => false)).toHaveLength(10);
});
