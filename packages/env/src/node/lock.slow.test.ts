// The lock against real processes: it holds between them and is free the moment the holder is gone, however it went.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeFiles } from './files.ts';

const FILES = new URL('./files.ts', import.meta.url).href;
let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'munjigi-lock-'));
  path = join(dir, 'lock');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A process that tries the lock, says whether it got it, and then does as told. */
async function contender(then: string): Promise<{ got: boolean; child: ChildProcess; gone: Promise<void> }> {
  const script = `const { nodeFiles } = await import(${JSON.stringify(FILES)});
    const lock = nodeFiles.lock(${JSON.stringify(path)});
    process.stdout.write(lock === null ? 'no' : 'yes');
    ${then}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const gone = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  const said = await new Promise<string>((resolve) => child.stdout.once('data', (b) => resolve(String(b))));
  return { got: said === 'yes', child, gone };
}

const STAY = 'setInterval(() => {}, 1000);';

test('a second process is kept out, also while the first reads files beside the lock', async () => {
  const lock = nodeFiles.lock(path);
  expect(lock).not.toBe(null);
  await nodeFiles.writeWhole(join(dir, 'beside'), new Uint8Array(10));
  nodeFiles.readFile(join(dir, 'beside'));
  expect(() => nodeFiles.readFile(path)).toThrow(/in use/);
  const second = await contender('');
  expect(second.got).toBe(false);
  await second.gone;
  lock?.release();
  const third = await contender('');
  expect(third.got).toBe(true);
  await third.gone;
});

test.each([
  ['kill -9', STAY, (child: ChildProcess) => child.kill('SIGKILL')],
  ['an uncaught error', "setTimeout(() => { throw new Error('x'); }, 300);", () => {}],
  ['process.exit', 'setTimeout(() => process.exit(0), 300);', () => {}],
  ['an abort', 'setTimeout(() => process.abort(), 300);', () => {}],
])('%s of the holder frees it', async (_name, then, end) => {
  const holder = await contender(then);
  expect(holder.got).toBe(true);
  expect(nodeFiles.lock(path)).toBe(null);
  end(holder.child);
  await holder.gone;
  const lock = nodeFiles.lock(path);
  expect(lock).not.toBe(null);
  lock?.release();
});

test('of many that start together one gets it', async () => {
  const all = await Promise.all(Array.from({ length: 8 }, () => contender(STAY)));
  for (const c of all) c.child.kill('SIGKILL');
  await Promise.all(all.map((c) => c.gone));
  expect(all.filter((c) => c.got)).toHaveLength(1);
  expect(nodeFiles.lock(path)).not.toBe(null);
});

test.runIf(process.platform === 'linux')(
  'a process that writes below a folder is seen, a reader is not',
  async () => {
    writeFileSync(path, 'x');
    const open = async (how: string): Promise<{ child: ChildProcess; gone: Promise<void> }> => {
      const child = spawn('sh', ['-c', `exec 9${how}"$1"; echo open; exec sleep 60`, 'sh', path], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const gone = new Promise<void>((resolve) => child.on('exit', () => resolve()));
      await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
      return { child, gone };
    };
    const own = nodeFiles.open(path, 'rw');
    const reader = await open('<');
    expect(nodeFiles.writerOf(dir)).toBe(null);
    for (const how of ['>>', '<>']) {
      const writer = await open(how);
      expect(nodeFiles.writerOf(dir)).toBe(writer.child.pid);
      expect(nodeFiles.writerOf(`${dir}/`)).toBe(writer.child.pid);
      expect(nodeFiles.writerOf(dir.slice(0, -1))).toBe(null);
      writer.child.kill('SIGKILL');
      await writer.gone;
    }
    expect(nodeFiles.writerOf(dir)).toBe(null);
    expect(nodeFiles.writerOf(join(dir, 'nosuch'))).toBe(null);
    own.close();
    reader.child.kill('SIGKILL');
    await reader.gone;
  },
);

test("another program's BSD lock is seen while it is held", async () => {
  writeFileSync(path, '');
  expect(nodeFiles.flocked(path)).toBe(false);
  const child = spawn('flock', ['-F', path, 'sh', '-c', 'echo held; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const gone = new Promise<void>((resolve) => child.on('exit', () => resolve()));
  await new Promise<void>((resolve) => child.stdout.once('data', () => resolve()));
  expect(nodeFiles.flocked(path)).toBe(true);
  child.kill('SIGKILL');
  await gone;
  expect(nodeFiles.flocked(path)).toBe(false);
});
