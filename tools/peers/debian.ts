// Programs that Debian has: found, or installed when that was asked for.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { which } from '../peers.ts';
import type { Progress } from '../progress.ts';
import type { Prepared } from './run.ts';
import { lastWords } from './tool.ts';

/** Program and package are named alike. */
const PROGRAMS: readonly string[] = ['prometheus', 'nginx', 'haproxy', 'wrk', 'chromium'];
/** Says whether a package may start a service of its own when it is installed. */
const POLICY = '/usr/sbin/policy-rc.d';

export function prepareDebian(install: boolean, progress: Progress): Prepared[] {
  const missing = PROGRAMS.filter((program) => which(program) === null);
  let why = `apt-get install ${missing.join(' ')} (or npm run peers -- --install as root)`;
  if (install && missing.length > 0) {
    if (process.getuid?.() === 0) why = installPackages(missing, progress) || why;
    else why = `--install needs root: sudo apt-get install ${missing.join(' ')}`;
  }
  return PROGRAMS.map((name) => {
    const path = which(name);
    if (path === null) return { name, state: 'missing', detail: why };
    return { name, state: missing.includes(name) ? 'made' : 'current', detail: path };
  });
}

/** '' or what apt-get said. */
function installPackages(packages: readonly string[], progress: Progress): string {
  const closed = !existsSync(POLICY);
  // A server on the port of a comparison would stand in its way.
  if (closed) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    for (const args of [
      ['update', '-q'],
      ['install', '-y', '-q', '--no-install-recommends', ...packages],
    ]) {
      progress.at(`apt-get ${args[0]}`);
      const done = spawnSync('apt-get', args, {
        encoding: 'utf8',
        env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
      });
      if (done.status !== 0) return `apt-get ${args[0]} failed: ${lastWords(`${done.stdout}${done.stderr}`)}`;
    }
    return '';
  } finally {
    if (closed) rmSync(POLICY, { force: true });
  }
}
