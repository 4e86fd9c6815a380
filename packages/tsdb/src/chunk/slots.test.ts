import { expect, test } from 'vitest';
import {
  MAX_SLOT_UNITS,
  SMALL_SLOT_UNITS,
  UNIT_BYTES,
  byteOf,
  newSlotPages,
  pageOf,
  unitsFor,
} from './slots.ts';

test('every size has the smallest slot that holds it', () => {
  let before = 0;
  for (let bytes = 1; bytes <= MAX_SLOT_UNITS * UNIT_BYTES; bytes += bytes < 2000 ? 1 : 997) {
    const units = unitsFor(bytes);
    expect(units * UNIT_BYTES).toBeGreaterThanOrEqual(bytes);
    expect(units).toBeGreaterThanOrEqual(before);
    if (units <= SMALL_SLOT_UNITS) expect((units - 1) * UNIT_BYTES).toBeLessThan(bytes);
    // Never more than half again as much.
    else expect(units * UNIT_BYTES).toBeLessThanOrEqual(1.5 * bytes + UNIT_BYTES);
    before = units;
  }
  expect(unitsFor(MAX_SLOT_UNITS * UNIT_BYTES)).toBe(MAX_SLOT_UNITS);
});

test('slots never overlap, stay in their page, and what is free is counted', () => {
  const pages = newSlotPages(3);
  const taken = new Map<number, number>();
  let seed = 1;
  const random = (n: number): number => (seed = (seed * 48_271) % 2_147_483_647) % n;
  let used = 0;
  for (let step = 0; step < 20_000; step++) {
    if (taken.size > 0 && random(3) === 0) {
      const slot = [...taken.keys()][random(Math.min(taken.size, 50))]!;
      const units = taken.get(slot)!;
      taken.delete(slot);
      pages.free(slot, units);
      used -= units;
    } else {
      const units = unitsFor(1 + random(random(20) === 0 ? 60_000 : 1200));
      if (pages.roomUnits() < units) continue;
      const slot = pages.alloc(units);
      taken.set(slot, units);
      used += units;
      expect(byteOf(slot) + units * UNIT_BYTES).toBeLessThan(pages.buffers[pageOf(slot)]!.byteLength);
    }
    expect(pages.usedUnits()).toBe(used);
  }
  const sorted = [...taken].sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < sorted.length; i++)
    expect(sorted[i - 1]![0] + sorted[i - 1]![1]).toBeLessThanOrEqual(sorted[i]![0]);
  for (const [slot, units] of taken) pages.free(slot, units);
  expect(pages.usedUnits()).toBe(0);
});

test('no page beyond the limit', () => {
  const pages = newSlotPages(1);
  expect(() => {
    for (;;) pages.alloc(MAX_SLOT_UNITS);
  }).toThrow(/all 1 pages/);
});
