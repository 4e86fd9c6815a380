// `munjigi tsdb bench write`: how fast this machine takes samples in, with what memory, as promtool measures its own store.
import { EnvError, type Env } from '@munjigi/env';
import { nodeEnv, processStats, stdout } from '@munjigi/env/node';
import { labelsFrom, labelsFromObject, labelsKey, type Labels } from '@munjigi/model';
import { openDb, type Db } from '@munjigi/tsdb';
import { Failure, wholeNumber } from './failure.ts';
import { goBytes } from './go-format.ts';
import { newProgress } from './progress.ts';

export interface BenchOptions {
  readonly out: string;
  readonly metrics: string;
  readonly scrapes: string;
}

const SCRAPE_INTERVAL_MS = 30_000;
const BATCH = 1000;

/** `file`: one series a line as JSON, {"__name__":"up","job":"a"}; absent: as many are made up. */
export async function benchWrite(
  file: string | undefined,
  options: BenchOptions,
  env: Env = nodeEnv({ logLevel: 'error' }),
): Promise<number> {
  const metrics = wholeNumber('--metrics', options.metrics, 1);
  const scrapes = wholeNumber('--scrapes', options.scrapes, 1);
  const path = `${options.out}/storage`;
  if (env.files.stat(path) !== null) env.files.removeTree(path);
  env.files.makeDir(path);
  const stage = async <T>(name: string, work: () => Promise<T>): Promise<{ result: T; seconds: number }> => {
    stdout.write(`>> start stage=${name}\n`);
    const from = env.clock.monotonic();
    const result = await work();
    const seconds = (env.clock.monotonic() - from) / 1000;
    stdout.write(`>> completed stage=${name} duration=${seconds.toFixed(3)}s\n`);
    return { result, seconds };
  };

  const { result: labels } = await stage('readData', async () =>
    file === undefined ? madeUp(metrics) : readLabels(env, file, metrics),
  );
  const before = processStats();
  const db = await openDb(env, { path, retention_ms: 15 * 86_400_000 });
  const { result: total, seconds } = await stage('ingestScrapes', () => ingest(env, db, labels, scrapes));
  const after = processStats();
  const cpu = after.cpu_seconds - before.cpu_seconds;
  stdout.write(` > total samples: ${total}\n`);
  stdout.write(` > samples/sec: ${Math.round(total / seconds)}\n`);
  stdout.write(` > CPU a sample: ${((cpu / total) * 1e9).toFixed(0)} ns\n`);
  stdout.write(
    ` > resident memory: ${goBytes(after.rss_bytes)}, ${perSeries(after.rss_bytes - before.rss_bytes, labels.length)} more a series\n`,
  );
  await stage('stopStorage', () => db.close());
  return 0;
}

function perSeries(bytes: number, series: number): string {
  return `${Math.round(Math.max(0, bytes) / series)} B`;
}

async function ingest(env: Env, db: Db, labels: readonly Labels[], scrapes: number): Promise<number> {
  const progress = newProgress(env.clock, false);
  const refs = new Float64Array(labels.length);
  const t = new Float64Array(BATCH);
  const v = new Float64Array(BATCH);
  let total = 0;
  // Times end now: a store drops what lies beyond its retention.
  const first = env.clock.now() - scrapes * SCRAPE_INTERVAL_MS;
  try {
    for (let scrape = 0; scrape < scrapes; scrape++) {
      for (let from = 0; from < labels.length; from += BATCH) {
        const n = Math.min(BATCH, labels.length - from);
        const appender = db.appender();
        if (scrape === 0) for (let i = 0; i < n; i++) refs[from + i] = appender.series(labels[from + i]!);
        t.fill(first + scrape * SCRAPE_INTERVAL_MS, 0, n);
        v.fill(123_456_789 + 1000 * (scrape + 1), 0, n);
        appender.floats(refs.subarray(from, from + n), t, v, null, n);
        total += (await appender.commit()).accepted;
      }
      progress.at(`scrape ${scrape} of ${scrapes}`, scrape, scrapes);
      await env.clock.yield();
    }
  } finally {
    progress.end();
  }
  return total;
}

const CODES: readonly string[] = ['200', '204', '301', '400', '404', '500', '503'];

/** Series as a service has them: some names, some instances, codes and paths. */
function madeUp(count: number): Labels[] {
  return Array.from({ length: count }, (_, i) =>
    labelsFromObject({
      __name__: `http_requests_${i % 20}_total`,
      job: 'api',
      instance: `10.0.${(i >> 8) & 255}.${i & 255}:9100`,
      code: CODES[i % CODES.length]!,
      handler: `/api/v1/h${i}`,
    }),
  );
}

function readLabels(env: Env, file: string, most: number): Labels[] {
  let text: string;
  try {
    text = new TextDecoder().decode(env.files.readFile(file));
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    throw new Failure(`${file}: cannot be read: ${error.message}`);
  }
  const found = new Map<string, Labels>();
  text.split('\n').some((line, i) => {
    if (line.trim() !== '') {
      const labels = labelsOfLine(line, `${file}:${i + 1}`);
      found.set(labelsKey(labels), labels);
    }
    return found.size >= most;
  });
  if (found.size === 0) throw new Failure(`${file}: there are no series in it`);
  return [...found.values()];
}

function labelsOfLine(line: string, place: string): Labels {
  try {
    return labelsFrom(
      Object.entries(JSON.parse(line) as Record<string, unknown>).map(([n, v]) => [n, String(v)]),
    );
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Failure(`${place}: wants a series as JSON, {"__name__":"up"}: ${error.message}`);
  }
}
