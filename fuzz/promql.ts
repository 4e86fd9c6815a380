// Random queries over random series, asked of our engine and of live Prometheus 3.16 servers. Answers, errors and annotations are equal to the
// last character; what the order of series alone changes is allowed only where the reference, given the same series in another order, changes
// too.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Prng } from '@munjigi/env/sim';
import { printExpr, typeOf, unwrap, walk, type Expr } from '@munjigi/promql';
import type { Readable } from '@munjigi/promql/memory-store';
import { differences, unexplained, type Difference } from '../compat/prometheus/difference.ts';
import { askEngine, askServer, type Answer, type Question } from '../compat/prometheus/question.ts';
import type { Server } from '../compat/prometheus/server.ts';
import { openOurs, startTwin, writeSeries, type SeriesData } from '../compat/prometheus/twins.ts';
import { readNumbers } from '../tools/arguments.ts';
import { cachedPeer } from '../tools/peers.ts';
import { newProgress, type Progress } from '../tools/progress.ts';
import { randomData } from './support/promql-data.ts';
import { minimised } from './support/promql-minimise.ts';
import { QueryMaker } from './support/promql-query.ts';

export const usage: string = `npm run fuzz -- promql [--seconds N] [--seed S] [--queries N] [--query I]
Random queries over random series against Prometheus 3.16 (npm run peers prepares it) for N seconds (60). What differs and is not explained
by the order of series is printed with its seed, made smaller, once of each sort.
  --seed         of the first data set; data sets count up from it (default: the time)
  --queries      a data set (2000)
  --query        only this one of the first data set
example: npm run fuzz -- promql --seconds 60`;

/** Differences of different sorts, after which it is enough. */
const ENOUGH = 40;

export async function main(args: string[]): Promise<number> {
  const options = readNumbers(args, {
    seconds: 60,
    seed: Date.now() % 2 ** 31,
    queries: 2000,
    query: 0,
  });
  if (typeof options === 'string') {
    console.error(`${options}\n${usage}`);
    return 2;
  }
  const program = cachedPeer('prometheus-3.16');
  if (program === null) {
    console.error('prometheus-3.16 not in the cache of peers: npm run peers');
    return 2;
  }
  const began = performance.now();
  const until = began + options.seconds * 1000;
  const tally = new Tally();
  const progress = newProgress();
  let { seed } = options;
  for (; performance.now() < until && tally.sorts.size < ENOUGH; seed++) {
    const only = options.query > 0 ? options.query : null;
    await round(program, seed, { until, queries: options.queries, only }, tally, progress);
    if (only !== null) break;
  }
  progress.done();
  tally.print(`seeds ${options.seed} to ${seed - 1} in ${Math.round((performance.now() - began) / 1000)} s`);
  return tally.differences === 0 ? 0 : 1;
}

class Tally {
  queries = 0;
  /** Both refuse, in the same words. */
  refused = 0;
  /** Equal, and there is something in it. */
  filled = 0;
  /** Different only as the reference itself differs with other orders of series. */
  unsteady = 0;
  differences = 0;
  /** Sort of difference -> how often. */
  readonly sorts = new Map<string, number>();

  print(what: string): void {
    for (const [sort, n] of this.sorts) console.log(`${String(n).padStart(5)} differ: ${sort}`);
    console.log(
      `${what}: ${this.queries} queries, ${this.filled} with values, ${this.refused} refused by both, ${this.unsteady} unsteady in the reference, ` +
        `${this.differences} differ`,
    );
  }
}

interface RoundOptions {
  readonly until: number;
  readonly queries: number;
  readonly only: number | null;
}

/** One data set. */
async function round(
  program: string,
  seed: number,
  o: RoundOptions,
  tally: Tally,
  progress: Progress,
): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'munjigi-fuzz-promql-'));
  const data = randomData(seed);
  progress.at(`seed ${seed}: ${data.series.length} series`);
  const reference = new Reference(program, root, seed, data.series);
  try {
    const dir = await reference.folder(0);
    const store = await openOurs(dir);
    try {
      for (let i = o.only ?? 1; i <= (o.only ?? o.queries) && performance.now() < o.until; i++) {
        const maker = new QueryMaker(new Prng(seed, `query ${i}`), data);
        const expr = maker.expr();
        const type = typeOf(expr);
        const question = maker.question(printExpr(expr), type === 'matrix' || type === 'string');
        progress.at(`seed ${seed}: ${tally.queries} queries, ${tally.differences} differ`);
        const failure = await judge(expr, question, { storage: store.readable(), reference }, tally);
        if (failure === null) continue;
        progress.done(`${failure}\nagain: npm run fuzz -- promql --seed ${seed} --query ${i}\n`);
        if (tally.sorts.size >= ENOUGH) break;
      }
    } finally {
      await store.close();
    }
  } finally {
    await reference.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

/** Servers over one data set, started when they are asked first: with and without delayed names, series in label order and shuffled. */
class Reference {
  readonly #program: string;
  readonly #root: string;
  readonly #seed: number;
  readonly #series: readonly SeriesData[];
  readonly #folders = new Map<number, Promise<string>>();
  readonly #servers = new Map<string, Promise<Server>>();

  constructor(program: string, root: string, seed: number, series: readonly SeriesData[]) {
    this.#program = program;
    this.#root = root;
    this.#seed = seed;
    this.#series = series;
  }

  /** The series in an order: 0 by labels, others at random. */
  folder(order: number): Promise<string> {
    let made = this.#folders.get(order);
    if (made === undefined) {
      const random = new Prng(this.#seed, `order ${order}`);
      const keys = this.#series.map(() => (order === 0 ? 0 : random.u32()));
      const series = this.#series.map((s, i) => ({ s, key: keys[i]! })).sort((a, b) => a.key - b.key);
      const dir = join(this.#root, `order-${order}`);
      made = writeSeries(
        dir,
        series.map(({ s }) => s),
      ).then(() => dir);
      this.#folders.set(order, made);
    }
    return made;
  }

  async ask(q: Question, order: number = 0): Promise<Answer> {
    const delayed = q.delayedNameRemoval === true;
    const key = `${order}-${delayed ? 'late' : 'soon'}`;
    let server = this.#servers.get(key);
    if (server === undefined) {
      const features = delayed ? ['promql-delayed-name-removal'] : [];
      server = this.folder(order).then((dir) => startTwin(this.#program, dir, key, features));
      this.#servers.set(key, server);
    }
    const started = await server;
    return askServer(started.url, q).catch((error: unknown) => {
      throw started.explain(error);
    });
  }

  async stop(): Promise<void> {
    for (const server of this.#servers.values()) await (await server).stop();
  }
}

interface Both {
  readonly storage: Readable;
  readonly reference: Reference;
}

/** Asks both. null: equal, explained, or of a sort that was told already; otherwise what differs, for people. */
async function judge(expr: Expr, question: Question, both: Both, tally: Tally): Promise<string | null> {
  tally.queries++;
  const ours = await askEngine(both.storage, question);
  const theirs = await both.reference.ask(question);
  const found = differences(ours, theirs, isOrdered(expr, question));
  if (found.length === 0) {
    if (ours.error !== null) tally.refused++;
    else if (ours.rows.length > 0) tally.filled++;
    return null;
  }
  const left = await withoutUnsteady(found, expr, question, ours, theirs, both.reference);
  if (left.length === 0) {
    tally.unsteady++;
    return null;
  }
  tally.differences++;
  const { kind } = left[0]!;
  const small = await minimised(expr, question, async (q) => {
    const mine = await askEngine(both.storage, q);
    const reply = await both.reference.ask(q);
    const still = differences(mine, reply, isOrdered(expr, q));
    return (
      still.some((d) => d.kind === kind) &&
      (await withoutUnsteady(still, expr, q, mine, reply, both.reference)).some((d) => d.kind === kind)
    );
  });
  const sort =
    kind === 'error' || kind === 'annotation'
      ? `${kind}: ${withoutNames(left[0]!.text)}`
      : `${kind}: ${wordsOf(small.expr, small.question)}`;
  const times = (tally.sorts.get(sort) ?? 0) + 1;
  tally.sorts.set(sort, times);
  return times > 1 ? null : describe(question, small.question, both);
}

async function withoutUnsteady(
  found: readonly Difference[],
  expr: Expr,
  q: Question,
  ours: Answer,
  theirs: Answer,
  reference: Reference,
): Promise<readonly Difference[]> {
  let left = found;
  const others: Answer[] = [];
  const digits = found.every(({ relative }) => relative <= LAST_DIGITS);
  for (const order of digits ? ORDERS : ORDERS.slice(0, FEW)) {
    others.push(await reference.ask(q, order));
    left = unexplained(found, ours, theirs, others, isOrdered(expr, q));
    if (left.length === 0) break;
  }
  return left;
}

/** The same order again, as the reference keeps some of its rows in maps, and others, several times over: last digits change rarely. */
const ORDERS: readonly number[] = Array.from({ length: 60 }, (_, i) => i % 3);
/** As many are enough for what does not concern last digits. */
const FEW = 24;
/** Those of variances of large numbers are not the last ones. */
const LAST_DIGITS = 1e-6;

function isOrdered(expr: Expr, q: Question): boolean {
  const e = unwrap(expr);
  return q.step_ms === 0 && e.kind === 'call' && e.func.startsWith('sort');
}

/** A message without what is particular to one query. */
function withoutNames(text: string): string {
  return text
    .replaceAll(/\{[^{}]*\}/g, '{}')
    .replaceAll(/\\?"\w*\\?"/g, '""')
    .replaceAll(/\d[\w.:+-]*|\+Inf/g, '0');
}

/** The functions and operators of a query, to tell sorts of differences apart. */
function wordsOf(expr: Expr, q: Question): string {
  const words = new Set<string>();
  walk(expr, (e) => {
    if (e.kind === 'call') words.add(e.func);
    else if (e.kind === 'aggregate' || e.kind === 'binary') words.add(e.op);
    else if (e.kind === 'subquery') words.add('[:]');
    else if (e.kind === 'vector' && e.name !== '') words.add(e.name.replace(/\d.*|_f$/, ''));
    if (e.kind === 'vector' && e.extended !== null) words.add(e.extended);
  });
  if (q.startTimestamps === true) words.add('start timestamps');
  if (q.delayedNameRemoval === true) words.add('delayed names');
  return [...words].join(' ');
}

async function describe(whole: Question, q: Question, both: Both): Promise<string> {
  const [ours, theirs] = [await askEngine(both.storage, q), await both.reference.ask(q)];
  const found = differences(ours, theirs, false);
  const shown = found.slice(0, 4).map(({ kind, text }) => `  ${kind} ${text}`);
  const more = found.length > shown.length ? [`  and ${found.length - shown.length} more`] : [];
  const { query, ...times } = q;
  return [query, `  ${JSON.stringify(times)}`, ...shown, ...more, `  from: ${whole.query}`].join('\n');
}
