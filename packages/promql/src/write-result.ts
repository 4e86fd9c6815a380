// A result as the `data` JSON of Prometheus' HTTP API, straight from columns to UTF-8 bytes.
import { encodeUtf8, formatNumber, type Labels } from '@munjigi/model';
import type { Grid } from './fragment.ts';
import { KERNEL_CELLS, numberKernel, type NumberKernel, type Times } from './number-kernel.ts';
import type { Histogram } from './histogram/histogram.ts';
import { bucketsOf } from './histogram/print.ts';
import { eachPoint, type MatrixResult, type Result } from './result.ts';

export interface WriteOptions {
  /** Series at most; 0 or absent: all. The caller says in a warning that some were left out. */
  readonly limit?: number;
  /** False: numbers are written without WebAssembly, as where there is none. */
  readonly kernel?: boolean;
  /** Where to write, asked for so many bytes as are likely needed; what it gives is left when it is too small. Absent: fresh bytes. */
  readonly room?: (bytes: number) => Uint8Array<ArrayBuffer>;
}

/** `{"resultType":...,"result":...}`. */
export function writeResult(r: Result, options: WriteOptions = {}): Uint8Array<ArrayBuffer> {
  const w = new Writer(estimate(r), options.kernel === false ? null : numberKernel(), options.room);
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
        const h = r.histograms?.[i] ?? null;
        w.ascii(h === null ? ',"value":' : ',"histogram":');
        if (h === null) w.point(r.t_ms, r.values[i]!);
        else w.histogramPoint(r.t_ms, h);
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
  if (r.type === 'matrix') {
    const cells = r.grid === null ? r.first.at(-1)! - r.first[0]! : r.values.length;
    return 256 + r.labels.length * 256 + cells * USUAL_CELL_BYTES;
  }
  return r.type === 'vector' ? 256 + r.labels.length * 256 : 256;
}

function writeMatrix(w: Writer, m: MatrixResult, count: number): void {
  w.ascii('[');
  const times = m.grid === null ? null : timesOf(m.grid);
  for (let i = 0; i < count; i++) {
    w.ascii(i === 0 ? '{"metric":' : ',{"metric":');
    w.labels(m.labels[i]!);
    if (m.histograms !== null) writeMixed(w, m, i);
    else {
      w.ascii(',"values":[');
      if (m.grid === null) w.samples(m.times, m.values, m.first[i]!, m.first[i + 1]!);
      else w.cells(times!, m.values, m.present, i * m.grid.steps, m.grid.steps);
      w.ascii(']');
    }
    w.ascii('}');
  }
  w.ascii(']');
}

/** The points of a series of a matrix with histograms in it: floats first, then histograms, as far as there are any. */
function writeMixed(w: Writer, m: MatrixResult, i: number): void {
  let floats = 0;
  eachPoint(m, i, (t_ms, value, h) => {
    if (h !== null) return;
    w.ascii(floats++ === 0 ? ',"values":[' : ',');
    w.point(t_ms, value);
  });
  if (floats > 0) w.ascii(']');
  let histograms = 0;
  eachPoint(m, i, (t_ms, _, h) => {
    if (h === null) return;
    w.ascii(histograms++ === 0 ? ',"histograms":[' : ',');
    w.histogramPoint(t_ms, h);
  });
  if (histograms > 0) w.ascii(']');
}

function timesOf(grid: Grid): Times {
  const w = new Writer(32 * (grid.steps + 1), null);
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
/** A cell with a number of 17 digits; room that is not written to is no memory. */
const USUAL_CELL_BYTES = 36;
/** A cell and its surroundings at most: time, quotes, brackets, 25 characters of a number. */
const CELL_BYTES = 64;

const bits = new Float64Array(1);
const halves = new Uint32Array(bits.buffer);

class Writer {
  #b: Uint8Array<ArrayBuffer>;
  #n = 0;
  readonly #kernel: NumberKernel | null;
  #cacheValue: Float64Array | null = null;
  readonly #cacheText: string[] = [];

  constructor(bytes: number, kernel: NumberKernel | null, room?: WriteOptions['room']) {
    this.#b = room?.(bytes) ?? new Uint8Array(Math.max(1024, bytes));
    this.#kernel = kernel;
  }

  get length(): number {
    return this.#n;
  }

  done(): Uint8Array<ArrayBuffer> {
    return this.#b.subarray(0, this.#n);
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

  /** Count, sum and the buckets that are not empty, each with how its bounds belong to it (as told by `bucketsOf`). */
  histogramPoint(t_ms: number, h: Histogram): void {
    this.ascii('[');
    this.time(t_ms);
    this.ascii(',{"count":');
    this.quoted(h.count);
    this.ascii(',"sum":');
    this.quoted(h.sum);
    const { length, boundary, lower, upper, count } = bucketsOf(h);
    for (let i = 0; i < length; i++) {
      this.ascii(i === 0 ? ',"buckets":[[' : ',[');
      this.#integer(boundary[i]!);
      for (const x of [lower[i]!, upper[i]!, count[i]!]) {
        this.ascii(',');
        this.quoted(x);
      }
      this.ascii(']');
    }
    this.ascii(length === 0 ? '}]' : ']}]');
  }

  quoted(x: number): void {
    this.ascii('"');
    this.#room(CELL_BYTES);
    this.#number(x);
    this.ascii('"');
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

  #append(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#b.set(bytes, this.#n);
    this.#n += bytes.length;
  }

  samples(times: Float64Array, values: Float64Array, from: number, to: number): void {
    const kernel = this.#kernel;
    if (kernel !== null) {
      for (let i = from; i < to; i += KERNEL_CELLS) {
        const end = Math.min(to, i + KERNEL_CELLS);
        this.#append(kernel.samples(times.subarray(i, end), values.subarray(i, end), i > from));
      }
      return;
    }
    for (let i = from; i < to; i++) {
      if (i > from) this.ascii(',');
      this.point(times[i]!, values[i]!);
    }
  }

  /** A row of cells. */
  cells(times: Times, values: Float64Array, present: Uint8Array, at: number, steps: number): void {
    const kernel = this.#kernel;
    if (kernel !== null) {
      const begin = this.#n;
      for (let k = 0; k < steps; k += KERNEL_CELLS) {
        const n = Math.min(KERNEL_CELLS, steps - k);
        const from = at + k;
        const [v, is] = [values.subarray(from, from + n), present.subarray(from, from + n)];
        this.#append(kernel.cells(times, k, v, is, this.#n > begin));
      }
      return;
    }
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
    if (this.#kernel !== null) {
      const digits = this.#kernel.number(x);
      for (let i = 0; i < digits.length; i++) this.#b[this.#n++] = digits[i]!;
      return;
    }
    this.#cacheValue ??= new Float64Array(CACHED);
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
