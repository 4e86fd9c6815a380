// `munjigi promql explain`: the plan of an expression as a tree; over a data folder with what each part reads and costs.
import type { Command } from 'commander';
import type { Clock, Env } from '@munjigi/env';
import { nodeEnv } from '@munjigi/env/node';
import { newColumn, SymbolReader, type ChunkReader, type Querier } from '@munjigi/model';
import {
  execute,
  explainPlan,
  fragmentRange,
  newBudget,
  parse,
  plan,
  printExplained,
  QueryError,
  runFragment,
  type Budget,
  type Detail,
  type Explained,
  type Expr,
  type Fragment,
  type FragmentPartial,
  type NodeObserver,
  type Plan,
  type PlanNode,
} from '@munjigi/promql';
import { withDataFolder, type DataFolder } from './promql-folder.ts';
import { parseErrorText, pointedError } from './promql-error.ts';
import {
  rangeTimes,
  readStep,
  readTime,
  TIME_HELP,
  type RangeOptions,
  type Times,
} from './promql-query-times.ts';
import { Failure, runCommand } from './tsdb/failure.ts';
import { newPrinter, type Printer } from './tsdb/output.ts';
import { newProgress } from './tsdb/progress.ts';

interface ExplainOptions extends RangeOptions {
  readonly time?: string;
  readonly data?: string;
  readonly analyze?: boolean;
  readonly lookbackDelta?: string;
  readonly output: string;
}

/** Adds `explain` to `promql`; `done` gets the exit code of the command that ran. `example` makes the text below a help. */
export function registerPromqlExplain(
  promql: Command,
  done: (code: number) => void,
  example: (...lines: string[]) => string,
): void {
  promql
    .command('explain')
    .description(
      'show how an expression is evaluated; over a data folder also what each part reads and costs',
    )
    .argument('<expr>', 'a PromQL expression')
    .option('-t, --time <time>', `of an instant query: ${TIME_HELP} (default: now)`)
    .option('--start <time>', 'first time of a range query')
    .option('--end <time>', 'last time of a range query (default: now)')
    .option('--step <duration>', 'time between points (default: some 240 points)')
    .option('-d, --data <dir>', 'a data folder: count the series and samples that each selector has there')
    .option('--analyze', 'evaluate it, and tell the time that each part takes')
    .option('--lookback-delta <duration>', 'how far back a selector looks', '5m')
    .option('-o, --output <format>', 'tree, json', 'tree')
    .addHelpText(
      'after',
      example(
        "munjigi promql explain 'sum by (job) (rate(http_requests_total[5m]))' --start -6h",
        "munjigi promql explain 'topk(3, up)' --data /var/lib/prometheus --analyze",
      ),
    )
    .action(async (expr: string, options: ExplainOptions) =>
      done(await runCommand('promql explain', () => explain(nodeEnv({ logLevel: 'error' }), expr, options))),
    );
}

/** What was found and measured, by fragment and by node. */
interface Costs {
  readonly fragments: ReadonlyMap<number, FragmentCost>;
  readonly nodes: ReadonlyMap<PlanNode, OwnCost>;
}

interface FragmentCost {
  series: number;
  samples: number;
  /** Of select, decoding and the window function together, where that was run ahead of the nodes. */
  took_ms: number;
}

interface OwnCost {
  /** Without the nodes below. */
  readonly took_ms: number;
  readonly rows: number;
  readonly bytes: number;
}

const NOTHING: Costs = { fragments: new Map(), nodes: new Map() };

async function explain(env: Env, text: string, options: ExplainOptions): Promise<number> {
  if (options.output !== 'tree' && options.output !== 'json')
    throw new Failure(`--output: wants tree or json, got ${JSON.stringify(options.output)}`, 2);
  if (options.analyze === true && options.data === undefined)
    throw new Failure('--analyze wants a data folder to evaluate over: name it with --data', 2);
  const lookback_ms = readStep('--lookback-delta', options.lookbackDelta ?? '5m');
  const parsed = parse(text);
  if ('errors' in parsed)
    throw new Failure(
      parsed.errors
        .map((e) => parseErrorText(text, e))
        .join('')
        .trimEnd(),
      2,
    );
  try {
    if (options.data === undefined) {
      const planned = planAt(text, parsed.expr, timesOf(options, env.clock.now()), lookback_ms);
      print(text, planned, NOTHING, options.output);
      return 0;
    }
    await withDataFolder(env, options.data, async (folder) => {
      const planned = planAt(text, parsed.expr, timesOf(options, folder.now_ms), lookback_ms);
      const costs =
        options.analyze === true
          ? await analyze(env.clock, planned, folder)
          : await count(env.clock, planned, folder);
      print(text, planned, costs, options.output);
    });
    return 0;
  } catch (error) {
    if (error instanceof QueryError) throw new Failure(pointedError(text, error.message));
    throw error;
  }
}

function timesOf(o: ExplainOptions, now_ms: number): Times {
  if (o.start === undefined && o.end === undefined && o.step === undefined)
    return { kind: 'instant', time_ms: readTime('--time', o.time ?? 'now', now_ms) };
  if (o.time !== undefined)
    throw new Failure('--time is for an instant query, --start, --end and --step for a range', 2);
  return rangeTimes(o, now_ms);
}

function planAt(text: string, expr: Expr, times: Times, lookback_ms: number): Plan {
  return times.kind === 'range'
    ? plan(expr, { ...times, lookback_ms, text })
    : plan(expr, { start_ms: times.time_ms, end_ms: times.time_ms, step_ms: 0, lookback_ms, text });
}

/** Counts what the selectors have, without evaluating. */
async function count(clock: Clock, planned: Plan, folder: DataFolder): Promise<Costs> {
  const fragments = new Map<number, FragmentCost>();
  const querier = folder.storage.querier();
  const progress = newProgress(clock, false);
  const column = newColumn();
  try {
    for (const f of fragmentsIn(explainPlan(planned))) {
      const { mint, maxt } = fragmentRange(f);
      const s = await querier.select(mint, maxt, f.matchers);
      const cost: FragmentCost = { series: s.count, samples: 0, took_ms: 0 };
      for (let i = 0; i < s.count; i++) {
        if (i % BATCH === 0) {
          progress.at('reading samples', i, s.count);
          await folder.reader.load(s, i, Math.min(s.count, i + BATCH));
        }
        folder.reader.series(s, i, mint, maxt, column);
        cost.samples += column.n;
      }
      fragments.set(f.id, cost);
    }
  } finally {
    progress.end();
    querier.close();
  }
  return { fragments, nodes: new Map() };
}

/** Series whose bytes are brought near at once. */
const BATCH = 256;

function fragmentsIn(root: Explained): Fragment[] {
  const found = new Map<number, Fragment>();
  const visit = ({ node, inputs }: Explained): void => {
    if (node.kind === 'fragment') found.set(node.fragment.id, node.fragment);
    for (const { of } of inputs) visit(of);
  };
  visit(root);
  return [...found.values()];
}

/**
 * Evaluates and measures. Fragments that can start at once are run before everything else, one after the other: so the time of each is
 * its own, and that of a node is what it does itself.
 */
async function analyze(clock: Clock, planned: Plan, { storage, reader }: DataFolder): Promise<Costs> {
  const fragments = new Map<number, FragmentCost>();
  const ahead = new Map<Fragment, FragmentPartial>();
  const budget = newBudget();
  const querier = storage.querier();
  const { observe, nodes } = watch(clock);
  try {
    for (const f of planned.fragments) {
      const from = clock.monotonic();
      ahead.set(f, await runOne(f, querier, reader, budget, fragments));
      fragments.get(f.id)!.took_ms = clock.monotonic() - from;
    }
    const run = (f: Fragment): Promise<FragmentPartial> => {
      const known = ahead.get(f);
      return known === undefined ? runOne(f, querier, reader, budget, fragments) : Promise.resolve(known);
    };
    await execute(planned, { run, budget, observe });
  } finally {
    querier.close();
  }
  return { fragments, nodes };
}

async function runOne(
  f: Fragment,
  querier: Querier,
  reader: ChunkReader,
  budget: Budget,
  costs: Map<number, FragmentCost>,
): Promise<FragmentPartial> {
  const { mint, maxt } = fragmentRange(f);
  const s = await querier.select(mint, maxt, f.matchers);
  const partial = await runFragment(f, s, reader, budget, { symbols: new SymbolReader(s.symbols) });
  const cost = costs.get(f.id) ?? { series: 0, samples: 0, took_ms: 0 };
  cost.series += s.count;
  cost.samples += partial.samplesRead;
  costs.set(f.id, cost);
  return partial;
}

/** Nodes begin and end like brackets: a node's own time is its time without that of the nodes in between. */
function watch(clock: Clock): { observe: NodeObserver; nodes: Map<PlanNode, OwnCost> } {
  const nodes = new Map<PlanNode, OwnCost>();
  const below_ms: number[] = [0];
  return {
    nodes,
    observe: (node) => {
      const from = clock.monotonic();
      below_ms.push(0);
      return ({ rows, bytes }) => {
        const all = clock.monotonic() - from;
        const took_ms = Math.max(0, all - below_ms.pop()!);
        below_ms[below_ms.length - 1]! += all;
        nodes.set(node, { took_ms, rows, bytes });
      };
    },
  };
}

function print(text: string, planned: Plan, costs: Costs, output: string): void {
  const root = explainPlan(planned);
  const out: Printer = newPrinter();
  const told = new Set<number>();
  const costOf = (e: Explained): NodeNumbers => numbersOf(e.node, costs, told);
  if (output === 'json')
    out.line(JSON.stringify({ query: text, type: planned.type, plan: jsonOf(root, costOf) }, null, 2));
  else for (const line of printExplained(root, (e) => detailsOf(costOf(e)))) out.line(line);
  out.flush();
}

/** What is known of a node; absent: not asked for, or not of this node. */
interface NodeNumbers {
  series?: number;
  samples?: number;
  took_ms?: number;
  rows?: number;
  bytes?: number;
}

/** Of equal fragments the first one is told the time of reading: the others took none. */
function numbersOf(node: PlanNode, { fragments, nodes }: Costs, told: Set<number>): NodeNumbers {
  const numbers: NodeNumbers = { ...nodes.get(node) };
  if (!('fragment' in node)) return numbers;
  const read = fragments.get(node.fragment.id);
  if (read === undefined) return numbers;
  numbers.series = read.series;
  numbers.samples = read.samples;
  if (read.took_ms > 0 && !told.has(node.fragment.id))
    numbers.took_ms = (numbers.took_ms ?? 0) + read.took_ms;
  told.add(node.fragment.id);
  return numbers;
}

function detailsOf({ series, samples, took_ms, rows, bytes }: NodeNumbers): Detail[] {
  const details: Detail[] = [];
  if (series !== undefined)
    details.push(['found', `${counted(series, 'series', 'series')}, ${counted(samples!, 'sample')}`]);
  if (rows !== undefined) details.push(['gave', `${counted(rows, 'row')}, ${sizeText(bytes!)}`]);
  if (took_ms !== undefined) details.push(['took', `${took_ms.toFixed(took_ms < 10 ? 2 : 0)} ms`]);
  return details;
}

function counted(n: number, one: string, many: string = `${one}s`): string {
  return `${String(n).replace(/\B(?=(?:\d{3})+$)/g, ',')} ${n === 1 ? one : many}`;
}

function sizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kib = bytes / 1024;
  return kib < 1024 ? `${kib.toFixed(1)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}

function jsonOf(e: Explained, costOf: (e: Explained) => NodeNumbers): object {
  return {
    kind: e.node.kind,
    what: e.what,
    place: e.node.place,
    ...Object.fromEntries(e.details),
    ...costOf(e),
    inputs: e.inputs.map(({ as, of }) => ({ as, ...jsonOf(of, costOf) })),
  };
}
