// The small parts that the head is made of.
import { labelsFromObject, type Exemplar } from '@munjigi/model';
import { expect, test } from 'vitest';
import { newExemplarRing } from './exemplars.ts';
import { hashHistogram } from './histogram-hash.ts';
import { newLogRefs } from './log-refs.ts';
import { RefMap } from './ref-map.ts';
import { newTombstones } from './tombstones.ts';
import { histogramOf } from '../testing/samples.ts';

test.each<[string, [number, number][], number[]]>([
  ['one', [[1, 2]], [1, 2]],
  [
    'apart',
    [
      [5, 6],
      [1, 2],
      [9, 9],
    ],
    [1, 2, 5, 6, 9, 9],
  ],
  [
    'touching',
    [
      [1, 2],
      [3, 4],
    ],
    [1, 4],
  ],
  [
    'overlapping two',
    [
      [1, 3],
      [6, 8],
      [2, 7],
    ],
    [1, 8],
  ],
  [
    'inside',
    [
      [1, 9],
      [3, 4],
    ],
    [1, 9],
  ],
  [
    'around',
    [
      [3, 4],
      [1, 9],
    ],
    [1, 9],
  ],
  ['no range', [[4, 3]], []],
])('deleted ranges: %s', (_, ranges, wanted) => {
  const tombstones = newTombstones();
  for (const [mint, maxt] of ranges) tombstones.add(1, mint, maxt);
  expect(tombstones.of(1) ?? []).toEqual(wanted);
  expect(tombstones.count()).toBe(wanted.length / 2);
  tombstones.truncate(5);
  expect((tombstones.of(1) ?? []).filter((_t, i) => i % 2 === 1).every((maxt) => maxt >= 5)).toBe(true);
});

test('references: small and large, set and never set', () => {
  const map = new RefMap(7);
  for (const ref of [0, 1, 5000, 70_000, 2 ** 40]) {
    expect(map.get(ref)).toBe(7);
    map.set(ref, 3);
    expect(map.get(ref)).toBe(3);
  }
  expect(map.get(2)).toBe(7);
  expect(map.get(-1)).toBe(7);
  map.set(1, 7);
  // 70,000 moves into the array once it is large enough.
  for (let ref = 10_000; ref < 40_000; ref++) map.set(ref, 1);
  map.set(60_000, 1);
  expect(map.get(70_000)).toBe(3);
  expect([...map.entries()].map(([ref]) => ref)).toEqual(
    expect.arrayContaining([0, 5000, 60_000, 70_000, 2 ** 40]),
  );
});

test('what a checkpoint must keep of series that are gone or have two numbers', () => {
  const refs = newLogRefs();
  refs.died(1, 5);
  refs.alias(2, 3, 100);
  refs.alias(2, 4, 50);
  refs.pin(3);
  const needed = (upTo: number, mint: number): number[] => refs.needed(upTo, mint).sort((a, b) => a - b);
  expect(needed(3, 200)).toEqual([1, 2, 3]);
  expect(needed(4, 200)).toEqual([1, 3]);
  expect(needed(4, 100)).toEqual([1, 2, 3]);
  expect(needed(5, 200)).toEqual([3]);
  refs.truncated(5, 200);
  refs.unpin();
  expect(needed(0, 0)).toEqual([]);
});

const e = (t_ms: number, value: number, labels: Record<string, string> = {}): Exemplar => ({
  labels: labelsFromObject(labels),
  value,
  t_ms,
});

test.each<[string, number, Exemplar[], boolean[]]>([
  ['later ones', 0, [e(1, 1), e(2, 1)], [true, true]],
  ['the newest again', 0, [e(1, 1, { a: 'b' }), e(1, 1, { a: 'b' })], [true, false]],
  ['of one time, a larger value', 0, [e(1, 1), e(1, 2)], [true, true]],
  ['of one time, a smaller value', 0, [e(1, 2), e(1, 1)], [true, false]],
  ['older', 0, [e(5, 1), e(4, 1)], [true, false]],
  ['older, within the window', 10, [e(50, 1), e(41, 1), e(40, 1)], [true, true, false]],
  ['older, of a time that is there', 10, [e(50, 1), e(45, 1), e(45, 2)], [true, true, false]],
  ['labels of 128 characters', 0, [e(1, 1, { ab: 'é'.repeat(126) })], [true]],
  ['labels of 129 characters', 0, [e(1, 1, { ab: 'é'.repeat(127) })], [false]],
])('exemplars: %s', (_, window_ms, list, taken) => {
  const ring = newExemplarRing(10);
  ring.setWindow(window_ms);
  expect(list.map((x) => ring.add(1, x))).toEqual(taken);
  const kept = list.filter((_x, i) => taken[i]).sort((a, b) => a.t_ms - b.t_ms);
  expect([...ring.inRange(0, 100).values()].flat()).toEqual(kept);
});

test('the ring of exemplars keeps the newest, by their coming, whatever its size becomes', () => {
  const ring = newExemplarRing(3);
  for (let i = 0; i < 10; i++) ring.add(i % 2, e(i, i));
  expect(ring.all().map((x) => x.exemplar.t_ms)).toEqual([7, 8, 9]);
  ring.resize(5);
  ring.add(7, e(1, 1));
  expect(ring.all().map((x) => x.exemplar.t_ms)).toEqual([7, 8, 9, 1]);
  ring.resize(2);
  expect(ring.all().map((x) => x.exemplar.t_ms)).toEqual([9, 1]);
  ring.removeRow(1);
  expect(ring.all().map((x) => x.exemplar.t_ms)).toEqual([1]);
  expect(ring.count()).toBe(1);
  // The place of the removed one is taken first, then its row's next tenant has its own.
  ring.add(1, e(2, 2));
  expect(ring.all().map((x) => x.exemplar.t_ms)).toEqual([1, 2]);
  ring.add(1, e(3, 3));
  expect(ring.all().map((x) => x.exemplar.t_ms)).toEqual([2, 3]);
  ring.resize(0);
  expect(ring.add(1, e(50, 1))).toBe(false);
});

test('a hash of what a histogram holds, not of how its spans are cut', () => {
  const hash = (h: ReturnType<typeof histogramOf>): string => {
    const to = new Uint32Array(2);
    hashHistogram(h, 0, to, 0);
    return to.join();
  };
  const plain = hash(histogramOf({ t: 0, buckets: [1, 2, 3] }));
  const cut = histogramOf({ t: 0, buckets: [1, 2, 3] });
  cut.spanOffset.set([0, 0, 0]);
  cut.spanLength.set([1, 0, 2]);
  cut.spans = 3;
  cut.positiveSpanEnd[0] = 3;
  cut.negativeSpanFirst[0] = 3;
  cut.negativeSpanEnd[0] = 3;
  expect(hash(cut)).toBe(plain);
  for (const other of [
    { t: 0, buckets: [1, 2, 4] },
    { t: 0, buckets: [1, 2, 3], offset: 1 },
    { t: 0, buckets: [1, 2, 3], v: 1 },
    { t: 0, buckets: [2, 1, 3] },
    { t: 0, buckets: [1, 2, 3], bounds: [1, 2, 3] },
  ])
    expect(hash(histogramOf(other))).not.toBe(plain);
});
