// What selects, label queries and sweeps cost at a million series, and how long they keep the thread of the head from anything else: beside
// each question a loop in the same thread takes turn after turn, and the longest time between two of its turns is what matters to scrapes.
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import type { Clock } from '../packages/env/src/index.ts';
import { nodeEnv } from '../packages/env/src/node/index.ts';
import {
  labelsFromObject,
  type LabelQuery,
  type Matcher,
  type Querier,
} from '../packages/model/src/index.ts';
import { openMemoryHead, type Head } from '../packages/tsdb/src/index.ts';

const SERIES = 1_000_000;
const RUNS = 3;
const HELD_GOAL_MS = 10;
/** The product gives the head's thread a small space for new objects, so that collections of garbage are short: MiB, one half of it. */
const NEW_SPACE = '--max-semi-space-size=4';
const RETENTION_MS = 3_600_000;
const SAMPLES_OF_A_COMMIT = 10_000;

export const usage: string = `npm run bench -- select [--series N]
Selects, label queries, the status page and sweeps over the head: how long each takes, and how long it holds its thread.
  --series N     series in the head (default ${SERIES})
example: npm run bench -- select --series 100000`;

type Question = readonly [name: string, ask: (q: Querier, head: Head) => Promise<number>];

const matcher = (name: string, op: Matcher['op'], value: string): Matcher => ({ name, op, value });
const select = (...matchers: Matcher[]): Question[1] => {
  return async (q) => (await q.select(-Infinity, Infinity, matchers)).count;
};
const labels = (q: Partial<LabelQuery>): LabelQuery => ({
  mint: -Infinity,
  maxt: Infinity,
  matchers: [],
  limit: 0,
  ...q,
});
const METRIC = matcher('__name__', '=', 'requests_7_total');

const QUESTIONS: readonly Question[] = [
  ['one series: {pod="pod-7"}', select(matcher('pod', '=', 'pod-0000007'))],
  ['one metric: name =', select(METRIC)],
  ['one metric, one instance', select(METRIC, matcher('instance', '=', '10.0.0.7:9100'))],
  ['one metric, code!="200"', select(METRIC, matcher('code', '!=', '200'))],
  ['one metric, path!~"/x/[1-4].*"', select(METRIC, matcher('path', '!~', '/x/[1-4].*'))],
  ['prefix: name =~ "requests_1.*"', select(matcher('__name__', '=~', 'requests_1.*'))],
  ['unique: pod =~ "pod-00.*7"', select(matcher('pod', '=~', 'pod-00.*7'))],
  [
    'set: name =~ "requests_1_total|..."',
    select(matcher('__name__', '=~', 'requests_1_total|requests_2_total|requests_3_total')),
  ],
  ['negative alone: code!~"2.."', select(matcher('code', '!~', '2..'))],
  ['everything', select()],
  [
    'everything, limit 10',
    async (q) => (await q.select(-Infinity, Infinity, [], { limit: 10, labelsOnly: true })).count,
  ],
  ['label names', async (q) => (await q.labelNames(labels({}))).names.length],
  ['label values: pod', async (q) => (await q.labelValues('pod', labels({}))).values.length],
  [
    'label values: pod, limit 100',
    async (q) => (await q.labelValues('pod', labels({ limit: 100 }))).values.length,
  ],
  [
    'label values: pod of one metric',
    async (q) => (await q.labelValues('pod', labels({ matchers: [[METRIC]] }))).values.length,
  ],
  ['status page', async (_, head) => (await head.tsdbStatus(10)).numSeries],
];

/** `--series N`: fewer while developing. */
export async function main(args: string[]): Promise<number> {
  if (!process.execArgv.includes(NEW_SPACE)) {
    const again = [NEW_SPACE, ...process.argv.slice(1)];
    return spawnSync(process.execPath, again, { stdio: 'inherit' }).status ?? 1;
  }
  const at = args.indexOf('--series');
  const series = at < 0 ? SERIES : Number(args[at + 1]);
  if (!Number.isInteger(series) || series < 1000) {
    console.error(`${usage}\n--series needs a number from 1000 on`);
    return 2;
  }
  const { clock } = nodeEnv({ logLevel: 'warn' });
  const head = openMemoryHead({ clock }, { retention_ms: RETENTION_MS, sweepInterval_ms: 86_400_000 });
  const fill = await timed(clock, () => fillHead(head, series));
  console.log(
    `${series} series of 8 labels filled in ${Math.round(fill.took_ms / 1000)} s, ${cpus().length} cores; ` +
      `${RUNS} runs each, the slowest; goal: the thread is held ${HELD_GOAL_MS} ms at most`,
  );
  console.log(`${''.padEnd(38)}  answers   took, ms   held, ms   of that on the CPU`);
  let worst = 0;
  const say = (name: string, answers: number, { took_ms, held_ms, held_cpu_ms }: Times): void => {
    worst = Math.max(worst, held_ms);
    const [took, held, cpu] = [took_ms, held_ms, held_cpu_ms].map((ms) => ms.toFixed(1).padStart(10));
    console.log(`${name.padEnd(38)} ${String(answers).padStart(8)} ${took} ${held} ${cpu}`);
  };
  for (const [name, ask] of QUESTIONS) {
    const slowest: Times = { took_ms: 0, held_ms: 0, held_cpu_ms: 0 };
    let answers = 0;
    for (let run = 0; run < RUNS; run++) {
      const querier = head.querier();
      const t = await timed(clock, () => ask(querier, head));
      querier.close();
      slowest.took_ms = Math.max(slowest.took_ms, t.took_ms);
      slowest.held_ms = Math.max(slowest.held_ms, t.held_ms);
      slowest.held_cpu_ms = Math.max(slowest.held_cpu_ms, t.held_cpu_ms);
      answers = t.answer;
    }
    say(name, answers, slowest);
  }
  // One of ten series gets too old; then most of those that are left, and with them most of the symbols.
  for (const [name, dying, t_ms] of [
    ['nothing goes', 0, 0.5 * RETENTION_MS],
    ['a tenth of the series goes', Math.floor(series / 10), 2 * RETENTION_MS],
    ['most go, symbols are renumbered', Math.floor(0.8 * series), 4 * RETENTION_MS],
  ] as const) {
    await writeAll(head, dying, series, t_ms);
    const before = head.stats().series;
    const sweep = await timed(clock, () => head.sweep());
    say(`sweep: ${name}`, before - head.stats().series, sweep);
  }
  await head.close();
  console.log(
    `held ${worst.toFixed(1)} ms at most; goal ${HELD_GOAL_MS} ms: ${worst <= HELD_GOAL_MS ? 'met' : 'missed'}`,
  );
  return worst <= HELD_GOAL_MS ? 0 : 1;
}

interface Times {
  took_ms: number;
  /** The longest that a loop beside it waited for its turn, by the clock and in time on the CPU: on a busy machine the clock goes on. */
  held_ms: number;
  held_cpu_ms: number;
}

async function timed<T>(clock: Clock, work: () => Promise<T>): Promise<Times & { answer: T }> {
  const beside = { done: false, held_ms: 0, held_cpu_ms: 0 };
  const watching = watch(clock, beside);
  await clock.yield();
  const start = clock.monotonic();
  const answer = await work();
  const took_ms = clock.monotonic() - start;
  beside.done = true;
  await watching;
  return { answer, took_ms, held_ms: beside.held_ms, held_cpu_ms: beside.held_cpu_ms };
}

/** Takes turn after turn. */
async function watch(
  clock: Clock,
  seen: { readonly done: boolean; held_ms: number; held_cpu_ms: number },
): Promise<void> {
  while (!seen.done) {
    const start = clock.monotonic();
    const cpu = cpu_ms();
    await clock.yield();
    seen.held_ms = Math.max(seen.held_ms, clock.monotonic() - start);
    seen.held_cpu_ms = Math.max(seen.held_cpu_ms, cpu_ms() - cpu);
  }
}

/** Of this thread. */
function cpu_ms(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

async function fillHead(head: Head, series: number): Promise<void> {
  await writeAll(head, 0, series, 0);
}

/** One sample each of series [from, to). */
async function writeAll(head: Head, from: number, to: number, t_ms: number): Promise<void> {
  for (let first = from; first < to; first += SAMPLES_OF_A_COMMIT) {
    const n = Math.min(SAMPLES_OF_A_COMMIT, to - first);
    const appender = head.appender();
    const refs = Float64Array.from({ length: n }, (_, k) => appender.series(labelsOf(first + k)));
    appender.floats(refs, new Float64Array(n).fill(t_ms), new Float64Array(n).fill(1), null, n);
    await appender.commit();
  }
}

function labelsOf(i: number): ReturnType<typeof labelsFromObject> {
  return labelsFromObject({
    __name__: `requests_${i % 100}_total`,
    job: `job-${i % 13}`,
    instance: `10.0.${(i >> 8) & 15}.${i & 255}:9100`,
    pod: `pod-${String((i * 7_919) % 10_000_000).padStart(7, '0')}`,
    code: String(200 + 100 * (Math.floor(i / 100) % 4)),
    path: `/x/${i % 97}`,
    cluster: 'eu-1',
    method: i % 2 === 0 ? 'GET' : 'POST',
  });
}
