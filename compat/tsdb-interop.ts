// The store's files and Prometheus 3.16, both ways: what one wrote the other finds, bit for bit, after a clean stop and after a kill.
import { cachedPeer } from '../tools/peers.ts';
import type { Progress } from '../tools/progress.ts';
import type { SuiteResult } from './run.ts';
import { CASES } from './tsdb-interop/cases.ts';
import { runCases } from './tsdb-interop/runner.ts';

export const usage: string = `npm run compat -- tsdb-interop [PART OF A NAME]
The store's files and Prometheus 3.16 (npm run peers prepares it), both ways.
example: npm run compat -- tsdb-interop 'out-of-order'
cases:
  ${CASES.map(({ name }) => name).join('\n  ')}`;

/** What is missing, in a line; null: nothing. */
export function missingPeer(): string | null {
  const missing = (['prometheus-3.16', 'promtool-3.16', 'tsdb-peer'] as const).filter(
    (name) => cachedPeer(name) === null,
  );
  return missing.length === 0 ? null : `${missing.join(', ')} not in the cache of peers: npm run peers`;
}

export function run(_: string, progress: Progress, args: readonly string[]): Promise<SuiteResult> {
  return runCases(
    {
      prometheus: cachedPeer('prometheus-3.16')!,
      promtool: cachedPeer('promtool-3.16')!,
      tsdbPeer: cachedPeer('tsdb-peer'),
      modern: true,
    },
    progress,
    args[0] ?? '',
  );
}
