// The HTTP API beside a real Prometheus (Debian's 2.42) over the same samples: each answer must be the same, byte for byte. Wording and
// windows that Prometheus 3 changed are left out.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApi } from '../packages/api/src/index.ts';
import { fakeDeps } from '../packages/api/src/testing/fake-deps.ts';
import { nodeEnv } from '../packages/env/src/node/index.ts';
import { labelsFromObject } from '../packages/model/src/index.ts';
import { createQueryPool, QUERY_POOL_DEFAULTS, serveStorage } from '../packages/query/src/index.ts';
import { openHead } from '../packages/tsdb/src/index.ts';
import { which } from '../tools/peers.ts';
import { eventually, freePort, temporaryFolder } from './program.ts';

const prometheus = which('prometheus');
const env = nodeEnv({ logWrite: () => {} });
const SAMPLES = 240;
const END_S = Math.floor(Date.now() / 60_000) * 60 - 60;
const START_S = END_S - 3600;

const SERIES: readonly Readonly<Record<string, string>>[] = [
  { __name__: 'up', job: 'a', instance: 'i1' },
  { __name__: 'up', job: 'b', instance: 'i2' },
  { __name__: 'http_requests_total', job: 'a', code: '200', path: '/\u00e9"\\\n' },
  { __name__: 'http_requests_total', job: 'b', code: '500' },
  { __name__: 'h_bucket', le: '0.1', job: 'a' },
  { __name__: 'h_bucket', le: '1', job: 'a' },
  { __name__: 'h_bucket', le: '+Inf', job: 'a' },
  { __name__: 'g', job: 'a' },
];

/** Sample k of series i: constants, counters, and numbers of all sizes. */
function valueAt(i: number, k: number): number {
  if (i < 2) return 1;
  return i === 7 ? Math.sin(k / 10) * 1e-7 * (k % 50 === 0 ? 1e30 : 1) : k * (i + 1) + (k % 3);
}

let ours = 0;
let theirs = 0;
let peer: ChildProcess | null = null;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  if (prometheus === null) return;
  const folder = temporaryFolder();
  closing.push(async () => folder.remove());
  const path = join(folder.path, 'ours');
  const writing = await openHead(env, { path });
  const refs = new Float64Array(SERIES.length);
  for (let k = 0; k < SAMPLES; k++) {
    const appender = writing.appender();
    if (k === 0)
      for (const [i, labels] of SERIES.entries()) refs[i] = appender.series(labelsFromObject(labels));
    const t = new Float64Array(SERIES.length).fill(START_S * 1000 + k * 15_000 + 1234);
    const v = Float64Array.from(SERIES, (_, i) => valueAt(i, k));
    appender.floats(refs, t, v, null, SERIES.length);
    const { accepted } = await appender.commit();
    if (accepted !== SERIES.length) throw new Error(`${accepted} of ${SERIES.length} samples were taken`);
  }
  await writing.close();
  mkdirSync(join(folder.path, 'peer'));
  cpSync(join(path, 'wal'), join(folder.path, 'peer', 'wal'), { recursive: true });
  theirs = await startPrometheus(prometheus, folder.path);

  const head = await openHead(env, { path });
  closing.push(() => head.close());
  const pool = createQueryPool(env, QUERY_POOL_DEFAULTS, () => {
    const [here, there] = env.workers.channel();
    serveStorage(here, head);
    return there;
  });
  closing.push(() => pool.close());
  const api = createApi(fakeDeps({ query: pool, clock: env.clock }));
  const listener = await env.http.serve({ host: '127.0.0.1', port: 0 }, api);
  closing.push(() => listener.close());
  ours = listener.port;
});

afterAll(async () => {
  for (const close of closing.reverse()) await close();
  if (peer === null) return;
  peer.kill('SIGKILL');
  await once(peer, 'close');
});

async function startPrometheus(program: string, folder: string): Promise<number> {
  const port = await freePort();
  writeFileSync(join(folder, 'prometheus.yml'), 'global: {}\n');
  peer = spawn(
    program,
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'peer')}`,
      '--storage.tsdb.min-block-duration=24h',
      '--storage.tsdb.max-block-duration=24h',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  );
  await eventually(
    async () => (await fetch(`http://127.0.0.1:${port}/-/ready`)).status,
    (status) => status === 200,
  );
  return port;
}

async function answer(port: number, target: string): Promise<[number, string]> {
  const response = await fetch(`http://127.0.0.1:${port}${target}`);
  return [response.status, await response.text()];
}

const QUERIES: readonly string[] = [
  'up',
  'http_requests_total',
  'g[1m]',
  '1',
  '"x"',
  'sum by (job) (rate(http_requests_total[5m]))',
  'histogram_quantile(0.9, rate(h_bucket[5m]))',
  'topk(2, http_requests_total)',
  'sort_desc(h_bucket)',
  'count_values("v", up)',
  'absent(nope{a="b"})',
  'vector(1.5e-9)',
  'vector(123456789012345678901234567890)',
  'up{job="a"} + on () up{job="b"}',
  'nope',
];
const RANGES: readonly (readonly [query: string, step: string])[] = [
  ['g', '60'],
  ['rate(http_requests_total[5m]) * 1e30', '37'],
  ['1/0', '30.5'],
  ['time()', '0.5'],
  ['-up', '10m'],
];
/** But for the empty one, whose place 2.42 says otherwise than 3.16. */
const REFUSED: readonly string[] = [
  'up{',
  'sum(',
  'rate(up)',
  'foo bar',
  'up + on(job) group_left up{job="a"} and',
  'up == bool',
  'up[5m',
  'nofunc(up)',
  'count(up, up)',
];
const OTHER: readonly string[] = [
  '/api/v1/labels',
  '/api/v1/labels?match[]=up',
  '/api/v1/labels?start=1&end=2',
  '/api/v1/label/job/values',
  '/api/v1/label/__name__/values',
  '/api/v1/label/nope/values',
  '/api/v1/label/job/values?match[]=http_requests_total{code="500"}',
  '/api/v1/label/job/values?start=1&end=2',
  '/api/v1/series?match[]=up',
  '/api/v1/series?match[]=up&match[]={job="a"}',
  '/api/v1/series?match[]={__name__=~".%2B"}',
  '/api/v1/series?match[]=up&start=1&end=2',
  '/api/v1/series',
  '/api/v1/series?match[]={}',
  '/api/v1/series?match[]={',
  '/api/v1/metadata',
  '/api/v1/metadata?limit=x',
  '/api/v1/query_exemplars?query=up',
  '/api/v1/format_query?query=sum(up)by(a)',
  '/api/v1/format_query?query=(',
  '/api/v1/query?query=up&timeout=x',
  '/api/v1/query_range?query=up',
  '/api/v1/query_range?query=up&start=2&end=1&step=1',
  '/api/v1/query_range?query=up&start=0&end=1&step=0',
  '/api/v1/query_range?query=up&start=0&end=1&step=abc',
  '/api/v1/query_range?query=up&start=0&end=1&step=1e300',
  '/api/v1/query_range?query=up&start=0&end=100000&step=1',
  '/federate?match[]=up&match[]={job="b"}',
];

const encoded = encodeURIComponent;
const TARGETS: readonly string[] = [
  ...[...QUERIES, ...REFUSED].map((query) => `/api/v1/query?query=${encoded(query)}&time=${END_S}`),
  ...RANGES.map(
    ([query, step]) =>
      `/api/v1/query_range?query=${encoded(query)}&start=${START_S + 600}&end=${START_S + 900}&step=${step}`,
  ),
  ...OTHER,
];

test.skipIf(prometheus === null).for(TARGETS.map((target) => [target]))('%s', async ([target]) => {
  expect(await answer(ours, target!)).toEqual(await answer(theirs, target!));
});
