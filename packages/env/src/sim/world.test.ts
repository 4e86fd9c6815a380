import { expect, test } from 'vitest';
import { joinPort } from '../rpc.ts';
import { Heap } from './heap.ts';
import { Prng, simWorld } from './index.ts';

test('timers alone never move time; advance does, to the millisecond', async () => {
  const world = simWorld(1, { start_ms: 1000 });
  const { clock } = world.env;
  const fired: number[] = [];
  clock.every(100, () => fired.push(clock.now()));
  clock.after(250, () => clock.after(10, () => fired.push(-clock.now())));
  await world.settle();
  expect([clock.now(), fired]).toEqual([1000, []]);
  await world.advance(300);
  expect([clock.now(), fired]).toEqual([1300, [1100, 1200, -1260, 1300]]);
  await Promise.all([world.advance(100), world.advance(50)]);
  expect([clock.now(), world.time_ms]).toEqual([1400, 400]);
});

test('work in progress moves time by itself, unless told not to', async () => {
  const own = simWorld(1);
  await own.env.files.writeWhole('/a', new Uint8Array(1));
  expect(own.time_ms).toBeGreaterThan(0);
  const held = simWorld(1, { automatic: false });
  let done = false;
  const writing = held.env.files.writeWhole('/a', new Uint8Array(1)).then(() => {
    done = true;
    return done;
  });
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  expect([done, held.time_ms]).toEqual([false, 0]);
  await held.settle();
  expect(await writing).toBe(true);
});

test('run moves time until the work is done, and says when it never will be', async () => {
  const world = simWorld(1);
  const { clock } = world.env;
  expect(await world.run(() => clock.sleep(5000).then(() => 'slept'))).toBe('slept');
  expect(world.time_ms).toBe(5000);
  await expect(world.run(new Promise(() => {}))).rejects.toThrow('stuck at 5000 ms');
  clock.every(10, () => {});
  await expect(world.run(new Promise(() => {}), 2000)).rejects.toThrow('not settled within 2000 ms');
  await expect(world.run(Promise.reject(new Error('its own')))).rejects.toThrow('its own');
});

test('an error in a timer reaches whoever drives', async () => {
  const world = simWorld(1);
  world.env.clock.after(10, () => {
    throw new Error('a bug');
  });
  await expect(world.advance(20)).rejects.toThrow('a bug');
  await world.advance(20);
});

test('the wall clock can jump, the monotonic one cannot', async () => {
  const world = simWorld(1, { start_ms: 0 });
  const { clock } = world.env;
  const before = clock.monotonic();
  let fired = 0;
  clock.after(100, () => fired++);
  world.jump(-3_600_000);
  expect([clock.now(), clock.monotonic()]).toEqual([-3_600_000, before]);
  await world.advance(100);
  expect([clock.now(), fired]).toEqual([-3_599_900, 1]);
  expect(world.machine('other').env.clock.now()).toBe(100);
});

test('threads die with their process, and a new process is a clean one', async () => {
  const world = simWorld(1);
  const worker = world.env.workers.start('echo', new URL('../testing/echo-worker.ts', import.meta.url), {});
  const calls = joinPort(worker, {});
  expect(await calls.call('echo', 1)).toBe(1);
  let outcome = 'waits';
  void calls.call('echo', 2).then(
    () => (outcome = 'answered'),
    () => (outcome = 'rejected'),
  );
  world.restart();
  await world.advance(1000);
  expect(outcome).toBe('waits');
  const next = world.env.workers.start('echo', new URL('../testing/echo-worker.ts', import.meta.url), {});
  expect(await joinPort(next, {}).call('echo', 3)).toBe(3);
  expect(world.log.map((line) => [line.machine, line.level, line.msg])).toEqual([
    ['main', 'info', 'thread began'],
    ['main', 'info', 'thread began'],
  ]);
});

test('watchers hear once of a burst', async () => {
  const world = simWorld(1);
  const { files } = world.env;
  let calls = 0;
  const watch = files.watch('/d', () => calls++);
  files.makeDir('/d');
  for (let i = 0; i < 10; i++) files.open(`/d/${i}`, 'create').close();
  await world.settle();
  expect(calls).toBe(1);
  files.open('/elsewhere', 'create').close();
  await world.settle();
  expect(calls).toBe(1);
  watch.close();
  files.remove('/d/1');
  await world.settle();
  expect(calls).toBe(1);
});

test('machines have disks of their own and share a history', async () => {
  const world = simWorld(5);
  const b = world.machine('b');
  expect(world.machine('b')).toBe(b);
  world.disk.put('/a', new Uint8Array(3));
  expect([world.disk.tree(), b.disk.tree()]).toEqual([['/a'], []]);
  b.disk.crash('power');
  expect(world.env.files.list('/')).toHaveLength(1);
  expect(world.hash()).not.toBe(simWorld(5).hash());
});

const FIRST = [1749044769, 3123014647, 2389098357];

test('the random stream is documented: these are its first numbers', () => {
  const r = new Prng(42, 'net');
  expect([r.u32(), r.u32(), r.u32()]).toEqual(FIRST);
  const again = new Prng(42, 'net');
  again.bytes(12);
  expect(again.u32()).toBe(r.u32());
  expect(new Prng(42, 'disk').u32()).not.toBe(FIRST[0]);
  expect(new Prng(43, 'net').u32()).not.toBe(FIRST[0]);
  const buckets = new Uint32Array(10);
  for (let i = 0; i < 100_000; i++) buckets[r.below(10)]!++;
  expect(Math.min(...buckets)).toBeGreaterThan(9_500);
  expect(Math.max(...buckets)).toBeLessThan(10_500);
});

test('the heap gives the smallest first', () => {
  const r = new Prng(1, 'heap');
  const heap = new Heap<number>((a, b) => a - b);
  const all: number[] = [];
  const out: number[] = [];
  for (let i = 0; i < 3000; i++) {
    const n = r.below(500);
    all.push(n);
    heap.push(n);
    if (i % 3 === 0) out.push(heap.pop()!);
  }
  for (let i = 0; i < 2000; i++) out.push(heap.pop()!);
  expect([heap.pop(), heap.first()]).toEqual([undefined, undefined]);
  expect(out.toSorted((a, b) => a - b)).toEqual(all.toSorted((a, b) => a - b));
  expect(out.slice(1000)).toEqual(out.slice(1000).toSorted((a, b) => a - b));
});
