import { simWorld } from '@munjigi/env/sim';
import { compareText } from '@munjigi/model';
import { expect, test } from 'vitest';
import { sortByKeys, type KeySource } from './key-sort.ts';
import { labelOrder } from './order.ts';
import { newSlicer } from './slicer.ts';
import { sortSymbols, wholeRanks } from './symbol-order.ts';
import { newSymbolTable } from './symbol-table.ts';

const slicers = [0, 5].map((ms) => newSlicer(simWorld(1).env.clock, ms));

/** Lists of digits: items are their numbers. */
function ofLists(lists: readonly (readonly number[])[]): KeySource {
  return {
    load(items, from, to, depth, keys): void {
      for (let i = from; i < to; i++) keys[i] = lists[items[i]!]![depth] ?? 0;
    },
    last: (key) => key === 0,
  };
}

const compareLists = (a: readonly number[], b: readonly number[]): number => {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
};

test.each<[string, number, (i: number, random: (n: number) => number) => number[]]>([
  ['nothing', 0, () => []],
  ['one', 1, () => [1]],
  ['numbers', 600, (_, random) => [1 + random(1e6)]],
  ['ascending', 600, (i) => [1 + i]],
  ['descending', 600, (i) => [900 - i]],
  ['few values', 600, (_, random) => [1 + random(3), 1 + random(3), 1 + random(3)]],
  ['long lists in common', 200, (i) => [...Array.from({ length: 20 }, () => 7), 1 + ((i * 7) % 199)]],
  ['lists of all lengths', 600, (_, random) => Array.from({ length: random(6) }, () => 1 + random(3))],
  ['all the same', 300, () => [4, 4]],
])('sorts %s', async (_, n, make) => {
  const random = simWorld(3).random('lists');
  const lists = Array.from({ length: n }, (__, i) => make(i, (below) => random.below(below)));
  const wanted = lists.toSorted(compareLists);
  for (const slicer of slicers)
    for (const limit of [0, 1, 10, n]) {
      const items = Uint32Array.from(lists, (__, i) => i);
      await sortByKeys(items, ofLists(lists), limit, slicer);
      expect(new Set(items).size).toBe(n);
      const sure = limit === 0 ? n : Math.min(limit, n);
      expect([...items.subarray(0, sure)].map((i) => lists[i])).toEqual(wanted.slice(0, sure));
    }
});

const TEXTS = ['', 'a', 'ab', 'abcdef', 'abcdefg', 'abcdef\0', 'abcdeg', 'é', 'z\u{1f600}', '\u{ff5e}', '~'];

test('symbols in the order of their bytes: a few, all, all and more', async () => {
  const random = simWorld(4).random('texts');
  const table = newSymbolTable(1);
  for (const slicer of slicers)
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 300; i++)
        table.add(TEXTS[random.below(TEXTS.length)]! + TEXTS[random.below(TEXTS.length)]! + random.below(50));
      for (const n of [3, 20, table.count()])
        for (const limit of [0, 5]) {
          const symbols = Uint32Array.from({ length: n }, (_, i) => (table.count() - 1 - i * 1) >>> 0);
          const wanted = [...symbols].map((s) => table.text(s)).sort(compareText);
          await sortSymbols(symbols, table, limit, slicer);
          const sure = limit === 0 ? n : Math.min(n, limit);
          expect([...symbols.subarray(0, sure)].map((s) => table.text(s))).toEqual(wanted.slice(0, sure));
        }
    }
});

test('ranks are found once for all symbols, by one of those that ask', async () => {
  const world = simWorld(5);
  const slicer = newSlicer(world.env.clock, 0);
  const table = newSymbolTable(1);
  for (let i = 0; i < 200; i++) table.add(String((i * 7) % 200));
  expect(await wholeRanks(table, 3, slicer)).toBeNull();
  const [a, b] = await world.run(
    Promise.all([wholeRanks(table, 200, slicer), wholeRanks(table, 30, slicer)]),
  );
  expect(a).toBe(b);
  expect(await wholeRanks(table, 1, slicer)).toBe(a);
  table.add('more');
  expect(await wholeRanks(table, 1, slicer)).toBeNull();
  expect((await wholeRanks(table, 200, slicer))!.length).toBe(201);
});

test.each([10, 5000])('lists in a table of %d other symbols', async (others) => {
  const table = newSymbolTable(1);
  for (let i = 0; i < others; i++) table.add(`other ${i}`);
  const lists = Array.from({ length: 40 }, (_, i) =>
    ['a', String(i % 5), ...(i % 3 === 0 ? [] : ['b', String((i * 7) % 40)]), 'c', String(i)].map((text) =>
      table.add(text),
    ),
  );
  const ends = lists.map((_, i) => lists.slice(0, i + 1).reduce((sum, list) => sum + list.length, 0));
  const columns = {
    count: lists.length,
    words: Uint32Array.from(lists.flat()),
    from: Uint32Array.from(ends, (end, i) => end - lists[i]!.length),
    to: Uint32Array.from(ends),
  };
  const wanted = lists
    .map((list, i) => ({ i, list }))
    .sort((a, b) => {
      for (let k = 0; k < Math.min(a.list.length, b.list.length); k++) {
        const order = table.compare(a.list[k]!, b.list[k]!);
        if (order !== 0) return order;
      }
      return a.list.length - b.list.length;
    });
  for (const slicer of slicers)
    expect([...(await labelOrder(columns, table, 0, slicer))]).toEqual(wanted.map(({ i }) => i));
});
