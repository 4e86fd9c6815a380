import { expect, test } from 'vitest';
import { Dice } from './fuzz-parse.ts';
import { goSort } from './go-sort.ts';

/** Elements with keys; what Go 1.26 makes of them was taken from it. */
const ORDERS: readonly (readonly [name: string, n: number, key: (i: number) => number, order: string])[] = [
  ['all equal', 13, () => 0, '0 1 2 3 4 5 6 7 8 9 10 11 12'],
  ['two keys', 20, (i) => i % 2, '10 18 2 16 4 0 6 14 8 12 5 11 9 13 7 15 3 17 1 19'],
  [
    'falling, three of each',
    30,
    (i) => -Math.floor(i / 3),
    '27 29 28 24 26 25 23 22 21 20 19 18 15 17 16 14 13 12 9 11 10 8 7 6 5 4 3 0 2 1',
  ],
  [
    'seven keys',
    60,
    (i) => (i * i) % 7,
    '35 49 28 56 0 21 14 7 42 22 6 43 1 8 27 15 41 36 48 34 20 50 13 55 29 57 31 11 25 24 59 3 32 4 53 18 17 52 38 39 10 46 45 51 37 12 16 47 40 9 5 44 19 26 54 33 23 2 58 30',
  ],
  [
    'nearly sorted',
    64,
    (i) => (i === 40 ? 0 : Math.floor(i / 4)),
    '0 1 2 3 40 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63',
  ],
  [
    'eleven keys',
    80,
    (i) => (i * 37) % 11,
    '22 44 33 11 0 77 66 55 58 36 25 3 47 69 14 6 28 17 50 72 39 61 31 20 42 75 9 64 53 12 1 56 67 23 34 45 78 37 48 15 4 26 59 70 40 51 7 73 18 62 29 21 76 32 54 65 10 43 79 24 2 57 46 35 13 68 38 49 27 5 16 71 60 63 74 41 8 19 52 30',
  ],
  [
    'two runs against each other',
    100,
    (i) => (i % 2 === 0 ? i : 100 - i),
    '0 99 2 97 4 95 6 93 8 91 10 89 12 87 14 85 16 83 18 81 20 79 22 77 24 75 26 73 28 71 30 69 32 67 34 65 36 63 38 61 40 59 42 57 44 55 46 53 48 51 50 49 52 47 54 45 56 43 58 41 60 39 62 37 64 35 66 33 68 31 70 29 72 27 74 25 76 23 78 21 80 19 82 17 84 15 86 13 88 11 90 9 92 7 94 5 96 3 98 1',
  ],
];

test.each(ORDERS)('%s', (_, n, key, order) => {
  const x = Array.from({ length: n }, (_element, i) => i);
  goSort(x, (a, b) => key(a) < key(b));
  expect(x.join(' ')).toBe(order);
});

test('whatever the order, it is sorted', () => {
  const random = new Dice(3);
  for (let round = 0; round < 300; round++) {
    const keys = Array.from({ length: random.below(400) }, () => random.below(1 + round));
    const x = keys.map((_key, i) => i);
    goSort(x, (a, b) => keys[a]! < keys[b]!);
    expect(x.map((i) => keys[i])).toEqual(keys.toSorted((a, b) => a - b));
    expect(new Set(x).size).toBe(keys.length);
  }
});

test('contradictory comparisons end', () => {
  for (const before of [
    (): boolean => true,
    (): boolean => false,
    (a: number, b: number): boolean => (a ^ b) % 3 === 0,
  ]) {
    const x = Array.from({ length: 500 }, (_, i) => i);
    goSort(x, before);
    expect(new Set(x).size).toBe(500);
  }
});
