// Numbers of the README: node packages/tsdb/src/head.bench.ts [series] [samples a series]
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEnv } from '@munjigi/env/node';
import { labelsFromObject, newColumn, type Selection } from '@munjigi/model';
import { openChunkReader, openHead, type Head } from './index.ts';

const SERIES = Number(process.argv[2] ?? 100_000);
const SAMPLES = Number(process.argv[3] ?? 120);
const ROUNDS = 5;

const dir = mkdtempSync(join(tmpdir(), 'munjigi-head-'));
try {
  await bench();
} finally {
  rmSync(dir, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  let head = await openHead(nodeEnv(), { path: dir });
  await fill(head);
  const { bytes } = head.stats();
  say('bytes a series: columns', bytes.columns / SERIES, 'B');
  say('bytes a series: postings', bytes.postings / SERIES, 'B');
  say('bytes a series: symbols', bytes.symbols / SERIES, 'B');
  say('bytes a sample: chunk slots', bytes.chunks / SERIES / SAMPLES, 'B');
  await read(head);
  await head.close();
  head = await openHead(nodeEnv(), { path: dir });
  const { samples, duration_ms, bytes: log } = head.walReplay();
  say('log, a sample', log / samples, 'B');
  say('replay, a sample', (duration_ms * 1e6) / samples, 'ns');
  await head.close();
}

/** Counters that rise by up to 99 in each of them, scraped every 15 s: one commit a scrape of all. */
async function fill(head: Head): Promise<void> {
  const labels = Array.from({ length: SERIES }, (_, i) =>
    labelsFromObject({
      __name__: `http_requests_${i % 50}_total`,
      job: 'api',
      instance: `10.0.${i >> 8}.${i & 255}:9090`,
      code: String(200 + (i % 5)),
      path: `/x/${i % 100}`,
      env: 'prod',
      cluster: 'eu-1',
      method: (i & 1) === 1 ? 'GET' : 'POST',
    }),
  );
  let appender = head.appender();
  const create = performance.now();
  const refs = Float64Array.from(labels, (l) => appender.series(l));
  say('a new series', ((performance.now() - create) * 1e6) / SERIES, 'ns');
  const t = new Float64Array(SERIES);
  const v = new Float64Array(SERIES);
  let best = Infinity;
  let total = 0;
  for (let k = 0; k < SAMPLES; k++) {
    if (k > 0) appender = head.appender();
    t.fill(1.7e12 + k * 15_000);
    for (let i = 0; i < SERIES; i++) v[i]! += (i * 7919 + k * 104_729) % 100;
    const start = performance.now();
    appender.floats(refs, t, v, null, SERIES);
    await appender.commit();
    const ns = ((performance.now() - start) * 1e6) / SERIES;
    best = Math.min(best, ns);
    if (k > 0) total += ns;
  }
  say('append, judge, log and publish, a sample: best scrape', best, 'ns');
  say('the same: mean', total / (SAMPLES - 1), 'ns');
}

async function read(head: Head): Promise<void> {
  const querier = head.querier();
  const reader = openChunkReader(nodeEnv().files);
  const column = newColumn();
  let select = Infinity;
  let decode = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    let start = performance.now();
    const s: Selection = await querier.select(0, 1e15, [{ name: 'job', op: '=', value: 'api' }]);
    select = Math.min(select, performance.now() - start);
    await reader.load(s, 0, s.count);
    start = performance.now();
    for (let i = 0; i < s.count; i++) reader.series(s, i, 0, 1e15, column);
    decode = Math.min(decode, performance.now() - start);
  }
  querier.close();
  say('select, a series', (select * 1e6) / SERIES, 'ns');
  say('ChunkReader.series, a sample', (decode * 1e6) / SERIES / SAMPLES, 'ns');
}

function say(what: string, value: number, unit: string): void {
  console.log(`${what}: ${value.toFixed(value < 10 ? 2 : 0)} ${unit}`);
}
