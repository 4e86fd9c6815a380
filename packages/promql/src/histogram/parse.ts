// Histograms as test scripts write them: `{{schema:1 sum:5 count:4 buckets:[1 2 1]}}`, alone or as a series.
import { parseNumber, RESET_HINT } from '@munjigi/model';
import { addHistograms, subHistograms } from './arithmetic.ts';
import { EMPTY_HISTOGRAM, type Histogram } from './histogram.ts';

/** One item of a line of values: `{{..}}`, `{{..}}x3`, `{{..}}+{{..}}x3` or `{{..}}-{{..}}x3`. */
export interface HistogramItem {
  /** One, or one more than the number of times. */
  readonly histograms: readonly Histogram[];
  /** The text names a reset hint (in a series: of what is added): expectations then compare it. */
  readonly hintSet: boolean;
  /** Offset behind the item. */
  readonly end: number;
}

export interface LiteralError {
  readonly error: string;
  /** Offset of what is wrong. */
  readonly at: number;
}

const NUMBER_KEYS: ReadonlyMap<string, 'sum' | 'count' | 'zeroCount' | 'zeroThreshold'> = new Map([
  ['sum', 'sum'],
  ['count', 'count'],
  ['z_bucket', 'zeroCount'],
  ['z_bucket_w', 'zeroThreshold'],
]);
const LIST_KEYS: ReadonlySet<string> = new Set(['buckets', 'n_buckets', 'custom_values']);
const INTEGER_KEYS: ReadonlySet<string> = new Set(['schema', 'offset', 'n_offset']);
const HINT_KEY = 'counter_reset_hint';
const HINTS: ReadonlyMap<string, number> = new Map([
  ['unknown', RESET_HINT.unknown],
  ['reset', RESET_HINT.reset],
  ['not_reset', RESET_HINT.notReset],
  ['gauge', RESET_HINT.gauge],
]);

/** Histograms in one item at most. */
const MAX_TIMES = 1_000_000;

/** No hexadecimal and no plus sign. Sticky, as all below. */
const NUMBER = /-?(?:inf(?![a-z_])|nan(?![a-z_])|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)/iy;
const INTEGER = /-?[0-9]+/y;
const TIMES = /x([0-9]+)/y;
const WORD = /[a-z_]+/iy;
const SPACES = /[ \t\r\n]+/y;

/** Reads the item at `at`, which begins with `{{`. What follows it is not looked at. */
export function readHistogramItem(text: string, at: number = 0): HistogramItem | LiteralError {
  try {
    return new Reader(text, at).item();
  } catch (e) {
    if (e instanceof Wrong) return { error: e.message, at: e.at };
    throw e;
  }
}

/** One literal and nothing else. */
export function parseHistogram(text: string): { h: Histogram; hintSet: boolean } | LiteralError {
  try {
    const reader = new Reader(text, 0);
    const literal = reader.literal();
    if (reader.at < text.length) reader.fail(`unexpected ${JSON.stringify(text.slice(reader.at))}`);
    return literal;
  } catch (e) {
    if (e instanceof Wrong) return { error: e.message, at: e.at };
    throw e;
  }
}

class Wrong extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

class Reader {
  readonly #text: string;
  at: number;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
  }

  fail(message: string): never {
    throw new Wrong(message, this.at);
  }

  item(): HistogramItem {
    const first = this.literal();
    const sign = this.#text[this.at];
    if ((sign === '+' || sign === '-') && this.#text.startsWith('{{', this.at + 1)) {
      this.at++;
      const step = this.literal();
      const times = this.#times();
      if (times === null) this.fail('unexpected end of a histogram series, expected "x" and how often');
      return {
        histograms: this.#series(first.h, step.h, sign, times),
        hintSet: step.hintSet,
        end: this.at,
      };
    }
    const times = this.#times() ?? 0;
    const histograms = Array.from({ length: times + 1 }, () => first.h);
    return { histograms, hintSet: first.hintSet, end: this.at };
  }

  #series(first: Histogram, step: Histogram, sign: '+' | '-', times: number): Histogram[] {
    const histograms = [first];
    for (let i = 1; i <= times; i++) {
      const last = histograms[i - 1]!;
      if (last.schema > step.schema)
        this.fail(`error combining histograms: cannot merge from schema ${step.schema} to ${last.schema}`);
      const next = sign === '+' ? addHistograms(last, step) : subHistograms(last, step);
      if ('error' in next)
        this.fail(
          'cannot apply this operation on histograms with a mix of exponential and custom bucket schemas',
        );
      histograms.push(next.h);
    }
    return histograms;
  }

  literal(): { h: Histogram; hintSet: boolean } {
    if (!this.#skip('{{')) this.fail('expected "{{"');
    const values = new Map<string, number | Float64Array>();
    let spaced = this.#token(SPACES) !== null;
    while (!this.#skip('}}')) {
      if (values.size > 0 ? !spaced : spaced)
        this.fail(`histogram description incomplete unexpected: ${this.#next()}`);
      const start = this.at;
      const [key, value] = this.#entry();
      if (values.has(key)) {
        this.at = start;
        this.fail(`duplicate key "${key}" in histogram`);
      }
      values.set(key, value);
      spaced = this.#token(SPACES) !== null;
    }
    return { h: built(values), hintSet: values.has(HINT_KEY) };
  }

  #entry(): [key: string, value: number | Float64Array] {
    const start = this.at;
    const word = this.#token(WORD);
    if (word === null) this.fail(`histogram description incomplete unexpected: ${this.#next()}`);
    const key = word.toLowerCase();
    const known = NUMBER_KEYS.has(key) || LIST_KEYS.has(key) || INTEGER_KEYS.has(key) || key === HINT_KEY;
    if (!known) {
      this.at = start;
      this.fail(`bad histogram descriptor found: "${word}"`);
    }
    if (!this.#skip(':')) this.fail('missing `:` for histogram descriptor');
    if (LIST_KEYS.has(key)) return [key, this.#list()];
    if (INTEGER_KEYS.has(key)) return [key, this.#integer(key)];
    return [key, key === HINT_KEY ? this.#hint() : this.#number()];
  }

  #list(): Float64Array {
    if (!this.#skip('[')) this.fail(`expected "[", got ${this.#next()}`);
    const numbers = [this.#number()];
    for (;;) {
      const spaced = this.#token(SPACES) !== null;
      if (this.#skip(']')) return Float64Array.from(numbers);
      if (!spaced) this.fail(`invalid character in buckets description: ${this.#next()}`);
      numbers.push(this.#number());
    }
  }

  #hint(): number {
    const start = this.at;
    const word = this.#token(WORD);
    const hint = HINTS.get(word?.toLowerCase() ?? '');
    if (hint === undefined) {
      this.at = start;
      this.fail(`bad histogram descriptor found: "${word ?? ''}"`);
    }
    return hint;
  }

  #integer(key: string): number {
    const text = this.#token(INTEGER);
    if (text === null) this.fail(`error parsing ${key} number: ${this.#next()}`);
    return Number(text) | 0;
  }

  #number(): number {
    const text = this.#token(NUMBER);
    const parsed = parseNumber(text ?? '');
    if (text === null || 'error' in parsed) this.fail(`expected a number, got ${this.#next()}`);
    return parsed.value;
  }

  #times(): number | null {
    const start = this.at;
    const text = this.#token(TIMES);
    if (text === null) return null;
    const times = Number(text.slice(1));
    if (times <= MAX_TIMES) return times;
    this.at = start;
    this.fail(`a series has at most ${MAX_TIMES} values, not ${times}`);
  }

  #token(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.#text);
    if (found === null) return null;
    this.at += found[0].length;
    return found[0];
  }

  #skip(text: string): boolean {
    if (!this.#text.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  /** The next character for a message. */
  #next(): string {
    const c = this.#text[this.at];
    return c === undefined ? 'end of input' : `'${c}'`;
  }
}

function built(values: ReadonlyMap<string, number | Float64Array>): Histogram {
  const numbers = { sum: 0, count: 0, zeroCount: 0, zeroThreshold: 0 };
  for (const [key, field] of NUMBER_KEYS) numbers[field] = (values.get(key) as number | undefined) ?? 0;
  const list = (key: string): Float64Array =>
    (values.get(key) as Float64Array | undefined) ?? EMPTY_HISTOGRAM.positive;
  const integer = (key: string): number => (values.get(key) as number | undefined) ?? 0;
  const positive = list('buckets');
  const negative = list('n_buckets');
  return {
    ...numbers,
    schema: integer('schema'),
    resetHint: integer(HINT_KEY),
    positiveIndex: oneSpan(integer('offset'), positive.length),
    positive,
    negativeIndex: oneSpan(integer('n_offset'), negative.length),
    negative,
    bounds: values.has('custom_values') ? list('custom_values') : null,
  };
}

function oneSpan(offset: number, length: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => offset + i);
}
