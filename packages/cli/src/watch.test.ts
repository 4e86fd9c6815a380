import { expect, it } from 'vitest';
import { EnvError } from '@munjigi/env';
import { simWorld } from '@munjigi/env/sim';
import { settledReader, watchFiles, type Watched } from './watch.ts';

const watched: Watched = { files: ['/etc/p.yml'], folders: ['/etc/gw'] };

function world() {
  const w = simWorld(7);
  const { files, clock } = w.env;
  files.makeDir('/etc/gw');
  const write = (path: string, text: string): void => {
    const file = files.open(path, 'create');
    const bytes = new TextEncoder().encode(text);
    file.write(bytes, 0, bytes.length, 0);
    file.close();
  };
  const read = (path: string): string => new TextDecoder().decode(files.readFile(path));
  write('/etc/p.yml', 'p');
  write('/etc/gw/a.yaml', 'a');
  return { w, files, clock, write, read };
}

it('waits until a file that was just written is quiet', async () => {
  const { w, files, clock, write, read } = world();
  const reader = settledReader(clock, files, watched);
  await w.run(async () => {
    await clock.sleep(1000);
    const from = clock.monotonic();
    expect(await reader.read(async () => read('/etc/gw/a.yaml'))).toBe('a');
    expect(clock.monotonic() - from).toBeLessThan(50);

    write('/etc/gw/a.yaml', '');
    clock.after(60, () => write('/etc/gw/a.yaml', 'whole'));
    expect(await reader.read(async () => read('/etc/gw/a.yaml'))).toBe('whole');
  });
});

it('reads again when a file was truncated between the look and the reading', async () => {
  const { w, files, clock, write, read } = world();
  const reader = settledReader(clock, files, watched);
  await w.run(async () => {
    await clock.sleep(1000);
    const seen: string[] = [];
    const text = await reader.read(async () => {
      if (seen.length === 0) {
        write('/etc/p.yml', '');
        clock.after(20, () => write('/etc/p.yml', 'whole'));
      }
      seen.push(read('/etc/p.yml'));
      return seen.at(-1)!;
    });
    expect(seen).toEqual(['', 'whole']);
    expect(text).toBe('whole');
  });
});

it('does not wait for ever for a file that is written all the time', async () => {
  const { w, files, clock, write, read } = world();
  const reader = settledReader(clock, files, watched);
  await w.run(async () => {
    let n = 0;
    const timer = clock.every(30, () => write('/etc/gw/a.yaml', `x${'y'.repeat(n++ % 7)}`));
    const from = clock.monotonic();
    const text = await reader.read(async () => read('/etc/gw/a.yaml'));
    expect(text).toMatch(/^x/);
    expect(clock.monotonic() - from).toBeLessThan(6000);
    timer.cancel();
  });
});

it('ten saves are one change, and what is not watched is none', async () => {
  const { w, files, clock, write } = world();
  await w.run(async () => {
    let changes = 0;
    const watch = watchFiles(clock, files, watched, () => changes++);
    for (let i = 0; i < 10; i++) {
      write(`/etc/gw/${i}.yaml`, 'b');
      await clock.sleep(20);
    }
    await clock.sleep(3000);
    expect(changes).toBe(1);
    write('/etc/other.yaml', 'c');
    write('/etc/gw/.hidden', 'c');
    await clock.sleep(3000);
    expect(changes).toBe(1);
    files.makeDir('/etc/gw/sub');
    await clock.sleep(3000);
    write('/etc/gw/sub/x.yaml', 'd');
    await clock.sleep(3000);
    expect(changes).toBe(2);
    watch.close();
  });
});

it('a folder of links that go round in circles is watched, not followed for ever', async () => {
  const { w, files, clock, write } = world();
  // The simulated disk has no links: a listing that always shows the folder itself again is the same to us.
  const loop = {
    ...files,
    list: (dir: string) => [...files.list(dir), { name: 'loop', kind: 'dir' as const }],
  };
  loop.stat = (path: string) => files.stat(path.replaceAll('/loop', ''));
  loop.list = (dir: string) => [
    ...files.list(dir.replaceAll('/loop', '')),
    { name: 'loop', kind: 'dir' as const },
  ];
  loop.watch = () => ({ close() {} });
  await w.run(async () => {
    let changes = 0;
    const watch = watchFiles(clock, loop, watched, () => changes++);
    write('/etc/gw/a.yaml', 'longer');
    await clock.sleep(3000);
    expect(changes).toBe(1);
    watch.close();
  });
});

it('what cannot be read is no reason to fall over', async () => {
  const { w, files, clock } = world();
  const broken = {
    ...files,
    list(): never {
      throw new EnvError('EACCES', '/etc/gw', 'permission denied');
    },
  };
  await w.run(async () => {
    const watch = watchFiles(clock, broken, watched, () => undefined);
    await clock.sleep(3000);
    watch.close();
    expect(await settledReader(clock, broken, watched).read(async () => 'read')).toBe('read');
  });
});
