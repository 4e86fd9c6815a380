// What comparisons need beside the checkout: peers from Debian, peers that `npm run peers` prepared in a cache folder, and the public
// conformance data.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Program, the Debian package that has it, and what is not tested without it. */
const PEERS: readonly (readonly [program: string, debian: string, without: string])[] = [
  ['chromium', 'chromium fonts-nanum', 'the browser test of the console'],
  ['prometheus', 'prometheus', 'the interoperation tests with a real Prometheus'],
];

/** The path of a program, or null. */
export function which(program: string): string | null {
  for (const dir of (process.env['PATH'] ?? '').split(delimiter))
    if (existsSync(join(dir, program))) return join(dir, program);
  return null;
}

/** One line for every peer that is missing, with the command that installs it. */
export function missingPeers(): string[] {
  return PEERS.filter(([program]) => which(program) === null).map(
    ([program, debian, without]) =>
      `${program} is not on this machine: ${without} will be skipped (apt-get install ${debian})`,
  );
}

/** The folder of public conformance data: $MUNJIGI_CONFORMANCE, or `shared/conformance` beside the checkout; null when there is none. */
export function conformanceDir(): string | null {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const dir = process.env['MUNJIGI_CONFORMANCE'] ?? resolve(root, '../shared/conformance');
  return existsSync(dir) ? dir : null;
}

/** What `npm run peers` puts into the cache. */
export type Cached = 'prometheus-3.16' | 'promtool-3.16' | 'tsdb-peer' | 'envoy';

/** The cache folder: $MUNJIGI_PEERS, or `~/.cache/munjigi/peers`. */
export function peersDir(): string {
  return resolve(process.env['MUNJIGI_PEERS'] ?? join(homedir(), '.cache/munjigi/peers'));
}

/** The path of a cached program; null: `npm run peers` has not made it. */
export function cachedPeer(name: Cached): string | null {
  const path = join(peersDir(), 'bin', name);
  return existsSync(path) ? path : null;
}
