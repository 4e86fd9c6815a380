// Prometheus 3.16 and the driver of its storage, built from the Go module proxy in a module of their own.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { which, type Cached } from '../peers.ts';
import type { Progress } from '../progress.ts';
import type { Prepared } from './run.ts';
import { lastWords, runTool, stampIs, writeStamp } from './tool.ts';

/** Prometheus 3.16.0 as a Go module. */
const VERSION = 'v0.316.0';
const MODULE = 'github.com/prometheus/prometheus';
const SOURCES = fileURLToPath(new URL('../../compat/tsdb-interop/peer', import.meta.url));
/** Leaves out the discovery of clouds: 2 minutes instead of 8, and some of their modules can't be had everywhere. */
const TAGS = 'remove_all_sd';

interface Program {
  readonly name: Cached;
  readonly target: string;
  /** Our own sources are part of it. */
  readonly own: boolean;
}

const PROGRAMS: readonly Program[] = [
  { name: 'tsdb-peer', target: '.', own: true },
  { name: 'prometheus-3.16', target: `${MODULE}/cmd/prometheus`, own: false },
  { name: 'promtool-3.16', target: `${MODULE}/cmd/promtool`, own: false },
];

/** One after the other: each takes both cores. */
export async function* prepareGo(dir: string, progress: Progress): AsyncGenerator<Prepared> {
  const go = which('go');
  const version =
    go === null ? '' : (await runTool(progress, 'asking Go for its version', go, ['version'])).output.trim();
  let ready: string | null = null;
  for (const { name, target, own } of PROGRAMS) {
    const path = join(dir, 'bin', name);
    const stamp = `${VERSION} ${TAGS} ${own ? digestSources() : ''}\n`;
    if (existsSync(path) && stampIs(path, stamp)) {
      yield { name, state: 'current', detail: path };
      continue;
    }
    if (go === null) {
      yield {
        name,
        state: 'missing',
        detail: 'needs Go 1.26 or newer: apt-get install golang, or https://go.dev/dl',
      };
      continue;
    }
    ready ??= await prepareModule(dir, go, progress);
    if (ready !== '') {
      yield { name, state: 'missing', detail: `${version}: ${ready}` };
      continue;
    }
    const built = await runTool(
      progress,
      `building ${name}, up to some minutes`,
      go,
      [
        'build',
        '-trimpath',
        `-tags=${TAGS}`,
        `-ldflags=-X github.com/prometheus/common/version.Version=3.16.0`,
        '-o',
        `${path}.new`,
        target,
      ],
      { cwd: join(dir, 'go') },
    );
    if (!built.ok) {
      yield { name, state: 'missing', detail: `go build failed: ${lastWords(built.output)}` };
      continue;
    }
    renameSync(`${path}.new`, path);
    writeStamp(path, stamp);
    yield { name, state: 'made', detail: path };
  }
}

/** The module's folder, with all that it needs downloaded. '' or what went wrong. */
async function prepareModule(dir: string, go: string, progress: Progress): Promise<string> {
  const folder = join(dir, 'go');
  mkdirSync(folder, { recursive: true });
  for (const file of sourceFiles()) copyFileSync(join(SOURCES, file), join(folder, file));
  writeFileSync(join(folder, 'go.mod'), `module tsdb-peer\n\ngo 1.25\n\nrequire ${MODULE} ${VERSION}\n`);
  // -e: modules that only tests of dependencies want may be missing.
  const tidy = await runTool(progress, 'fetching Go modules', go, ['mod', 'tidy', '-e'], { cwd: folder });
  return tidy.ok ? '' : `go mod tidy failed: ${lastWords(tidy.output)}`;
}

function sourceFiles(): string[] {
  return readdirSync(SOURCES)
    .filter((name) => name.endsWith('.go'))
    .sort();
}

function digestSources(): string {
  const hash = createHash('sha256');
  for (const file of sourceFiles()) hash.update(`${file}\0`).update(readFileSync(join(SOURCES, file)));
  return hash.digest('hex');
}
