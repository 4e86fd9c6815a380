// A result as the `data` JSON of Prometheus' HTTP API, straight from columns to UTF-8 bytes.
import { encodeUtf8, formatNumber, type Labels } from '@munjigi/model';
import type { Grid } from './fragment.ts';
import type { MatrixResult, Result } from './result.ts';

export interface WriteOptions {
  /** Series at most; 0 or absent: all. The caller says in a warning that some were left out. */
  readonly limit?: number;
}

/** `{"resultType":...,"result":...}`. */
export function writeResult(r: Result, options: WriteOptions = {}): Uint8Array {
  const w = new Writer(estimate(r));
  w.ascii(`{"resultType":"${r.type}","result":`);
  switch (r.type) {
    case 'scalar':
      // Its time is a plain number, as a string's is: without zeros at the end.
      w.ascii(`[${r.t_ms / 1000},"${formatNumber(r.value, 'json')}"]`);
      break;
    case 'string':
      w.ascii(`[${r.t_ms / 1000},`);
      w.text(r.value);
      w.ascii(']');
      break;
    case 'vector':
      w.ascii('[');
      for (let i = 0; i < limited(r.labels.length, options); i++) {
        w.ascii(i === 0 ? '{"metric":' : ',{"metric":');
        w.labels(r.labels[i]!);
        w.ascii(',"value":');
        w.point(r.t_ms, r.values[i]!);
        w.ascii('}');
      }
      w.ascii(']');
      break;
    case 'matrix':
      writeMatrix(w, r, limited(r.labels.length, options));
  }
  w.ascii('}');
  return w.done();
}

function limited(count: number, options: WriteOptions): number {
  const { limit = 0 } = options;
  return limit > 0 ? Math.min(limit, count) : count;
}

function estimate(r: Result): number {
  if (r.type === 'matrix') return 256 + r.labels.length * 256 + r.values.length * 32;
  return r.type === 'vector' ? 256 + r.labels.length * 256 : 256;
}

function writeMatrix(w: Writer, m: MatrixResult, count: number): void {
  w.ascii('[');
  const times = m.grid === null ? null : timesOf(m.grid);
  for (let i = 0; i < count; i++) {
    w.ascii(i === 0 ? '{"metric":' : ',{"metric":');
    w.labels(m.labels[i]!);
    w.ascii(',"values":[');
    if (m.grid === null) w.samples(m.times, m.values, m.first[i]!, m.first[i + 1]!);
    else w.cells(times!, m.values, m.present, i * m.grid.steps, m.grid.steps);
    w.ascii(']}');
  }
  w.ascii(']');
}

/** `[time,"` of every step, one after another: a time is written once, not once a series. */
interface Times {
  readonly bytes: Uint8Array;
  readonly first: Uint32Array;
}

function timesOf(grid: Grid): Times {
  const w = new Writer(32 * (grid.steps + 1));
  const first = new Uint32Array(grid.steps + 1);
  for (let k = 0; k < grid.steps; k++) {
    first[k] = w.length;
    w.ascii('[');
    w.time(grid.start_ms + k * grid.step_ms);
    w.ascii(',"');
  }
  first[grid.steps] = w.length;
  return { bytes: w.done(), first };
}

const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const ZERO = 48;
const MINUS = 45;
const POINT = 46;
/** Numbers whose text is remembered: a power of two. */
const CACHED = 4096;
/** Integers up to here are written digit by digit. */
const MAX_INTEGER = 1e15;
/** A cell and its surroundings at most: time, quotes, brackets, 25 characters of a number. */
const CELL_BYTES = 64;

const bits = new Float64Array(1);
const halves = new Uint32Array(bits.buffer);

class Writer {
  #b: Uint8Array;
  #n = 0;
  readonly #cacheValue = new Float64Array(CACHED);
  readonly #cacheText: string[] = [];

  constructor(bytes: number) {
    this.#b = new Uint8Array(Math.max(1024, bytes));
  }

  get length(): number {
    return this.#n;
  }

  done(): Uint8Array {
    return this.#b.slice(0, this.#n);
  }

  #room(bytes: number): void {
    if (this.#n + bytes <= this.#b.length) return;
    const more = new Uint8Array(Math.max(2 * this.#b.length, this.#n + bytes));
    more.set(this.#b.subarray(0, this.#n));
    this.#b = more;
  }

  ascii(text: string): void {
    this.#room(text.length);
    for (let i = 0; i < text.length; i++) this.#b[this.#n++] = text.charCodeAt(i);
  }

  /** A JSON string. */
  text(s: string): void {
    this.#room(2 + 6 * s.length);
    const b = this.#b;
    b[this.#n++] = QUOTE;
    for (let i = 0; i < s.length; i++) {
      const c = s.charCodeAt(i);
      if (c >= 0x80) {
        const low = s.charCodeAt(i + 1);
        const pair = c >= 0xd800 && c < 0xdc00 && low >= 0xdc00 && low < 0xe000;
        this.#n = encodeUtf8(s.slice(i, pair ? i + 2 : i + 1), b, this.#n);
        if (pair) i++;
      } else if (c === QUOTE || c === BACKSLASH) {
        b[this.#n++] = BACKSLASH;
        b[this.#n++] = c;
      } else if (c >= 32) b[this.#n++] = c;
      else this.ascii(CONTROL[c]!);
    }
    b[this.#n++] = QUOTE;
  }

  labels(l: Labels): void {
    this.ascii('{');
    for (let i = 0; i < l.length; i += 2) {
      if (i > 0) this.ascii(',');
      this.text(l[i]!);
      this.ascii(':');
      this.text(l[i + 1]!);
    }
    this.ascii('}');
  }

  point(t_ms: number, value: number): void {
    this.ascii('[');
    this.time(t_ms);
    this.ascii(',"');
    this.#room(CELL_BYTES);
    this.#number(value);
    this.ascii('"]');
  }

  /** Seconds, with three decimals where there are milliseconds. */
  time(t_ms: number): void {
    this.#room(32);
    const size = Math.abs(t_ms);
    if (t_ms < 0) this.#b[this.#n++] = MINUS;
    const seconds = Math.floor(size / 1000);
    this.#integer(seconds);
    const rest = size - seconds * 1000;
    if (rest === 0) return;
    const b = this.#b;
    b[this.#n++] = POINT;
    b[this.#n++] = ZERO + Math.floor(rest / 100);
    b[this.#n++] = ZERO + (Math.floor(rest / 10) % 10);
    b[this.#n++] = ZERO + (rest % 10);
  }

  samples(times: Float64Array, values: Float64Array, from: number, to: number): void {
    for (let i = from; i < to; i++) {
      if (i > from) this.ascii(',');
      this.point(times[i]!, values[i]!);
    }
  }

  /** A row of cells. */
  cells(times: Times, values: Float64Array, present: Uint8Array, at: number, steps: number): void {
    this.#room(steps * CELL_BYTES);
    const { bytes, first } = times;
    let any = false;
    for (let k = 0; k < steps; k++) {
      if (present[at + k] === 0) continue;
      const b = this.#b;
      let n = this.#n;
      if (any) b[n++] = COMMA;
      any = true;
      for (let i = first[k]!; i < first[k + 1]!; i++) b[n++] = bytes[i]!;
      this.#n = n;
      this.#number(values[at + k]!);
      b[this.#n++] = QUOTE;
      b[this.#n++] = 93;
    }
  }

  /** A number as Prometheus writes it. The caller has made room. */
  #number(x: number): void {
    if (x % 1 === 0 && x < MAX_INTEGER && x > -MAX_INTEGER) {
      if (x < 0 || (x === 0 && 1 / x < 0)) this.#b[this.#n++] = MINUS;
      this.#integer(x < 0 ? -x : x);
      return;
    }
    const size = x < 0 ? -x : x;
    const thousandths = Math.round(size * 1000);
    if (thousandths / 1000 === size && thousandths < MAX_INTEGER && thousandths > 0) {
      if (x < 0) this.#b[this.#n++] = MINUS;
      this.#decimal(thousandths);
      return;
    }
    bits[0] = x;
    const slot = (Math.imul(halves[0]!, 0x9e3779b1) ^ Math.imul(halves[1]!, 0x85ebca6b)) >>> 20;
    let text: string;
    if (this.#cacheValue[slot] === x) text = this.#cacheText[slot]!;
    else {
      text = formatNumber(x, 'json');
      this.#cacheValue[slot] = x;
      this.#cacheText[slot] = text;
    }
    const b = this.#b;
    let n = this.#n;
    for (let i = 0; i < text.length; i++) b[n++] = text.charCodeAt(i);
    this.#n = n;
  }

  /**
   * A number of at most three decimals, given in thousandths. Fewer than 16 digits that read back as the number are its shortest form: no
   * other decimal of so few digits reads as the same float64.
   */
  #decimal(thousandths: number): void {
    const whole = Math.floor(thousandths / 1000);
    this.#integer(whole);
    const rest = thousandths - whole * 1000;
    const b = this.#b;
    b[this.#n++] = POINT;
    const tenths = Math.floor(rest / 100);
    b[this.#n++] = ZERO + tenths;
    if (rest === tenths * 100) return;
    const hundredths = Math.floor(rest / 10);
    b[this.#n++] = ZERO + hundredths - tenths * 10;
    if (rest !== hundredths * 10) b[this.#n++] = ZERO + rest - hundredths * 10;
  }

  /** Digits of a whole number from 0 to 1e15. */
  #integer(x: number): void {
    const b = this.#b;
    if (x < 10) {
      b[this.#n++] = ZERO + x;
      return;
    }
    let high = 0;
    let low = x;
    if (x >= 1e9) {
      high = Math.floor(x / 1e9);
      low = x - high * 1e9;
      this.#integer(high);
    }
    const digits = high > 0 ? 9 : digitsOf(low);
    let at = this.#n + digits;
    this.#n = at;
    let rest = low | 0;
    for (let i = 0; i < digits; i++) {
      const next = (rest / 10) | 0;
      b[--at] = ZERO + rest - next * 10;
      rest = next;
    }
  }
}

function digitsOf(x: number): number {
  let n = 1;
  for (let limit = 10; x >= limit; limit *= 10) n++;
  return n;
}

/** JSON escapes of the control characters. */
const CONTROL: readonly string[] = Array.from({ length: 32 }, (_, c) =>
  JSON.stringify(String.fromCharCode(c)).slice(1, -1),
);
