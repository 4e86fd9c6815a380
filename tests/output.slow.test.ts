// What a command prints and cannot be written: a reader that has enough is no failure, a full disk is one.
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from './program.ts';

const BIN = fileURLToPath(new URL('../packages/cli/bin/munjigi.mjs', import.meta.url));
/** Its dump is many times what a pipe holds. */
const SAMPLES = 100_000;

let folder: { path: string; remove(): void };
beforeAll(() => {
  folder = temporaryFolder();
  const lines = Array.from(
    { length: SAMPLES },
    (_, i) => `a_metric_of_a_long_name{job="a"} ${i} ${1_700_000_000 + i}`,
  );
  writeFileSync(join(folder.path, 'in.om'), `${lines.join('\n')}\n# EOF\n`);
  const { status, stderr } = shell('"$@" tsdb create-blocks-from openmetrics in.om data');
  if (status !== 0) throw new Error(stderr);
});
afterAll(() => folder.remove());

/** `"$@"` is the program; the answer's `status` that of the last command. */
function shell(command: string): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command, 'bash', process.execPath, BIN], {
    cwd: folder.path,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

const COMMANDS = [
  'version',
  '--help',
  'check',
  'tsdb list data',
  'tsdb analyze data',
  'tsdb dump data',
  'tsdb verify data',
];

test.runIf(existsSync('/dev/full')).each(COMMANDS)('munjigi %s > /dev/full fails and says so', (args) => {
  const { status, stderr } = shell(`"$@" ${args} > /dev/full`);
  expect(stderr).toMatch(/^munjigi: standard output: ENOSPC: .*\n$/);
  expect(status).toBe(1);
});

test.each(COMMANDS)('munjigi %s ends quietly when nobody reads', (args) => {
  // The reader is gone before the program starts.
  const { status, stderr } = shell(`exec 3> >(true); wait $!; exec "$@" ${args} >&3`);
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test('a long dump goes on for as long as it is read', () => {
  const cut = shell('"$@" tsdb dump data | head -n 3; exit "${PIPESTATUS[0]}"');
  expect(cut.stdout.trimEnd().split('\n')).toHaveLength(3);
  expect(cut).toMatchObject({ status: 0, stderr: '' });
  const all = shell('"$@" tsdb dump data | wc -l');
  expect(Number(all.stdout)).toBe(SAMPLES);
});
