// The public compliance queries of PromQL over one demo service's samples, asked of our engine and of a live Prometheus 3.16: range queries of
// several ranges and steps, answers equal to the last digit.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedPeer } from '../tools/peers.ts';
import type { Progress } from '../tools/progress.ts';
import { differences, onlyLastDigits } from './prometheus/difference.ts';
import { askEngine, askServer } from './prometheus/question.ts';
import { openOurs, startTwin, writeSeries } from './prometheus/twins.ts';
import { complianceQueries, type ComplianceQuery } from './promql-compliance/queries.ts';
import { DEMO, demoSeries } from './promql-compliance/samples.ts';
import type { SuiteResult } from './run.ts';

/** Queries that the templates make. Another number: the data or the variants are not what they should be. */
const QUERIES = 539;

const RANGES: readonly { readonly start_ms: number; readonly end_ms: number; readonly step_ms: number }[] = [
  { start_ms: DEMO.start_ms + 4_000_000, end_ms: DEMO.start_ms + 4_600_000, step_ms: 10_000 },
  { start_ms: DEMO.start_ms + 5_000_123, end_ms: DEMO.start_ms + 9_000_000, step_ms: 60_000 },
  { start_ms: DEMO.start_ms - 600_000, end_ms: DEMO.end_ms + 1_200_000, step_ms: 437_000 },
];

/** Written to fail for Prometheus 2: since 3 any UTF-8 text names a label. */
const TAKEN_SINCE_3: ReadonlySet<string> = new Set([
  'label_replace(demo_num_cpus, "~invalid", "", "src", "(.*)")',
  'label_join(demo_num_cpus, "~invalid", "-", "instance")',
]);

/** What is missing, in a line; null: nothing. */
export function missingPeer(): string | null {
  return cachedPeer('prometheus-3.16') === null
    ? 'prometheus-3.16 not in the cache of peers: npm run peers'
    : null;
}

export async function run(dataDir: string, progress: Progress): Promise<SuiteResult> {
  const file = join(dataDir, 'metrics/promql/compliance/promql-test-queries.yml');
  const queries = complianceQueries(file, readFileSync(file, 'utf8'));
  if (queries.length !== QUERIES)
    return { passed: 0, failures: [`${file} makes ${queries.length} queries, not ${QUERIES}`] };
  const root = mkdtempSync(join(tmpdir(), 'munjigi-compliance-'));
  const dir = join(root, 'data');
  const failures: string[] = [];
  try {
    progress.at('samples');
    await writeSeries(dir, demoSeries());
    const server = await startTwin(cachedPeer('prometheus-3.16')!, dir, 'server');
    const store = await openOurs(dir);
    try {
      for (const [i, query] of queries.entries()) {
        progress.at(query.query, i / queries.length);
        const failure = await compare(query, server.url, store.readable());
        if (failure !== null) failures.push(`${query.query}: ${failure}`);
      }
    } finally {
      await store.close();
      await server.stop();
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return { passed: queries.length - failures.length, failures };
}

/** null: the same answers. */
async function compare(
  { query, shouldFail }: ComplianceQuery,
  url: string,
  storage: Parameters<typeof askEngine>[0],
): Promise<string | null> {
  for (const range of RANGES) {
    const question = { query, ...range };
    const theirs = await askServer(url, question);
    const ours = await askEngine(storage, question);
    if ((theirs.error !== null) !== (shouldFail && !TAKEN_SINCE_3.has(query)))
      return `Prometheus itself says ${theirs.error ?? 'no error'}`;
    const found = differences(ours, theirs, false).filter((d) => !onlyLastDigits(d, query));
    if (found.length > 0)
      return `${range.start_ms}..${range.end_ms} step ${range.step_ms}: ${found[0]!.text} (${found.length} differences)`;
  }
  return null;
}
