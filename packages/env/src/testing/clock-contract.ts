import { expect } from 'vitest';
import type { Contract } from './worlds.ts';

export const clockContract: Contract = {
  'wall time is whole milliseconds after 2026 began': ({ env }) => {
    const now = env.clock.now();
    expect(now).toBe(Math.floor(now));
    expect(now).toBeGreaterThanOrEqual(1_767_225_600_000);
  },
  'timers fire in order of time, never early, and not when cancelled': async ({ env: { clock } }) => {
    const fired: string[] = [];
    const began = clock.monotonic();
    const late: number[] = [];
    const at = (ms: number, name: string): { cancel(): void } =>
      clock.after(ms, () => {
        fired.push(name);
        late.push(clock.monotonic() - began - ms);
      });
    at(9, 'c');
    at(1, 'a');
    at(5, 'b');
    at(3, 'never').cancel();
    await clock.sleep(15);
    expect(fired).toEqual(['a', 'b', 'c']);
    for (const ms of late) expect(ms).toBeGreaterThan(-1);
  },
  'every repeats until cancelled, from inside too': async ({ env: { clock } }) => {
    let count = 0;
    const timer = clock.every(1, () => {
      if (++count === 3) timer.cancel();
    });
    await clock.sleep(20);
    expect(count).toBe(3);
  },
  'delays of 0, below 0 and not a number are short, very long ones do not fire': async ({
    env: { clock },
  }) => {
    const fired: number[] = [];
    const far = [2 ** 31, 2 ** 40, Infinity].map((ms) => clock.after(ms, () => fired.push(ms)));
    const often = clock.every(2 ** 32, () => fired.push(-2));
    for (const ms of [0, -5, NaN]) clock.after(ms, () => fired.push(0));
    await clock.sleep(10);
    for (const timer of [...far, often]) timer.cancel();
    expect(fired).toEqual([0, 0, 0]);
  },
  'yield lets what is ready go first': async ({ env: { clock } }) => {
    const order: string[] = [];
    void Promise.resolve().then(() => order.push('promise'));
    await clock.yield();
    order.push('after');
    expect(order).toEqual(['promise', 'after']);
  },
  'random numbers are in range and differ': ({ env: { random } }) => {
    const seen = new Set<number>();
    for (let i = 0; i < 3000; i++) {
      const f = random.float();
      const u = random.u32();
      expect(f >= 0 && f < 1 && Number.isInteger(u) && u >= 0 && u < 2 ** 32).toBe(true);
      seen.add(u);
    }
    expect(seen.size).toBeGreaterThan(2990);
    expect(random.bytes(70_001)).toHaveLength(70_001);
    expect(new Set(random.bytes(70_001).subarray(69_000)).size).toBeGreaterThan(200);
  },
};
