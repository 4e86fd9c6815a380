// A folder that is no store: most likely a mistyped path, so nothing may look like an answer.
import { simWorld } from '@munjigi/env/sim';
import { expect, test } from 'vitest';
import { analyze } from './analyze.ts';
import { dump } from './dump.ts';
import { Failure } from './failure.ts';
import { list } from './list.ts';
import { repair, verify } from './verify.ts';

type Files = ReturnType<typeof simWorld>['env']['files'];
type World = ReturnType<typeof simWorld>['env'];

const COMMANDS: readonly (readonly [string, (env: World) => Promise<number> | number])[] = [
  ['list', (env) => list('/d', {}, env)],
  ['analyze', (env) => analyze('/d', undefined, { limit: '20' }, env)],
  ['dump', (env) => dump('/d', {}, env)],
  ['verify', (env) => verify('/d', [], { quiet: true }, env)],
  ['repair', (env) => repair('/d', { quiet: true }, env)],
];

const FOLDERS: readonly (readonly [what: string, make: (files: Files) => void, code: number])[] = [
  ['nothing', () => undefined, 2],
  ['an empty folder', (files) => files.makeDir('/d'), 1],
  ['a folder with other things', (files) => files.makeDir('/d/metrics/wal'), 1],
];

test.each(
  FOLDERS.flatMap(([what, make, code]) =>
    COMMANDS.map(([name, run]) => [name, what, make, run, code] as const),
  ),
)('%s of %s', async (_name, _what, make, run, code) => {
  const { env } = simWorld(1);
  make(env.files);
  const failed: unknown = await Promise.resolve()
    .then(() => run(env))
    .catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(Failure);
  expect(failed).toMatchObject({
    exitCode: code,
    message: code === 2 ? '/d: there is no such folder' : expect.stringContaining('/d: no data directory: '),
  });
});

test('one that has only a log is a store', async () => {
  const { env } = simWorld(1);
  env.files.makeDir('/d/wal');
  expect(await verify('/d', [], { quiet: true }, env)).toBe(0);
});
