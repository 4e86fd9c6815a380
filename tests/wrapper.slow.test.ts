// On an older Node the program runs as a child of the one that was typed: it must not outlive that one, nor change how it ends.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { eventually, freePort, temporaryFolder } from './program.ts';

const BIN = fileURLToPath(new URL('../packages/cli/bin/munjigi.mjs', import.meta.url));
/** Only what the program asks of its version; the child is started without it. */
const AS_NODE_20 = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.0.0' } })`;

let folder: { path: string; remove(): void };
let started: ChildProcess[] = [];
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  started = [];
  folder.remove();
});

function wrapper(args: readonly string[]): {
  child: ChildProcess;
  output: () => string;
  closed: Promise<unknown[]>;
} {
  const child = spawn(process.execPath, ['--import', AS_NODE_20, BIN, ...args], {
    cwd: folder.path,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  // `close` comes when the last holder of the pipes has ended, the child included.
  return { child, output: () => text, closed: once(child, 'close') };
}

async function server(): Promise<ReturnType<typeof wrapper>> {
  const port = await freePort();
  mkdirSync(join(folder.path, 'data'));
  writeFileSync(join(folder.path, 'munjigi.yaml'), `metrics: {}\nconsole: { listen: 127.0.0.1:${port} }\n`);
  const it = wrapper(['up', '--config', 'munjigi.yaml']);
  await eventually(
    async () => it.output(),
    (text) => text.includes('munjigi is ready'),
    30_000,
  );
  return it;
}

test('the server stops in order when the one that started it is killed', async () => {
  const { child, output, closed } = await server();
  child.kill('SIGKILL');
  await closed;
  expect(child.signalCode).toBe('SIGKILL');
  expect(output()).toContain('stopping: finishing requests in flight');
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s is passed on, and the exit code comes back', async (signal) => {
  const { child, closed } = await server();
  child.kill(signal);
  expect(await closed).toEqual([0, null]);
});

test('a short command ends by itself', async () => {
  const { output, closed } = wrapper(['version']);
  expect(await closed).toEqual([0, null]);
  expect(output()).toMatch(/^munjigi \d/);
});
