// The text of a test script to its commands. The language is that of Prometheus' promql/promqltest.
import { compileAnchored, parseDuration, parseNumber, RegExpError, type Labels } from '@munjigi/model';
import type { Expr } from '../ast.ts';
import { parse } from '../parse.ts';
import {
  isStartTimesLine,
  parseSeriesLine,
  parseStartTimesLine,
  stringOf,
  type Items,
  type SeriesLine,
} from './series-line.ts';

/** Names without quotes may have letters of all alphabets, as in Prometheus' own runner. */
export const SCRIPT_PARSER = { unquotedUtf8Names: true } as const;

export type Command = ClearCommand | LoadCommand | EvalCommand;

/** `line` is that of the command's head, from 1. */
export interface ClearCommand {
  readonly kind: 'clear';
  readonly line: number;
}

export interface LoadCommand {
  readonly kind: 'load';
  readonly line: number;
  /** Sample i lies at i * step_ms. */
  readonly step_ms: number;
  /** Of classic histograms native ones with custom buckets are made too. */
  readonly withNhcb: boolean;
  readonly series: readonly LoadedSeries[];
}

export interface LoadedSeries extends SeriesLine {
  /** Per item the distance of its start timestamp from its own one, NaN: it has none; null: none has. */
  readonly startDistance_ms: Float64Array | null;
}

export interface EvalCommand {
  readonly kind: 'eval';
  readonly line: number;
  readonly text: string;
  readonly expr: Expr;
  /** Null: instant, at `at_ms`. */
  readonly range: Times | null;
  readonly at_ms: number;
  readonly want: Expectation;
}

export interface Times {
  readonly start_ms: number;
  readonly end_ms: number;
  readonly step_ms: number;
}

export interface TextTest {
  /** As the script has it. */
  readonly shown: string;
  readonly test: (text: string) => boolean;
}

/** Annotations of one kind. Without texts and without `none` they are not looked at. */
export interface WantedAnnotations {
  /** Each must be met, and there may be no others. */
  readonly texts: readonly TextTest[];
  readonly none: boolean;
}

export interface Expectation {
  /** The query must fail, and its error pass all tests; empty: it must not fail. */
  readonly fail: readonly TextTest[];
  readonly ordered: boolean;
  readonly warn: WantedAnnotations;
  readonly info: WantedAnnotations;
  /** Times of the samples of an instant query that gives a matrix. */
  readonly rangeVector: Times | null;
  readonly text: string | null;
  readonly scalar: number | null;
  readonly series: readonly ExpectedSeries[];
}

export interface ExpectedSeries extends Items {
  readonly labels: Labels;
  /** Where it must stand in an ordered result, from 0. */
  readonly place: number;
}

/** What is wrong with a script; `line` from 1. */
export interface ScriptProblem {
  readonly line: number;
  readonly message: string;
}

/** Reads a script; never throws. With problems the commands are not complete. */
export function parseScript(text: string): { commands: Command[]; problems: ScriptProblem[] } {
  return new ScriptParser(text).run();
}

const LOAD = /^load(?<nhcb>_with_nhcb)?\s+(?<step>.+?)$/;
const INSTANT = /^eval(?:_(?<mode>fail|warn|ordered|info))?\s+instant\s+at\s+(?<at>\S+)\s+(?<expr>.+)$/;
const RANGE =
  /^eval(?:_(?<mode>fail|warn|info))?\s+range\s+from\s+(?<from>\S+)\s+to\s+(?<to>\S+)\s+step\s+(?<step>\S+)\s+(?<expr>.+)$/;
const RANGE_VECTOR = /^expect range vector\s+from\s+(?<from>\S+)\s+to\s+(?<to>\S+)\s+step\s+(?<step>\S+)$/;
const EXPECT =
  /^expect\s+(?<what>ordered|fail|warn|no_warn|info|no_info)(?:\s+(?<how>regex|msg):(?<text>.+))?$/;
const OLD_FAIL = /^expected_fail_(?<how>message|regexp)(?<text>.*)$/;

class ScriptParser {
  readonly #lines: readonly string[];
  readonly #commands: Command[] = [];
  readonly #problems: ScriptProblem[] = [];
  /** Index of the next line. */
  #at = 0;

  constructor(text: string) {
    // A comment is an empty line: it ends a block too.
    this.#lines = text
      .split('\n')
      .map((line) => line.trim())
      .map((line) => (line.startsWith('#') ? '' : line));
  }

  run(): { commands: Command[]; problems: ScriptProblem[] } {
    while (this.#at < this.#lines.length) {
      const head = this.#lines[this.#at++]!;
      if (head === '') continue;
      const word = head.split(/[ \t]+/, 1)[0]!.toLowerCase();
      const line = this.#at;
      if (word === 'clear') this.#commands.push({ kind: 'clear', line });
      else if (word.startsWith('load')) this.#guarded(() => this.#load(head, line));
      else if (word.startsWith('eval')) this.#guarded(() => this.#eval(head, line));
      else this.#problems.push({ line, message: `invalid command ${JSON.stringify(head)}` });
    }
    return { commands: this.#commands, problems: this.#problems };
  }

  /** What `read` gives; null: it threw, which is a problem of the line read last. */
  #guarded<T>(read: () => T): T | null {
    try {
      return read();
    } catch (error) {
      if (!(error instanceof ScriptError)) throw error;
      this.#problems.push({ line: this.#at, message: error.message });
      return null;
    }
  }

  /** The next line of the block; null: it is over. */
  #next(): string | null {
    const line = this.#lines[this.#at] ?? '';
    if (line === '') return null;
    this.#at++;
    return line;
  }

  #load(head: string, line: number): void {
    const parts = LOAD.exec(head)?.groups;
    if (parts === undefined)
      throw new ScriptError('invalid load command. (load[_with_nhcb] <step:duration>)');
    const step_ms = duration(parts['step']!, 'step');
    const series: LoadedSeries[] = [];
    let starts: StartTimes | null = null;
    for (let text = this.#next(); text !== null; text = this.#next()) {
      const described = text;
      const before = starts;
      starts = null;
      if (isStartTimesLine(described)) {
        this.#followed(before, null);
        starts = this.#guarded(() => ({ line: this.#at, ...said(() => parseStartTimesLine(described)) }));
        continue;
      }
      const read = this.#guarded(() => said(() => parseSeriesLine(described)));
      if (read !== null && this.#followed(before, read))
        series.push({ ...read, startDistance_ms: before?.distance_ms ?? null });
    }
    this.#followed(starts, null);
    this.#commands.push({ kind: 'load', line, step_ms, withNhcb: parts['nhcb'] !== undefined, series });
  }

  /** Whether start timestamps, if there are some, belong to the line behind them. */
  #followed(starts: StartTimes | null, by: SeriesLine | null): boolean {
    if (starts === null) return true;
    const message =
      by === null
        ? '@st line has no following sample line'
        : by.labels.join('\0') !== starts.labels.join('\0')
          ? '@st metric does not match the following sample line metric'
          : by.kind.length !== starts.distance_ms.length
            ? `@st line has ${starts.distance_ms.length} values but sample line has ${by.kind.length}`
            : '';
    if (message !== '') this.#problems.push({ line: starts.line, message });
    return message === '';
  }

  #eval(head: string, line: number): void {
    const instant = INSTANT.exec(head)?.groups;
    const parts = instant ?? RANGE.exec(head)?.groups;
    if (parts === undefined)
      throw new ScriptError(
        "invalid evaluation command. Must be either 'eval[_fail|_warn|_ordered|_info] instant at <offset:duration> <query>' or 'eval[_fail|_warn|_info] range from <from> to <to> step <step> <query>'",
      );
    const text = parts['expr']!;
    const asked = this.#guarded(() => ({
      expr: expressionOf(text),
      range: instant === undefined ? timesOf(parts) : null,
      at_ms: instant === undefined ? 0 : duration(instant['at']!, 'timestamp'),
    }));
    const want = newExpectation(parts['mode']);
    let good = true;
    for (let body = this.#next(); body !== null; body = this.#next()) {
      const described = body;
      const ends = this.#guarded(() => want.read(described));
      good &&= ends !== null;
      if (ends === true) break;
    }
    if (asked === null || !good || this.#guarded(() => want.check(instant !== undefined)) === null) return;
    // A range vector is asked for at its last time.
    const at_ms = want.rangeVector?.end_ms ?? asked.at_ms;
    this.#commands.push({ kind: 'eval', line, text, ...asked, at_ms, want });
  }
}

interface StartTimes {
  readonly line: number;
  readonly labels: Labels;
  readonly distance_ms: Float64Array;
}

class ScriptError extends Error {}

/** Errors that parsers of lines throw, as the script's. */
function said<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new ScriptError((error as Error).message);
  }
}

function expressionOf(text: string): Expr {
  const parsed = parse(text, SCRIPT_PARSER);
  if ('expr' in parsed) return parsed.expr;
  throw new ScriptError(parsed.errors.map((e) => `${e.column}: parse error: ${e.message}`).join('; '));
}

function duration(text: string, what: string): number {
  const parsed = parseDuration(text);
  if ('error' in parsed)
    throw new ScriptError(`invalid ${what} definition ${JSON.stringify(text)}: ${parsed.error}`);
  return parsed.ms;
}

function timesOf(parts: Readonly<Record<string, string>>): Times {
  const start_ms = duration(parts['from']!, 'start timestamp');
  const end_ms = duration(parts['to']!, 'end timestamp');
  if (end_ms < start_ms)
    throw new ScriptError(
      `invalid test definition, end timestamp (${parts['to']}) is before start timestamp (${parts['from']})`,
    );
  return { start_ms, end_ms, step_ms: duration(parts['step']!, 'step') };
}

const ANY_TEXT: TextTest = { shown: 'any', test: () => true };

function textTest(how: string | undefined, raw: string | undefined): TextTest {
  if (how === undefined || raw === undefined) return ANY_TEXT;
  const shown = raw.trim();
  if (how === 'msg' || how === 'message') return { shown, test: (text) => text === shown };
  try {
    // An expression may match anywhere; what surrounds it makes that of an anchored one.
    const { test } = compileAnchored(`(?s:.*)(?:${shown})(?s:.*)`);
    return { shown, test };
  } catch (error) {
    if (!(error instanceof RegExpError)) throw error;
    throw new ScriptError(`invalid regex ${shown}: ${error.message}`);
  }
}

function newExpectation(mode: string | undefined): ExpectationReader {
  const reader = new ExpectationReader(mode === 'fail');
  if (mode === 'fail') reader.fail.push(ANY_TEXT);
  if (mode === 'ordered') reader.ordered = true;
  if (mode === 'warn') reader.warn.texts.push(ANY_TEXT);
  if (mode === 'info') reader.info.texts.push(ANY_TEXT);
  return reader;
}

class ExpectationReader implements Expectation {
  readonly fail: TextTest[] = [];
  ordered = false;
  readonly warn: { texts: TextTest[]; none: boolean } = { texts: [], none: false };
  readonly info: { texts: TextTest[]; none: boolean } = { texts: [], none: false };
  rangeVector: Times | null = null;
  text: string | null = null;
  scalar: number | null = null;
  readonly series: ExpectedSeries[] = [];
  /** Lines of series so far, those that were replaced too. */
  #places = 0;
  #failLines = 0;
  /** `eval_fail`: its own lines are known. */
  readonly #oldFail: boolean;

  constructor(oldFail: boolean) {
    this.#oldFail = oldFail;
  }

  /** Reads one line; true: the block ends with it. */
  read(line: string): boolean {
    const old = this.#oldFail ? OLD_FAIL.exec(line)?.groups : undefined;
    if (old !== undefined) {
      this.fail.push(textTest(old['how'], old['text']));
      return true;
    }
    if (line.startsWith('expect range vector')) {
      const parts = RANGE_VECTOR.exec(line)?.groups;
      if (parts === undefined)
        throw new ScriptError(`invalid range vector definition ${JSON.stringify(line)}`);
      this.rangeVector = timesOf(parts);
    } else if (line.startsWith('expect string')) this.text = this.#string(line);
    // A metric of that name is written as expect{}.
    else if (line.split(' ', 1)[0] === 'expect') this.#expect(line);
    else {
      const number = parseNumber(line);
      if ('value' in number) {
        this.scalar = number.value;
        return true;
      }
      this.#addSeries(said(() => parseSeriesLine(line)));
    }
    return false;
  }

  #string(line: string): string {
    const literal = line.slice('expect string '.length);
    const value = literal.startsWith("'") ? null : stringOf(literal);
    if (value === null)
      throw new ScriptError('expected string literal not valid - check that the string is correctly quoted');
    return value;
  }

  #expect(line: string): void {
    const parts = EXPECT.exec(line)?.groups;
    if (parts === undefined)
      throw new ScriptError(
        'invalid expect statement, must match `expect <type> <match_type>: <string>` format',
      );
    const test = textTest(parts['how'], parts['text']);
    switch (parts['what']) {
      case 'ordered':
        this.ordered = true;
        break;
      case 'fail':
        if (++this.#failLines > 1)
          throw new ScriptError('invalid expect lines, multiple expect fail lines are not allowed');
        this.fail.push(test);
        break;
      case 'warn':
      case 'info':
        this[parts['what']].texts.push(test);
        break;
      case 'no_warn':
        this.warn.none = true;
        break;
      default:
        this.info.none = true;
    }
    for (const kind of ['warn', 'info'] as const)
      if (this[kind].none && this[kind].texts.length > 0)
        throw new ScriptError(`invalid expect lines, ${kind} and no_${kind} cannot be used together`);
  }

  #addSeries({ labels, ...items }: SeriesLine): void {
    const key = labels.join('\0');
    const same = this.series.findIndex((s) => s.labels.join('\0') === key);
    if (same >= 0) this.series.splice(same, 1);
    this.series.push({ labels, ...items, place: this.#places++ });
  }

  /** Throws where the lines do not fit together. */
  check(instant: boolean): true {
    if (this.rangeVector !== null && !instant)
      throw new ScriptError('a range query gives no range vector: expect it of an instant query');
    if (!instant || this.rangeVector !== null) return true;
    for (const { kind } of this.series)
      if (kind.length !== 1)
        throw new ScriptError(
          `expecting ${kind.length} values in instant evaluation not allowed. consider using 'expect range vector' directive to enable a range vector result for an instant query`,
        );
    return true;
  }
}
