// Runs test scripts against this engine, with everything that Prometheus' own runner tries beside what a script asks for.
import type { Appendable } from '@munjigi/model';
import { newBudget, type Limits } from '../fragment.ts';
import { QueryError } from '../query-error.ts';
import type { Result } from '../result.ts';
import { fixedInTime } from './at-times.ts';
import { compareAnnotations, compareResult, pointsAt, unsorted } from './compare.ts';
import { loadSeries } from './load.ts';
import { queryOnce, type QueryParams, type Readable } from '../memory/query-once.ts';
import {
  parseScript,
  SCRIPT_PARSER,
  type Command,
  type EvalCommand,
  type Expectation,
  type ScriptProblem,
  type Times,
} from './script.ts';
import { MemoryStore } from '../memory/store.ts';

/** A new, empty store for what a script loads. */
export interface TestStorage extends Appendable, Readable {
  close(): Promise<void>;
}

export interface ScriptOptions {
  /** Called at the beginning and at every `clear`. Default: a store in memory. */
  readonly newStorage?: () => Promise<TestStorage>;
  /** Settings of Prometheus that scripts are written for; all default to true. */
  readonly delayedNameRemoval?: boolean;
  readonly startTimestamps?: boolean;
}

export interface ScriptFailure {
  readonly line: number;
  readonly message: string;
}

export interface ScriptResult {
  /** Evaluations that gave what was expected, each with its repetitions. */
  readonly passed: number;
  /** Evaluations that did not, and loads that the store refused. */
  readonly failures: readonly ScriptFailure[];
  /** What is wrong with the script itself: nothing was run then. */
  readonly problems: readonly ScriptProblem[];
}

const LIMITS: Limits = { maxSamples: 10_000, maxBytes: 0 };
const MINUTE_MS = 60_000;
/** Their value depends on the times of a range query. */
const OF_THE_QUERY = /(?:start|end|range|step)\(\)/;

/** Runs a script from its text. Rejects with what a store throws when it loads. */
export async function runScript(text: string, options: ScriptOptions = {}): Promise<ScriptResult> {
  const { commands, problems } = parseScript(text);
  if (problems.length > 0) return { passed: 0, failures: [], problems };
  const { newStorage = memoryStorage, delayedNameRemoval = true, startTimestamps = true } = options;
  const engine = { delayedNameRemoval, startTimestamps, parser: SCRIPT_PARSER };
  let store = await newStorage();
  let passed = 0;
  const failures: ScriptFailure[] = [];
  try {
    for (const c of commands) {
      if (c.kind === 'clear') {
        await store.close();
        store = await newStorage();
        continue;
      }
      const failure = await runCommand(store, engine, c);
      if (failure !== '') failures.push({ line: c.line, message: failure });
      else if (c.kind === 'eval') passed++;
    }
  } finally {
    await store.close();
  }
  return { passed, failures, problems };
}

function memoryStorage(): Promise<TestStorage> {
  const store = new MemoryStore();
  return Promise.resolve({
    appender: () => store.appender(),
    querier: () => store.querier(),
    reader: () => store.reader(),
    close: () => Promise.resolve(),
  });
}

type Engine = Pick<QueryParams, 'delayedNameRemoval' | 'startTimestamps' | 'parser'>;

async function runCommand(
  store: TestStorage,
  engine: Engine,
  c: Exclude<Command, { kind: 'clear' }>,
): Promise<string> {
  if (c.kind === 'load') return loadSeries(store, c);
  const evaluation = new Evaluation(store, engine, c);
  return c.range === null ? evaluation.instant() : evaluation.range(c.range);
}

class Evaluation {
  readonly #store: TestStorage;
  readonly #engine: Engine;
  readonly #c: EvalCommand;
  readonly #want: Expectation;

  constructor(store: TestStorage, engine: Engine, c: EvalCommand) {
    this.#store = store;
    this.#engine = engine;
    this.#c = c;
    this.#want = c.want;
  }

  async range(times: Times): Promise<string> {
    const { text } = this.#c;
    const answer = await this.#ask(text, times);
    if ('failed' in answer) return said(text, this.#failure(answer.failed));
    return said(text, this.#unexpected(answer) || compareResult(answer, this.#want, times));
  }

  /** At its own time, and at others with its time written into the query. */
  async instant(): Promise<string> {
    const { text, at_ms, expr } = this.#c;
    const first = await this.#instantAt(text, at_ms);
    if (first !== '') return said(text, first);
    const fixed = fixedInTime(expr, at_ms);
    for (const t of fixed?.times ?? []) {
      const again = await this.#instantAt(fixed!.text, t);
      if (again !== '') return said(`${fixed!.text} at ${t / 1000}`, again);
    }
    return '';
  }

  async #instantAt(text: string, t_ms: number): Promise<string> {
    const want = this.#want;
    const answer = await this.#ask(text, { start_ms: t_ms, end_ms: t_ms, step_ms: 0 });
    if ('failed' in answer) return this.#failure(answer.failed);
    const difference = this.#unexpected(answer) || compareResult(answer, want, want.rangeVector);
    if (difference !== '' || want.rangeVector !== null || want.text !== null || OF_THE_QUERY.test(text))
      return difference;
    const inRange = await this.#inRange(text, t_ms, answer);
    return inRange === '' ? '' : `as the middle of a range query: ${inRange}`;
  }

  /** The same as one step of a range query. */
  async #inRange(text: string, t_ms: number, alone: Result): Promise<string> {
    const times = { start_ms: t_ms - MINUTE_MS, end_ms: t_ms + MINUTE_MS, step_ms: MINUTE_MS };
    const answer = await this.#ask(text, times);
    if ('failed' in answer) return `it failed: ${answer.failed.message}`;
    // A range query's series are sorted by their labels, whatever the query says.
    if (this.#want.ordered) return '';
    if (answer.type !== 'matrix') return `it gave a ${answer.type}`;
    const order = unsorted(answer);
    if (order !== '') return order;
    const points = pointsAt(answer, t_ms);
    if (alone.type !== 'scalar') return compareResult(points, this.#want, null);
    if (points.values.length !== 1) return `want one point, got ${points.values.length}`;
    const { annotations, samplesRead } = answer;
    const value = points.values[0]!;
    return compareResult({ type: 'scalar', t_ms, value, annotations, samplesRead }, this.#want, null);
  }

  async #ask(text: string, times: Times): Promise<Result | { readonly failed: Error }> {
    try {
      return await queryOnce(this.#store, text, { ...this.#engine, ...times, budget: newBudget(LIMITS) });
    } catch (error) {
      return { failed: error as Error };
    }
  }

  /** What is wrong with an answer before its values are looked at. */
  #unexpected(answer: Result): string {
    const { fail } = this.#want;
    if (fail.length > 0) return `want the error ${shown(fail)}, got an answer`;
    return compareAnnotations(answer.annotations, this.#want);
  }

  #failure(error: Error): string {
    const { fail } = this.#want;
    if (fail.length === 0) return `want an answer, got the error ${error.message}`;
    // Bugs are nothing that a script may expect.
    if (error instanceof QueryError && fail.every(({ test }) => test(error.message))) return '';
    return `want the error ${shown(fail)}, got the error ${error.message}`;
  }
}

function shown(fail: Expectation['fail']): string {
  return fail.map((f) => f.shown).join(' and ');
}

function said(text: string, difference: string): string {
  return difference === '' ? '' : `${text}: ${difference}`;
}
