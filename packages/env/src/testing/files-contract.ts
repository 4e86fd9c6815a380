import { expect } from 'vitest';
import type { Clock, Env, EnvError, File } from '../env.ts';
import type { Contract } from './worlds.ts';

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const back = (b: Uint8Array): string => new TextDecoder().decode(b);
const write = (f: File, s: string, position: number): void => {
  const b = text(`..${s}..`);
  f.write(b, 2, b.length - 2, position);
};
const codeOf = (fn: () => unknown): string => {
  try {
    fn();
  } catch (error) {
    return (error as EnvError).code;
  }
  return 'none';
};
const put = (env: Env, path: string, s: string): void => {
  const f = env.files.open(path, 'create');
  write(f, s, 0);
  f.close();
};

/** Waits for calls of a watcher. */
class Ear {
  readonly #clock: Clock;
  #calls = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  call(): void {
    this.#calls++;
  }

  async next(): Promise<void> {
    for (let i = 0; this.#calls === 0 && i < 300; i++) await this.#clock.sleep(10);
    if (this.#calls === 0) throw new Error('the watcher was not called');
    // A burst may make two calls.
    await this.#clock.sleep(30);
    this.#calls = 0;
  }
}

export const filesContract: Contract = {
  'reads and writes at positions': ({ env, dir }) => {
    const f = env.files.open(`${dir}/a`, 'create');
    write(f, 'hello world', 0);
    write(f, 'W', 6);
    write(f, '!', 13);
    expect(f.size()).toBe(14);
    const b = new Uint8Array(20).fill(1);
    expect(f.read(b, 2, 20, 0)).toBe(14);
    expect(back(b.subarray(2, 16))).toBe('hello World\0\0!');
    expect([b[1], b[16]]).toEqual([1, 1]);
    expect(f.read(b, 0, 20, 14)).toBe(0);
    expect(f.read(b, 0, 20, 100)).toBe(0);
    f.truncate(5);
    f.truncate(7);
    expect(back(env.files.readFile(`${dir}/a`))).toBe('hello\0\0');
    f.close();
    f.close();
  },
  'each mode does what it says': ({ env: { files }, dir }) => {
    const p = `${dir}/m`;
    expect(codeOf(() => files.open(p, 'r'))).toBe('ENOENT');
    expect(codeOf(() => files.open(p, 'rw'))).toBe('ENOENT');
    const a = files.open(p, 'append');
    write(a, 'one', -1);
    write(a, 'two', 0);
    a.close();
    expect(back(files.readFile(p))).toBe('onetwo');
    const rw = files.open(p, 'rw');
    write(rw, 'ONE', 0);
    expect(codeOf(() => write(rw, 'x', -1))).toBe('EINVAL');
    const r = files.open(p, 'r');
    expect(codeOf(() => write(r, 'x', 0))).toBe('EBADF');
    expect(r.size()).toBe(6);
    files.open(p, 'create').close();
    expect(r.size()).toBe(0);
    r.close();
    rw.close();
    expect(codeOf(() => r.size())).toBe('EBADF');
    expect(codeOf(() => files.open(dir, 'r'))).toBe('EISDIR');
    expect(codeOf(() => files.open(`${p}/x`, 'create'))).toBe('ENOTDIR');
  },
  'reads into shared memory': ({ env, dir }) => {
    put(env, `${dir}/s`, 'shared');
    const b = new Uint8Array(new SharedArrayBuffer(8));
    const f = env.files.open(`${dir}/s`, 'rw');
    expect(f.read(b, 1, 8, 0)).toBe(6);
    f.write(b, 1, 4, 6);
    f.close();
    expect(back(env.files.readFile(`${dir}/s`))).toBe('sharedsha');
  },
  'directories: made with parents, listed in order, removed only when empty': ({ env, dir }) => {
    const { files } = env;
    files.makeDir(`${dir}/d/e/f`);
    files.makeDir(`${dir}/d/e/f`);
    put(env, `${dir}/d/z`, 'z');
    put(env, `${dir}/d/b`, 'bb');
    expect(files.list(`${dir}/d`)).toEqual([
      { name: 'b', kind: 'file' },
      { name: 'e', kind: 'dir' },
      { name: 'z', kind: 'file' },
    ]);
    expect(files.stat(`${dir}/d/b`)).toMatchObject({ kind: 'file', size: 2 });
    expect(files.stat(`${dir}/d`)).toMatchObject({ kind: 'dir' });
    expect(files.stat(`${dir}/nothing/at/all`)).toBe(null);
    expect(files.stat(`${dir}/d/b/c`)).toBe(null);
    expect(codeOf(() => files.list(`${dir}/nothing`))).toBe('ENOENT');
    expect(codeOf(() => files.list(`${dir}/d/b`))).toBe('ENOTDIR');
    expect(codeOf(() => files.makeDir(`${dir}/d/b`))).toBe('EEXIST');
    expect(codeOf(() => files.makeDir(`${dir}/d/b/c`))).toBe('ENOTDIR');
    expect(codeOf(() => files.remove(`${dir}/d`))).toBe('ENOTEMPTY');
    expect(codeOf(() => files.remove(`${dir}/nothing`))).toBe('ENOENT');
    files.remove(`${dir}/d/b`);
    files.remove(`${dir}/d/e/f`);
    files.removeTree(`${dir}/d`);
    files.removeTree(`${dir}/d`);
    expect(files.list(dir)).toEqual([]);
  },
  'renames over files and empty directories': ({ env, dir }) => {
    const { files } = env;
    put(env, `${dir}/a`, 'a');
    put(env, `${dir}/b`, 'b');
    const held = files.open(`${dir}/b`, 'r');
    files.rename(`${dir}/a`, `${dir}/b`);
    expect(back(files.readFile(`${dir}/b`))).toBe('a');
    const b = new Uint8Array(1);
    held.read(b, 0, 1, 0);
    expect(back(b)).toBe('b');
    held.close();
    expect(files.stat(`${dir}/a`)).toBe(null);
    files.makeDir(`${dir}/x.tmp`);
    put(env, `${dir}/x.tmp/f`, 'f');
    files.rename(`${dir}/x.tmp`, `${dir}/x`);
    expect(back(files.readFile(`${dir}/x/f`))).toBe('f');
    files.makeDir(`${dir}/y`);
    expect(codeOf(() => files.rename(`${dir}/nothing`, `${dir}/n`))).toBe('ENOENT');
    expect(codeOf(() => files.rename(`${dir}/y`, `${dir}/x`))).toBe('ENOTEMPTY');
    expect(codeOf(() => files.rename(`${dir}/b`, `${dir}/y`))).toBe('EISDIR');
    expect(codeOf(() => files.rename(`${dir}/y`, `${dir}/b`))).toBe('ENOTDIR');
    expect(codeOf(() => files.rename(`${dir}/x`, `${dir}/x/y`))).toBe('EINVAL');
  },
  'syncs files and directories, and reports what cannot be': async ({ env: { files }, dir }) => {
    const f = files.open(`${dir}/a`, 'create');
    write(f, 'abc', 0);
    const under = f.sync();
    f.close();
    await under;
    await files.syncDir(dir);
    await expect(f.sync()).rejects.toMatchObject({ code: 'EBADF' });
    await expect(files.syncDir(`${dir}/nothing`)).rejects.toMatchObject({ code: 'ENOENT' });
  },
  'writes whole files, several writers in turn, and leaves no temporary': async ({ env: { files }, dir }) => {
    const p = `${dir}/w`;
    await files.writeWhole(p, text('first'));
    await Promise.all(['second', 'third', 'fourth'].map((s) => files.writeWhole(p, text(s))));
    expect(back(files.readFile(p))).toBe('fourth');
    await expect(files.writeWhole(`${dir}/nothing/w`, text('x'))).rejects.toMatchObject({ code: 'ENOENT' });
    await files.writeWhole(p, new Uint8Array(0));
    expect(files.readFile(p)).toHaveLength(0);
    expect(files.list(dir)).toEqual([{ name: 'w', kind: 'file' }]);
  },
  'a lock has one holder, and its file is out of reach': ({ env: { files }, dir }) => {
    const p = `${dir}/lock`;
    const first = files.lock(p);
    expect(first).not.toBe(null);
    expect(files.lock(p)).toBe(null);
    expect(codeOf(() => files.readFile(p))).toBe('EBUSY');
    expect(codeOf(() => files.open(p, 'append'))).toBe('EBUSY');
    first?.release();
    first?.release();
    const second = files.lock(p);
    expect(second).not.toBe(null);
    first?.release();
    expect(files.lock(p)).toBe(null);
    second?.release();
    expect(files.readFile(p)).toHaveLength(0);
    expect(codeOf(() => files.lock(`${dir}/nothing/lock`))).toBe('ENOENT');
  },
  'watching a file sees writes and renames over it': async ({ env, dir }) => {
    const { files, clock } = env;
    put(env, `${dir}/f`, 'one');
    const heard = new Ear(clock);
    const watch = files.watch(`${dir}/f`, () => heard.call());
    put(env, `${dir}/f`, 'three');
    await heard.next();
    put(env, `${dir}/f.new`, 'renamed');
    files.rename(`${dir}/f.new`, `${dir}/f`);
    await heard.next();
    watch.close();
    expect(files.list(dir)).toHaveLength(1);
  },
  'watching a directory sees files come and go': async ({ env, dir }) => {
    const { files, clock } = env;
    const heard = new Ear(clock);
    const watch = files.watch(dir, () => heard.call());
    put(env, `${dir}/n`, 'x');
    await heard.next();
    files.rename(`${dir}/n`, `${dir}/o`);
    await heard.next();
    files.remove(`${dir}/o`);
    await heard.next();
    watch.close();
    expect(files.list(dir)).toHaveLength(0);
  },
  'gives a file a second name': ({ env, dir }) => {
    const { files } = env;
    const file = files.open(`${dir}/a`, 'create');
    file.write(Uint8Array.of(1, 2), 0, 2, 0);
    files.link(`${dir}/a`, `${dir}/b`);
    file.write(Uint8Array.of(3), 0, 1, 2);
    file.close();
    files.remove(`${dir}/a`);
    expect([...files.readFile(`${dir}/b`)]).toEqual([1, 2, 3]);
    expect(codeOf(() => files.link(`${dir}/a`, `${dir}/c`))).toBe('ENOENT');
    files.open(`${dir}/c`, 'create').close();
    expect(codeOf(() => files.link(`${dir}/b`, `${dir}/c`))).toBe('EEXIST');
  },
  'tells the size of the disk': ({ env, dir }) => {
    expect(env.files.totalBytes(dir)).toBeGreaterThanOrEqual(env.files.freeBytes(dir));
  },
  'tells the free space': ({ env, dir }) => {
    expect(env.files.freeBytes(dir)).toBeGreaterThan(1e6);
    expect(codeOf(() => env.files.freeBytes(`${dir}/nothing`))).toBe('ENOENT');
  },
};
