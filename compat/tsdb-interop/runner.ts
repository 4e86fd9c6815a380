// Runs the cases with one version of Prometheus.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '../../tools/progress.ts';
import type { SuiteResult } from '../run.ts';
import type { Peers } from './acts.ts';
import { CASES, runCase, type Case } from './cases.ts';

/** The cases that this version can be asked. */
export function casesFor(peers: Peers): readonly Case[] {
  return CASES.filter(
    (one) => (one.driver !== true || peers.tsdbPeer !== null) && (one.modern !== true || peers.modern),
  );
}

/** Runs those whose name contains `part`, one after the other. */
export async function runCases(peers: Peers, progress: Progress, part: string): Promise<SuiteResult> {
  const dir = mkdtempSync(join(tmpdir(), 'munjigi-interop-'));
  const failures: string[] = [];
  let passed = 0;
  try {
    const cases = casesFor(peers).filter(({ name }) => name.includes(part));
    for (const [i, one] of cases.entries()) {
      const failure = await runCase(one, {
        peers,
        dir: join(dir, String(i)),
        say: (text) => progress.at(`${one.name}: ${text}`, i / cases.length),
      });
      progress.done(`${failure === null ? 'ok    ' : 'FAILED'} ${one.name}`);
      if (failure === null) passed++;
      else failures.push(`${one.name}: ${failure}`);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return { passed, failures };
}
