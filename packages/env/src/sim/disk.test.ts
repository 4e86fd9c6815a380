import { describe, expect, test } from 'vitest';
import type { Env, EnvError } from '../env.ts';
import { simWorld, SimCrash, type CrashKind, type SimWorld } from './index.ts';

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const back = (b: Uint8Array | null): string => (b === null ? 'none' : new TextDecoder().decode(b));
const SEEDS = Array.from({ length: 300 }, (_, i) => i);

function write(env: Env, path: string, s: string, position = 0): void {
  const f = env.files.open(path, env.files.stat(path) === null ? 'create' : 'rw');
  f.write(text(s), 0, text(s).length, position);
  f.close();
}

async function sync(env: Env, path: string): Promise<void> {
  const f = env.files.open(path, 'r');
  await f.sync();
  f.close();
}

/** What is there after the power went, over all seeds: each distinct outcome with how often it came. */
async function outcomes(loss: Pick<Loss, 'work' | 'look'>): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  for (const seed of SEEDS) {
    const world = simWorld(seed);
    await loss.work(world);
    world.disk.crash('power');
    world.restart();
    const found = loss.look(world);
    seen.set(found, (seen.get(found) ?? 0) + 1);
  }
  return seen;
}

interface Loss {
  readonly name: string;
  work(world: SimWorld): Promise<void>;
  look(world: SimWorld): string;
  /** Every outcome that must be seen; nothing else may be, unless `more` allows it. */
  readonly outcomes: readonly string[];
  readonly more?: RegExp;
}

const present =
  (...paths: string[]) =>
  (world: SimWorld): string =>
    paths.filter((path) => world.disk.read(path) !== null).join(' ');

const LOSSES: readonly Loss[] = [
  {
    name: 'what was synced with its directory stays, always',
    async work({ env }) {
      write(env, '/a', 'safe');
      await sync(env, '/a');
      await env.files.syncDir('/');
    },
    look: (world) => back(world.disk.read('/a')),
    outcomes: ['safe'],
  },
  {
    name: 'a new file may be gone although its bytes were synced, when its directory was not',
    async work({ env }) {
      write(env, '/a', 'safe');
      await sync(env, '/a');
    },
    look: (world) => back(world.disk.read('/a')),
    outcomes: ['safe', 'none'],
  },
  {
    name: 'a new file may be empty, torn, or zeros, when only its directory was synced',
    async work({ env }) {
      write(env, '/a', 'data');
      await env.files.syncDir('/');
    },
    look: (world) => back(world.disk.read('/a')),
    outcomes: ['data', '', 'd', 'da', 'dat', '\0', '\0\0\0\0'],
    more: /^[\s\S]{0,4}$/,
  },
  {
    name: 'a directory whose parent was not synced may be gone with all in it',
    async work({ env }) {
      env.files.makeDir('/d');
      write(env, '/d/a', 'safe');
      await sync(env, '/d/a');
      await env.files.syncDir('/d');
    },
    look: present('/d/a'),
    outcomes: ['/d/a', ''],
  },
  {
    name: 'a rename that was not synced is done or not, never half',
    async work({ env, disk }) {
      disk.put('/old', text('x'));
      env.files.rename('/old', '/new');
    },
    look: present('/old', '/new'),
    outcomes: ['/old', '/new'],
  },
  {
    name: 'a rename over a file before its bytes are synced can leave an empty or torn file',
    async work({ env, disk }) {
      disk.put('/a', text('before'));
      write(env, '/a.tmp', 'after!');
      env.files.rename('/a.tmp', '/a');
      await env.files.syncDir('/');
    },
    look: (world) => back(world.disk.read('/a')),
    outcomes: ['after!', '', 'aft'],
    more: /^[^b][\s\S]{0,5}$/,
  },
  {
    name: 'a removed file may come back, with its bytes',
    async work({ env, disk }) {
      disk.put('/a', text('x'));
      env.files.remove('/a');
    },
    look: present('/a'),
    outcomes: ['/a', ''],
  },
  {
    name: 'a removal that was synced is one',
    async work({ env, disk }) {
      disk.put('/a', text('x'));
      env.files.remove('/a');
      await env.files.syncDir('/');
    },
    look: present('/a'),
    outcomes: [''],
  },
  {
    name: 'a later file may last without an earlier one',
    async work({ env, disk }) {
      disk.put('/1', text('..'));
      disk.put('/2', text('..'));
      write(env, '/1', 'ab');
      write(env, '/2', 'ab');
    },
    look: (world) => `${back(world.disk.read('/1'))} ${back(world.disk.read('/2'))}`,
    outcomes: ['ab ab', 'ab ..', '.. ab', '.. ..'],
    more: /^[\s\S]*$/,
  },
  {
    name: 'a chain of renames leaves one file',
    async work({ env, disk }) {
      disk.put('/a', text('x'));
      env.files.makeDir('/d');
      env.files.rename('/a', '/b');
      env.files.rename('/b', '/d/c');
      env.files.rename('/d/c', '/e');
    },
    look: present('/a', '/b', '/d/c', '/e'),
    outcomes: ['/a', '/b', '/e'],
    more: /^(?:\/d\/c)?$/,
  },
  {
    name: 'a rename into a synced directory takes the old name with it',
    async work({ env, disk }) {
      disk.put('/from/a', text('x'));
      disk.put('/to/b', text('x'));
      env.files.rename('/from/a', '/from/b');
      env.files.rename('/from/b', '/to/a');
      await env.files.syncDir('/to');
    },
    look: present('/from/a', '/from/b', '/to/a'),
    outcomes: ['/to/a'],
  },
  {
    name: 'a truncation that was not synced may not have happened',
    async work({ env, disk }) {
      disk.put('/a', text('long'));
      env.files.open('/a', 'create').close();
    },
    look: (world) => back(world.disk.read('/a')),
    outcomes: ['long', ''],
  },
];

describe('a power failure', () => {
  test.each(LOSSES)('$name', async (loss) => {
    const seen = [...(await outcomes(loss)).keys()];
    for (const wanted of loss.outcomes) expect(seen).toContain(wanted);
    expect(seen.filter((found) => !loss.outcomes.includes(found) && loss.more?.test(found) !== true)).toEqual(
      [],
    );
  });

  test('harms no byte that was synced and not written since', async () => {
    for (const seed of SEEDS) {
      const world = simWorld(seed);
      const choose = world.random('writes');
      const size = 1 + choose.below(6000);
      const synced = choose.bytes(size);
      world.disk.put('/a', synced);
      const f = world.env.files.open('/a', 'rw');
      const touched = new Uint8Array(size);
      for (let i = choose.below(5); i >= 0; i--) {
        const from = choose.below(size);
        const b = choose.bytes(1 + choose.below(2000));
        f.write(b, 0, b.length, from);
        touched.fill(1, from, from + b.length);
      }
      world.disk.crash('power');
      world.restart();
      const left = world.disk.read('/a')!;
      expect(left.length).toBeGreaterThanOrEqual(size);
      expect(left.findIndex((byte, i) => i < size && touched[i] === 0 && byte !== synced[i])).toBe(-1);
    }
  });

  test('within a sync: what was written before it may still be lost', async () => {
    const seen = await outcomes({
      work: async (world) => {
        world.disk.put('/a', text('....'));
        const f = world.env.files.open('/a', 'rw');
        f.write(text('data'), 0, 4, 0);
        void f.sync();
      },
      look: (world) => back(world.disk.read('/a')),
    });
    expect([...seen.keys()]).toEqual(expect.arrayContaining(['data', '....']));
  });

  test('what is written while a sync runs is not covered by it', async () => {
    const seen = await outcomes({
      work: async ({ env, disk }) => {
        disk.put('/a', text('....'));
        const f = env.files.open('/a', 'rw');
        f.write(text('ab'), 0, 2, 0);
        const under = f.sync();
        f.write(text('cd'), 0, 2, 2);
        await under;
      },
      look: (world) => back(world.disk.read('/a')),
    });
    expect([...seen.keys()].every((s) => s.startsWith('ab'))).toBe(true);
    expect([...seen.keys()]).toEqual(expect.arrayContaining(['abcd', 'ab..']));
  });

  test('nor is what happens in a directory while its sync runs', async () => {
    const seen = await outcomes({
      work: async ({ env }) => {
        write(env, '/before', '');
        const under = env.files.syncDir('/');
        write(env, '/while', '');
        await under;
      },
      look: present('/before', '/while'),
    });
    expect([...seen.keys()].sort()).toEqual(['/before', '/before /while']);
  });

  test('after a failed sync the bytes are seen, and lost', async () => {
    const world = simWorld(4);
    const { env, disk } = world;
    disk.put('/a', text('....'));
    disk.fault((operation) => (operation === 'sync' ? 'EIO' : undefined));
    const f = env.files.open('/a', 'rw');
    f.write(text('data'), 0, 4, 0);
    await expect(f.sync()).rejects.toMatchObject({ code: 'EIO', path: '/a' });
    disk.fault(null);
    await f.sync();
    expect(back(disk.read('/a'))).toBe('data');
    disk.crash('power');
    expect(back(disk.read('/a'))).toBe('....');
  });
});

describe('a process crash', () => {
  test('keeps what was written, frees locks, and kills handles, timers and watchers', async () => {
    const world = simWorld(1);
    const { env, disk } = world;
    const f = env.files.open('/a', 'create');
    f.write(text('kept'), 0, 4, 0);
    expect(env.files.lock('/lock')).not.toBe(null);
    let fired = 0;
    env.clock.every(10, () => fired++);
    env.files.watch('/', () => fired++);
    disk.crash('process');
    for (const act of [() => f.size(), () => env.files.list('/'), () => env.files.open('/b', 'create')])
      expect(act).toThrow(SimCrash);
    await expect(f.sync()).rejects.toBeInstanceOf(SimCrash);
    await expect(env.files.writeWhole('/b', text('x'))).rejects.toBeInstanceOf(SimCrash);
    f.close();
    const next = world.restart();
    expect(back(next.files.readFile('/a'))).toBe('kept');
    expect(next.files.lock('/lock')).not.toBe(null);
    write(next, '/c', 'c');
    await world.advance(100);
    expect(fired).toBe(0);
    expect(world.env).toBe(next);
  });
});

const KINDS: readonly CrashKind[] = ['process', 'power'];

describe('crash points', () => {
  test.each(KINDS)('writeWhole is whole or not at all at each of them, %s', async (kind) => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed++)
      for (let point = 1; ; point++) {
        const world = simWorld(seed);
        world.disk.put('/d/a', text('old content'));
        world.disk.crashAt(point);
        const done = await world.run(world.env.files.writeWhole('/d/a', text('new'))).then(
          () => true,
          (error: unknown) => error instanceof SimCrash && world.disk.crashed && false,
        );
        world.disk.crash(kind);
        const found = back(world.restart().files.readFile('/d/a'));
        seen.add(`${done} ${found}`);
        if (done) break;
      }
    expect([...seen].sort()).toEqual(['false new', 'false old content', 'true new']);
  });

  test('the operation is half done, all later ones fail, and waiting syncs are told', async () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 200; seed++) {
      const world = simWorld(seed);
      const f = world.env.files.open('/a', 'create');
      const waiting = f.sync().catch((error: unknown) => (error as Error).name);
      world.disk.crashAt(3);
      expect(() => f.write(text('0123456789'), 0, 10, 0)).toThrow('crash point 3 reached: write /a');
      expect(() => f.write(text('x'), 0, 1, 0)).toThrow(SimCrash);
      expect(await waiting).toBe('SimCrash');
      expect([world.disk.operations, world.disk.crashed]).toEqual([3, true]);
      world.restart();
      expect(world.disk.crashed).toBe(false);
      lengths.add(world.disk.read('/a')!.length);
    }
    expect(Math.min(...lengths)).toBe(0);
    expect(Math.max(...lengths)).toBe(10);
    expect(lengths.size).toBe(11);
  });

  test('run rejects when one is reached, even if the work would wait for ever', async () => {
    const world = simWorld(1);
    world.disk.crashAt(2);
    const work = async (): Promise<void> => {
      for (;;) {
        try {
          await world.env.files.writeWhole('/a', text('x'));
        } catch {
          await world.env.clock.sleep(1000);
        }
      }
    };
    await expect(world.run(work)).rejects.toBeInstanceOf(SimCrash);
  });

  test('the number of operations is the same in each run', async () => {
    const counts = [];
    for (const seed of [1, 1, 2]) {
      const world = simWorld(seed);
      await world.env.files.writeWhole('/a', text('x'));
      world.env.files.makeDir('/b/c');
      world.env.files.removeTree('/b');
      counts.push(world.disk.operations);
    }
    // create, write, sync, rename, syncDir; two makeDir; two remove.
    expect(counts).toEqual([9, 9, 9]);
  });
});

describe('a full disk', () => {
  test('writes what fits, refuses the rest, and has room again', () => {
    const world = simWorld(1);
    const { env, disk } = world;
    const code = (fn: () => void): string => {
      try {
        fn();
      } catch (error) {
        return (error as EnvError).code;
      }
      return 'none';
    };
    disk.full(10);
    const f = env.files.open('/a', 'create');
    f.write(text('12345678'), 0, 8, 0);
    expect(code(() => f.write(text('90xx'), 0, 4, 8))).toBe('ENOSPC');
    expect(back(disk.read('/a'))).toBe('1234567890');
    expect([disk.used, env.files.freeBytes('/')]).toEqual([10, 0]);
    expect(code(() => f.write(text('xy'), 0, 2, 0))).toBe('none');
    expect(code(() => f.truncate(11))).toBe('ENOSPC');
    expect(code(() => env.files.open('/b', 'create'))).toBe('ENOSPC');
    expect(code(() => env.files.makeDir('/b'))).toBe('ENOSPC');
    env.files.remove('/a');
    expect(disk.used).toBe(10);
    f.close();
    expect(disk.used).toBe(0);
    write(env, '/b', '0123456789');
    disk.full(Infinity);
    write(env, '/b', 'more', 10);
    disk.crash('process');
    expect(disk.used).toBe(14);
  });
});

test('any operation can be made to fail, and nothing has happened then', async () => {
  const { env, disk } = simWorld(1);
  disk.put('/d/a', text('x'));
  disk.fault((operation, path) =>
    path.startsWith('/d') ? 'EIO' : operation === 'create' ? 'EMFILE' : undefined,
  );
  const f = env.files.open('/d/a', 'rw');
  const acts: Record<string, () => void> = {
    EMFILE: () => env.files.open('/b', 'create'),
    write: () => f.write(text('y'), 0, 1, 0),
    truncate: () => f.truncate(0),
    rename: () => env.files.rename('/d/a', '/d/b'),
    remove: () => env.files.remove('/d/a'),
    makeDir: () => env.files.makeDir('/d/e'),
  };
  for (const act of Object.values(acts)) expect(act).toThrow(/simulated/);
  await expect(env.files.syncDir('/d')).rejects.toMatchObject({ code: 'EIO' });
  expect(disk.tree()).toEqual(['/d/a']);
  expect(back(disk.read('/d/a'))).toBe('x');
});

test('the same seed leaves the same disk, another one another', async () => {
  const run = async (seed: number): Promise<string> => {
    const world = simWorld(seed);
    const choose = world.random('work');
    for (let i = 0; i < 30; i++) {
      const path = `/${choose.below(8)}`;
      const act = choose.below(5);
      if (act < 2) write(world.env, path, 'x'.repeat(choose.below(2000)), choose.below(1000));
      else if (act === 2 && world.env.files.stat(path) !== null)
        world.env.files.rename(path, `/${choose.below(8)}`);
      else if (act === 3 && world.env.files.stat(path) !== null) await sync(world.env, path);
      else await world.env.files.syncDir('/');
    }
    world.disk.crash('power');
    const files = world.disk
      .tree()
      .map((path) => `${path} ${Buffer.from(world.disk.read(path)!).toString('base64')}`);
    return `${world.hash()} ${files.join('\n')}`;
  };
  const all = new Set<string>();
  for (let seed = 0; seed < 40; seed++) {
    const first = await run(seed);
    expect(await run(seed)).toBe(first);
    all.add(first);
  }
  expect(all.size).toBe(40);
});
