import { nodeEnv } from '@munjigi/env/node';
import { expect, test } from 'vitest';
import { createTurns } from './turns.ts';

const { clock } = nodeEnv();

/** A query of n pieces that notes each. */
async function query(name: string, n: number, order: string[], pause: () => Promise<void>): Promise<void> {
  for (let i = 0; i < n; i++) {
    await pause();
    order.push(`${name}${i}`);
  }
}

test('queries go on in rounds', async () => {
  const turns = createTurns(clock);
  const order: string[] = [];
  const { pause } = turns;
  await Promise.all([
    query('big', 4, order, pause),
    query('small', 1, order, pause),
    query('other', 2, order, pause),
  ]);
  expect(order).toEqual(['big0', 'small0', 'other0', 'big1', 'other1', 'big2', 'big3']);
  expect(turns.taken).toBe(7);
});

test('one that comes later waits for one piece of each other, not for a whole query', async () => {
  const { pause } = createTurns(clock);
  const order: string[] = [];
  const big = query('big', 50, order, pause);
  while (order.length < 3) await clock.yield();
  await Promise.all([query('small', 1, order, pause), big]);
  expect(order.indexOf('small0')).toBeLessThanOrEqual(5);
});

test('messages and timers are seen between two pieces', async () => {
  const { pause } = createTurns(clock);
  const seen: number[] = [];
  clock.after(0, () => seen.push(1));
  for (let pieces = 0; seen.length === 0 && pieces < 100_000; pieces++) await pause();
  expect(seen).toEqual([1]);
});
