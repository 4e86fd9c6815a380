// `npm test`: types, lint and format first, then every test, then one closing line that counts all of them.
// Arguments go to vitest (`npm test -- --project node`).
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { conformanceDir, missingPeers } from './peers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = resolve(root, 'node_modules/.bin');

const CHECKS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types', 'tsc', '-b'],
  ['lint', 'oxlint'],
  ['format', 'oxfmt', '--check'],
  ['dead code', 'knip'],
];

const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` };
let passed = 0;
let failed = 0;
for (const [name, command, ...args] of CHECKS) {
  const done = spawnSync(resolve(bin, command), args, { cwd: root, env, encoding: 'utf8' });
  if (done.status === 0) passed++;
  else {
    failed++;
    console.log(`${name} (${command} ${args.join(' ')}):\n${done.stdout}${done.stderr}`);
  }
}

for (const line of missingPeers()) console.log(line);
if (conformanceDir() === null)
  console.log('conformance data not found: set MUNJIGI_CONFORMANCE to run its suites');
if (!existsSync(resolve(root, 'packages/ui/dist/index.html')))
  console.log('the console is not built: npm run setup');

const tests = spawnSync(resolve(bin, 'vitest'), ['run', ...process.argv.slice(2)], {
  cwd: root,
  env: { ...env, MUNJIGI_CHECKS: `${passed},${failed}` },
  stdio: 'inherit',
});
process.exitCode = tests.status === 0 && failed === 0 ? 0 : 1;
