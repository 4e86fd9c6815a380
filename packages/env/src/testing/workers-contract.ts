import { expect } from 'vitest';
import type { Env, Worker } from '../env.ts';
import { joinPort, moving } from '../rpc.ts';
import type { Contract } from './worlds.ts';

const ECHO = new URL('./echo-worker.ts', import.meta.url);
const start = (env: Env, data: unknown = {}): Worker => env.workers.start('echo', ECHO, data);

export const workersContract: Contract = {
  'calls with values, errors and codes': async ({ env }) => {
    const worker = start(env);
    const calls = joinPort(worker, {});
    const value = { n: 1, list: ['a'], bytes: new Uint8Array([1, 2]), map: new Map([['k', 2n]]) };
    expect(await calls.call('echo', value)).toEqual(value);
    await expect(calls.call('fail', 0)).rejects.toMatchObject({
      message: 'refused by the thread',
      code: 'EREFUSED',
    });
    await expect(calls.call('nothing', 0)).rejects.toThrow('no method nothing');
    expect(calls.waiting).toBe(0);
    await worker.terminate();
    expect(await worker.ended).toBe('terminated');
  },
  'many calls keep their order': async ({ env }) => {
    const worker = start(env);
    const calls = joinPort(worker, {});
    const numbers = Array.from({ length: 50 }, (_, i) => i);
    expect(await Promise.all(numbers.map((i) => calls.call('echo', i)))).toEqual(numbers);
    await worker.terminate();
  },
  'shared memory is shared, moved buffers are gone': async ({ env }) => {
    const shared = new Int32Array(new SharedArrayBuffer(4));
    const worker = start(env, { shared });
    const calls = joinPort(worker, {});
    await calls.call('add', 0);
    await calls.call('add', 0);
    expect(shared[0]).toBe(2);
    const bytes = new Uint8Array(100);
    expect(await calls.call('bytes', bytes, [bytes.buffer])).toBe(100);
    expect(bytes.length).toBe(0);
    await worker.terminate();
  },
  'a reply may move what it carries': async ({ env }) => {
    const [here, there] = env.workers.channel();
    const bytes = new Uint8Array(10).fill(3);
    joinPort(there, { take: () => moving(bytes, [bytes.buffer]) });
    const got = await joinPort(here, {}).call<Uint8Array>('take', 0);
    expect([got.length, got[9], bytes.length]).toEqual([10, 3, 0]);
    here.close();
  },
  'a port can be moved into a thread and ends with it': async ({ env }) => {
    const worker = start(env);
    const calls = joinPort(worker, {});
    const [here, there] = env.workers.channel();
    const answer = new Promise((resolve) => here.receive(resolve));
    const closed = new Promise<string>((resolve) => here.onClose(() => resolve('closed')));
    here.post('before');
    await calls.call('answerOn', 'heard', [there]);
    expect(await answer).toBe('heard before');
    await worker.terminate();
    expect(await closed).toBe('closed');
  },
  'messages wait for the receiver, and what was posted before a close arrives': async ({ env }) => {
    const [here, there] = env.workers.channel();
    here.post(1);
    here.post(2);
    here.close();
    here.post('lost');
    await env.clock.yield();
    const got: unknown[] = [];
    const closed = new Promise<void>((resolve) => there.onClose(resolve));
    there.receive((m) => got.push(m));
    await closed;
    expect(got).toEqual([1, 2]);
  },
  'what cannot be cloned is refused where it is posted': ({ env }) => {
    const [here] = env.workers.channel();
    expect(() => here.post({ fn: () => {} })).toThrow(/could not be cloned/);
    here.close();
  },
  'a thread that breaks says why, and what waits for it is rejected': async ({ env }) => {
    const worker = start(env);
    const calls = joinPort(worker, {});
    const closed = new Promise<string>((resolve) => worker.onClose(() => resolve('closed')));
    await calls.call('die', 0);
    expect(await worker.ended).toMatch(/^failed: Error: the thread broke/);
    expect(await closed).toBe('closed');
    await expect(calls.call('echo', 1)).rejects.toMatchObject({ code: 'EPIPE' });
  },
  'a call that waits when the thread ends is rejected': async ({ env }) => {
    const worker = start(env);
    const calls = joinPort(worker, {});
    await calls.call('echo', 1);
    const waiting = calls.call('echo', 2);
    const outcome = waiting.catch((error: unknown) => (error as { code: string }).code);
    await worker.terminate();
    expect(['EPIPE', 2]).toContain(await outcome);
    await worker.terminate();
  },
  'a thread with nothing left to do finishes': async ({ env }) => {
    expect(await start(env, { finish: true }).ended).toBe('finished');
    const worker = start(env);
    joinPort(worker, {}).send('leave', 0);
    expect(await worker.ended).toBe('finished');
  },
  'what a thread posted before it finished arrives, before the close is told': async ({ env }) => {
    const worker = start(env);
    let count = 0;
    const closed = new Promise<number>((resolve) => worker.onClose(() => resolve(count)));
    joinPort(worker, { count: () => count++ }).send('burst', 2000);
    expect(await worker.ended).toBe('finished');
    expect(await closed).toBe(2000);
  },
  'a module that is none is a reason': async ({ env }) => {
    const missing = env.workers.start('none', new URL('./no-such-module.ts', import.meta.url), 0);
    expect(await missing.ended).toMatch(/^failed: .*no-such-module/);
    const noRun = env.workers.start('none', new URL('./worlds.ts', import.meta.url), 0);
    expect(await noRun.ended).toMatch(/^failed: .*does not export a function `run`/);
  },
};
