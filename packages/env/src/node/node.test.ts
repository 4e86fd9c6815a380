import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { logLine } from '../logfmt.ts';
import { cpuCount, memoryLimitBytes, nodeEnv, onSignals, processStats } from './index.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'munjigi-node-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('log lines', () => {
  const T = '2026-01-02T03:04:05.006Z';
  test.each([
    [{}, `time=${T} level=INFO msg=plain`],
    [{ a: 1, b: true, c: undefined, d: 'x' }, `time=${T} level=INFO msg=plain a=1 b=true d=x`],
    [
      { a: 'two words', b: '', c: 'k=v', d: 'say "hi"' },
      `time=${T} level=INFO msg=plain a="two words" b="" c="k=v" d="say \\"hi\\""`,
    ],
    [
      { a: 'x\nlevel=ERROR', b: '\u001b[31m', c: '\u2028', d: '\u202e' },
      `time=${T} level=INFO msg=plain a="x\\nlevel=ERROR" b="\\u001b[31m" c="\\u2028" d="\\u202e"`,
    ],
    [{ 'a b': 1, ü: 'ü' }, `time=${T} level=INFO msg=plain "a b"=1 ü=ü`],
  ])('%o', (fields, line) => {
    expect(logLine(T, 'info', 'plain', fields)).toBe(line);
  });

  test('a long value is cut', () => {
    expect(logLine(T, 'info', 'x'.repeat(100_000), {}).length).toBeLessThan(9000);
  });

  test('levels, inherited fields, and lines of threads reach the writer', async () => {
    const lines: string[] = [];
    const env = nodeEnv({ logLevel: 'info', logWrite: (line) => lines.push(line.replace(/^time=\S+ /, '')) });
    const log = env.log.with({ part: 'a' }).with({ n: 1 });
    log.debug('no');
    log.warn('yes', { n: 2 });
    const worker = env.workers.start('w', new URL('../testing/echo-worker.ts', import.meta.url), {
      shared: null,
    });
    worker.post({ call: 0, method: 'leave', argument: 0 });
    expect(await worker.ended).toBe('finished');
    expect(lines).toEqual(['level=WARN msg=yes part=a n=2', 'level=INFO msg="thread began"']);
  });
});

describe('watching', () => {
  /** Calls so far, and a wait for the next. */
  function ear(path: string): { next(): Promise<void>; close(): void } {
    let heard = Promise.withResolvers<void>();
    const watch = nodeEnv().files.watch(path, () => {
      heard.resolve();
    });
    return {
      async next() {
        await heard.promise;
        heard = Promise.withResolvers();
      },
      close: () => watch.close(),
    };
  }

  test("Kubernetes' swap of a linked directory is seen, for the file and for the folder", async () => {
    for (const version of ['v1', 'v2']) {
      mkdirSync(join(dir, version));
      writeFileSync(join(dir, version, 'prometheus.yml'), version);
    }
    symlinkSync('v1', join(dir, '..data'));
    symlinkSync('..data/prometheus.yml', join(dir, 'prometheus.yml'));
    const file = ear(join(dir, 'prometheus.yml'));
    const folder = ear(dir);
    symlinkSync('v2', join(dir, '..data_tmp'));
    renameSync(join(dir, '..data_tmp'), join(dir, '..data'));
    await Promise.all([file.next(), folder.next()]);
    expect(Buffer.from(nodeEnv().files.readFile(join(dir, 'prometheus.yml'))).toString()).toBe('v2');
    file.close();
    folder.close();
  });

  test('a file that appears later, and a folder that is replaced', async () => {
    const late = ear(join(dir, 'd', 'late'));
    const folder = ear(join(dir, 'd'));
    mkdirSync(join(dir, 'd'));
    writeFileSync(join(dir, 'd', 'late'), '1');
    await Promise.all([late.next(), folder.next()]);
    mkdirSync(join(dir, 'e'));
    writeFileSync(join(dir, 'e', 'late'), '22');
    renameSync(join(dir, 'd'), join(dir, 'old'));
    renameSync(join(dir, 'e'), join(dir, 'd'));
    await Promise.all([late.next(), folder.next()]);
    expect(nodeEnv().files.stat(join(dir, 'd', 'late'))?.size).toBe(2);
    late.close();
    folder.close();
  });
});

test('writeWhole keeps who may read', async () => {
  const path = join(dir, 'secret');
  writeFileSync(path, 'old');
  chmodSync(path, 0o600);
  await nodeEnv().files.writeWhole(path, new Uint8Array(3));
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('a lock file that holds something else is an error that says so', () => {
  writeFileSync(join(dir, 'lock'), 'not empty, and no database of ours either'.repeat(100));
  expect(() => nodeEnv().files.lock(join(dir, 'lock'))).toThrow(/can't lock .*: file is not a database/);
});

test('a lock keeps other threads of the process out too', async () => {
  const env = nodeEnv();
  const lock = env.files.lock(join(dir, 'lock'));
  const entry = new URL(
    `data:text/javascript,${encodeURIComponent('export const run = (env, parent, path) => { parent.post(env.files.lock(path) === null); };')}`,
  );
  const tryInThread = (): Promise<unknown> => {
    const worker = env.workers.start('lock', entry, join(dir, 'lock'));
    return new Promise((resolve) => worker.receive(resolve));
  };
  expect(await tryInThread()).toBe(true);
  lock?.release();
  expect(await tryInThread()).toBe(false);
});

test('monotonic time is one for all threads', async () => {
  const env = nodeEnv();
  const entry = new URL(
    `data:text/javascript,${encodeURIComponent('export const run = (env, parent) => { parent.post(env.clock.monotonic()); };')}`,
  );
  const before = env.clock.monotonic();
  const worker = env.workers.start('time', entry, 0);
  const within = await new Promise<unknown>((resolve) => worker.receive(resolve));
  expect(within).toBeGreaterThan(before);
  expect(within).toBeLessThan(env.clock.monotonic());
});

test('the process knows itself', () => {
  const stats = processStats();
  expect(stats.pid).toBe(process.pid);
  expect(stats.rss_bytes).toBeGreaterThan(1e7);
  expect(stats.cpu_seconds).toBeGreaterThan(0);
  expect(stats.openFiles).toBeGreaterThan(2);
  expect(stats.openFilesMax).toBeGreaterThan(stats.openFiles);
  expect(Math.abs(Date.now() / 1000 - process.uptime() - stats.start_seconds)).toBeLessThan(1);
  expect(cpuCount()).toBeGreaterThan(0);
  expect(memoryLimitBytes()).toBeGreaterThan(1e8);
});

test('signals are heard until told otherwise', () => {
  const heard: string[] = [];
  const before = process.listenerCount('SIGHUP');
  const stop = onSignals((signal) => heard.push(signal));
  process.emit('SIGHUP', 'SIGHUP');
  process.emit('SIGTERM', 'SIGTERM');
  stop();
  expect([heard, process.listenerCount('SIGHUP')]).toEqual([['SIGHUP', 'SIGTERM'], before]);
});

test.each(['/proc/nope', '/proc/nope/deeper', '/dev/null/x'])(
  'a folder that cannot be made is an error at once: %s',
  (path) => {
    expect(() => nodeEnv().files.makeDir(path)).toThrow(/ENOENT|EACCES|EPERM|ENOTDIR/);
  },
);

test('a link that leads to itself is listed, not followed', () => {
  const dir = mkdtempSync(join(tmpdir(), 'munjigi-link-'));
  symlinkSync('self', join(dir, 'self'));
  expect(nodeEnv().files.list(dir)).toEqual([{ name: 'self', kind: 'other' }]);
  rmSync(dir, { recursive: true });
});
