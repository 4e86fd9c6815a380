// Pages of one target, predicted: a target exposes the same lines in the same order, so each line is first compared with the line
// that stood at this place last time. Equal series bytes cost that comparison; only a line that moved or is new is scanned, hashed and
// looked up.
import {
  labelValue,
  METRIC_NAME,
  type Exemplar,
  type Labels,
  type Metadata,
  type MetricType,
} from '@munjigi/model';
import { readComment, TYPES } from './comment.ts';
import { COMMENT, Entries, SERIES } from './entries.ts';
import { readFloat } from './float.ts';
import type { Format } from './format.ts';
import { decodeSeries, printByte, scanBraces, scanSeries, skipBlank, type FloatLabel } from './series.ts';

export interface ParserLimits {
  /** Bytes of one line. */
  readonly lineBytes: number;
  /** Label pairs of one series. */
  readonly labels: number;
  /** Errors kept of one page. */
  readonly errors: number;
}

export const PARSER_LIMITS: ParserLimits = { lineBytes: 1024 * 1024, labels: 1024, errors: 20 };

export interface ExpositionError {
  /** From 1. */
  readonly line: number;
  readonly message: string;
}

/** An OpenMetrics exemplar and the sample of the page that it belongs to. */
export interface PageExemplar {
  readonly sample: number;
  readonly exemplar: Exemplar;
}

/**
 * Parses one target's pages, one after the other. After `parse`, samples [0, n) of the page are columns: `entry[i]` is the
 * series' number in `slots` and for `labels`, `v[i]` its value, `t[i]` its time in ms or NaN when the
 * line has none. All of it is valid until the next `parse`, which may number the series anew (their slots move along).
 */
export class ScrapeParser {
  n = 0;
  entry: Int32Array = new Int32Array(256);
  v: Float64Array = new Float64Array(256);
  t: Float64Array = new Float64Array(256);
  /** All that was wrong, up to the limit. A page with an error is not to be used. */
  errors: ExpositionError[] = [];
  exemplars: PageExemplar[] = [];
  /** Lines of the page that were not where they stood last time. */
  misses = 0;
  /** Goes up when a HELP, TYPE or UNIT line came, changed or went. */
  metadataVersion = 0;
  readonly entries: Entries = new Entries();
  readonly #limits: ParserLimits;
  /** Number of the page being read, from 1. */
  #page = 0;
  #goodPage = 0;
  #order: Int32Array = new Int32Array(256);
  #orderCount = 0;
  #last: Int32Array = new Int32Array(256);
  #lastCount = 0;
  #line = 0;
  #type = 0;
  #commentsKnown = 0;
  #families: Map<string, Metadata> | null = null;
  /** Labels of entries from this number on. */
  #fresh: Labels[] = [];
  #freshFrom = 0;
  #openMetrics = false;
  #ended = false;
  readonly #scan = { end: 0, at: 0, reason: '' };
  readonly #scratch = new Float64Array(1);

  constructor(limits: ParserLimits = PARSER_LIMITS) {
    this.#limits = limits;
  }

  /** The slot of each entry, for the caller to use: it keeps what is written there, 0 at first. */
  get slots(): Float64Array {
    return this.entries.slot;
  }

  /** A second column like `slots`, of small numbers. */
  get marks(): Uint8Array {
    return this.entries.mark;
  }

  /** Reads a page. Never throws on input: look at `errors`. */
  parse(b: Uint8Array, format: Format): void {
    this.#begin(format === 'openmetrics');
    const n = b.length;
    const entries = this.entries;
    const last = this.#last;
    const lastCount = this.#lastCount;
    let guess = 0;
    let p = 0;
    while (p < n) {
      this.#line++;
      let e = -1;
      let q = p;
      if (guess < lastCount) {
        const g = last[guess]!;
        const size = entries.length[g]!;
        if (p + size < n) {
          const { arena } = entries;
          const at = entries.offset[g]!;
          let k = 0;
          while (k < size && arena[at + k] === b[p + k]) k++;
          if (k === size) {
            q = p + size;
            const c = b[q]!;
            if (entries.kind[g] === COMMENT) {
              if (c === 10) {
                const sets = entries.sets[g]!;
                if (sets !== 0) this.#type = sets - 1;
                this.#place(g);
                guess++;
                p = q + 1;
                continue;
              }
            } else if (c === 32 && entries.type[g] === this.#type) e = g;
          }
        }
      }
      if (e >= 0) {
        if (this.n === this.v.length) this.#growSamples();
        const end = readFloat(b, q + 1, n, this.v, this.n);
        if (end >= 0) {
          this.t[this.n] = Number.NaN;
          let stop = end;
          if (end < n && b[end] !== 10) {
            stop = lineEnd(b, end);
            // A time or an exemplar; what is wrong there is wrong for any series.
            if (!this.#afterValue(b, p, end, stop)) e = -1;
          }
          if (e >= 0) {
            this.entry[this.n++] = e;
            this.#place(e);
          }
          guess++;
          p = stop + 1;
          continue;
        }
      }
      // Something else than last time, or a rarer form of a sample: the whole line by the grammar.
      const end = lineEnd(b, p);
      e = this.#readLine(b, p, end);
      if (e >= 0) {
        // Goes on from where this line stood last time; a new line leaves the guess where it is.
        if (guess < lastCount && last[guess] === e) guess++;
        else {
          this.misses++;
          const before = entries.position[e]!;
          if (before < lastCount && last[before] === e) guess = before + 1;
        }
        this.#place(e);
      }
      p = end + 1;
      if (this.#ended && p < n) this.#error('unexpected text after # EOF');
      if (this.#ended || this.errors.length >= this.#limits.errors) break;
    }
    this.#finish();
  }

  /** The labels of an entry, with `__name__`, in order. */
  labels(entry: number): Labels {
    const fresh = this.#fresh[entry - this.#freshFrom];
    if (fresh !== undefined) return fresh;
    const { arena, offset, length, type } = this.entries;
    const from = offset[entry]!;
    return decodeSeries(arena, from, from + length[entry]!, floatLabel(type[entry]!)).labels;
  }

  /** Gives up the labels of entries that are new with this page, which are kept for the first who asks. */
  release(): void {
    this.#fresh = [];
    this.#freshFrom = this.entries.count;
  }

  /** Entries of the last good page before this one that this page has no more. Empty after a page with errors. */
  vanished(): number[] {
    const gone = new Set<number>();
    if (this.errors.length > 0) return [];
    // After #finish the page before is in #order.
    for (let i = 0; i < this.#orderCount; i++) {
      const e = this.#order[i]!;
      if (this.entries.kind[e] === SERIES && this.entries.seen[e] !== this.#page) gone.add(e);
    }
    return [...gone];
  }

  /** What HELP, TYPE and UNIT lines of the last good page say, by metric family. */
  families(): ReadonlyMap<string, Metadata> {
    return (this.#families ??= this.#readFamilies());
  }

  /** The metadata of the family that a series belongs to, by its name with or without `_bucket`, `_total` and the like. */
  metadataOf(entry: number): Metadata | null {
    return familyMetadata(this.families(), labelValue(this.labels(entry), METRIC_NAME));
  }

  #begin(openMetrics: boolean): void {
    const { entries } = this;
    // Entries that left the target's pages are kept for a while, as they may come back, and dropped when they are the most.
    if (entries.count > 2 * this.#lastCount + 1024) {
      const live = new Uint8Array(entries.count);
      for (let i = 0; i < this.#lastCount; i++) live[this.#last[i]!] = 1;
      const moved = entries.compact((e) => live[e] === 1);
      for (let i = 0; i < this.#lastCount; i++) this.#last[i] = moved[this.#last[i]!]!;
    }
    this.release();
    this.#page++;
    this.#openMetrics = openMetrics;
    this.#ended = false;
    this.#orderCount = 0;
    this.#line = 0;
    this.#type = 0;
    this.n = 0;
    this.misses = 0;
    this.errors = [];
    if (this.exemplars.length > 0) this.exemplars = [];
  }

  #finish(): void {
    if (this.#openMetrics && !this.#ended && this.errors.length === 0)
      this.#error('the page does not end with # EOF');
    if (this.errors.length > 0) {
      this.n = 0;
      return;
    }
    let comments = 0;
    const { kind } = this.entries;
    for (let i = 0; i < this.#orderCount; i++) if (kind[this.#order[i]!] === COMMENT) comments++;
    if (comments !== this.#commentsKnown) this.#metadataChanged();
    this.#commentsKnown = comments;
    [this.#last, this.#order] = [this.#order, this.#last];
    [this.#lastCount, this.#orderCount] = [this.#orderCount, this.#lastCount];
    this.#goodPage = this.#page;
  }

  #metadataChanged(): void {
    this.#families = null;
    this.metadataVersion++;
  }

  /** Reads any line by the grammar, adds its sample, and returns its entry; -1: a line that says nothing, or an error. */
  #readLine(b: Uint8Array, from: number, end: number): number {
    if (end - from > this.#limits.lineBytes) {
      return this.#error(`a line of ${end - from} bytes, more than ${this.#limits.lineBytes}`);
    }
    const strict = this.#openMetrics;
    const p = strict ? from : skipBlank(b, from, end);
    if (p === end) return strict ? this.#error('an empty line') : -1;
    if (b[p] === 35) return this.#comment(b, p, end);
    const scan = this.#scan;
    scanSeries(b, p, end, strict, this.#limits.labels, scan);
    if (scan.end < 0) return this.#error(scan.reason, scan.at - from);
    const seriesEnd = scan.end;
    if (!this.#valueAndTime(b, from, seriesEnd, end)) return -1;
    let e = this.entries.find(b, p, seriesEnd, SERIES, this.#type);
    if (e < 0) {
      const { labels, duplicate } = decodeSeries(b, p, seriesEnd, floatLabel(this.#type));
      if (duplicate !== null) return this.#error(`the label ${duplicate} stands twice`);
      e = this.entries.add(b, p, seriesEnd, SERIES, this.#type);
      this.#fresh[e - this.#freshFrom] = labels;
    }
    this.entry[this.n] = e;
    this.n++;
    return e;
  }

  #comment(b: Uint8Array, p: number, end: number): number {
    const comment = readComment(b, p, end, this.#openMetrics);
    if (comment.error !== null) return this.#error(comment.error);
    if (comment.kind === 'eof') {
      this.#ended = true;
      return -1;
    }
    if (comment.kind === 'none') return -1;
    const type = comment.kind === 'type' ? TYPES.indexOf(comment.text as MetricType) : -1;
    if (type >= 0) this.#type = type;
    let e = this.entries.find(b, p, end, COMMENT, 0);
    if (e < 0) {
      e = this.entries.add(b, p, end, COMMENT, 0);
      this.entries.sets[e] = type + 1;
    }
    if (this.entries.seen[e] !== this.#goodPage || this.#goodPage === 0) this.#metadataChanged();
    return e;
  }

  /** ` value [timestamp]`, for OpenMetrics also ` # {exemplar}`, into sample n. */
  #valueAndTime(b: Uint8Array, from: number, at: number, end: number): boolean {
    const strict = this.#openMetrics;
    if (strict && (at >= end || b[at] !== 32))
      return this.#fail(`expected a space and a value, got ${printByte(b, at, end)}`, at - from);
    const p = strict ? at + 1 : skipBlank(b, at, end);
    if (this.n === this.v.length) this.#growSamples();
    const valueEnd = readFloat(b, p, end, this.v, this.n);
    if (valueEnd < 0 || valueEnd === p)
      return this.#fail(`expected a number, got ${printByte(b, p, end)}`, p - from);
    this.t[this.n] = Number.NaN;
    return this.#afterValue(b, from, valueEnd, end);
  }

  /** What follows a value up to the line's end: the time into t[n], the exemplar into the list. */
  #afterValue(b: Uint8Array, from: number, at: number, end: number): boolean {
    const strict = this.#openMetrics;
    let p = strict ? at : skipBlank(b, at, end);
    if (p === end) return true;
    if (!strict) return this.#textTime(b, from, p, end);
    if (b[p] !== 32) return this.#fail(`unexpected ${printByte(b, p, end)} after the value`, p - from);
    p++;
    if (b[p] !== 35) {
      const timeEnd = this.#seconds(b, p, end);
      if (timeEnd < 0) return this.#fail(`expected a time in seconds, got ${printByte(b, p, end)}`, p - from);
      this.t[this.n] = this.#scratch[0]!;
      if (timeEnd === end) return true;
      p = timeEnd + 1;
      if (b[timeEnd] !== 32 || b[p] !== 35)
        return this.#fail(`unexpected ${printByte(b, timeEnd, end)} after the time`, timeEnd - from);
    }
    return this.#exemplar(b, from, p, end);
  }

  /** Milliseconds as an integer, then nothing. */
  #textTime(b: Uint8Array, from: number, at: number, end: number): boolean {
    let p = b[at] === 45 ? at + 1 : at;
    const digits = p;
    let ms = 0;
    while (p < end && b[p]! >= 48 && b[p]! <= 57) ms = ms * 10 + (b[p++]! - 48);
    if (p === digits || skipBlank(b, p, end) !== end || ms > Number.MAX_SAFE_INTEGER) {
      return this.#fail(`expected a time in milliseconds, got ${printByte(b, at, end)}`, at - from);
    }
    this.t[this.n] = b[at] === 45 ? -ms : ms;
    return true;
  }

  /** Seconds with a fraction at p as ms into the scratch; the end, or -1. */
  #seconds(b: Uint8Array, p: number, end: number): number {
    const q = readFloat(b, p, end, this.#scratch, 0);
    const ms = Math.trunc(this.#scratch[0]! * 1000);
    if (q <= p || !Number.isFinite(ms)) return -1;
    // Beyond it no time is exact, and none is of use.
    this.#scratch[0] = Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, ms));
    return q;
  }

  /** `# {labels} value [timestamp]` at p. */
  #exemplar(b: Uint8Array, from: number, p: number, end: number): boolean {
    const scan = this.#scan;
    if (b[p + 1] !== 32 || b[p + 2] !== 123)
      return this.#fail('expected an exemplar: # {labels} value', p - from);
    scanBraces(b, p + 2, end, true, true, this.#limits.labels, scan);
    if (scan.end < 0) return this.#fail(scan.reason, scan.at - from);
    const labelsEnd = scan.end;
    const { labels, duplicate } = decodeSeries(b, p + 2, labelsEnd, '');
    if (duplicate !== null) return this.#fail(`the exemplar's label ${duplicate} stands twice`, p - from);
    const q = b[labelsEnd] === 32 ? readFloat(b, labelsEnd + 1, end, this.#scratch, 0) : -1;
    if (q <= labelsEnd + 1)
      return this.#fail(
        `expected the exemplar's value, got ${printByte(b, labelsEnd, end)}`,
        labelsEnd - from,
      );
    const value = this.#scratch[0]!;
    let t_ms = 0;
    if (q < end) {
      const r = b[q] === 32 ? this.#seconds(b, q + 1, end) : -1;
      if (r !== end) return this.#fail(`expected the exemplar's time, got ${printByte(b, q, end)}`, q - from);
      t_ms = this.#scratch[0]!;
    }
    this.exemplars.push({ sample: this.n, exemplar: { labels, value, t_ms } });
    return true;
  }

  #place(e: number): void {
    const i = this.#orderCount++;
    if (i === this.#order.length) {
      const order = new Int32Array(2 * i);
      order.set(this.#order);
      this.#order = order;
    }
    this.#order[i] = e;
    const { entries } = this;
    // A line may stand twice on a page: its first place counts.
    if (entries.seen[e] === this.#page) return;
    entries.seen[e] = this.#page;
    entries.position[e] = i;
  }

  #growSamples(): void {
    const size = 2 * this.v.length;
    const v = new Float64Array(size);
    // As integers: NaN bits must survive.
    new Uint32Array(v.buffer).set(new Uint32Array(this.v.buffer));
    this.v = v;
    const t = new Float64Array(size);
    t.set(this.t);
    this.t = t;
    const entry = new Int32Array(size);
    entry.set(this.entry);
    this.entry = entry;
  }

  #readFamilies(): Map<string, Metadata> {
    const families = new Map<string, { type: MetricType; help: string; unit: string }>();
    const { entries } = this;
    for (let i = 0; i < this.#lastCount; i++) {
      const e = this.#last[i]!;
      if (entries.kind[e] !== COMMENT) continue;
      const from = entries.offset[e]!;
      const comment = readComment(entries.arena, from, from + entries.length[e]!, this.#openMetrics);
      let family = families.get(comment.metric);
      if (family === undefined)
        families.set(comment.metric, (family = { type: 'unknown', help: '', unit: '' }));
      if (comment.kind === 'help') family.help = comment.text;
      else if (comment.kind === 'unit') family.unit = comment.text;
      else if (comment.kind === 'type') family.type = comment.text as MetricType;
    }
    return families;
  }

  #error(message: string, column: number = -1): -1 {
    if (this.errors.length < this.#limits.errors) {
      const place = column >= 0 ? ` (at byte ${column + 1})` : '';
      this.errors.push({ line: this.#line, message: message + place });
    }
    return -1;
  }

  #fail(message: string, column: number): false {
    this.#error(message, column);
    return false;
  }
}

const SUFFIX = /_(?:bucket|sum|count|total|created|info|gsum|gcount)$/;

/** The metadata of the family that a metric belongs to, by its name as it is or without a suffix of its parts. */
export function familyMetadata(families: ReadonlyMap<string, Metadata>, metric: string): Metadata | null {
  return families.get(metric) ?? families.get(metric.replace(SUFFIX, '')) ?? null;
}

function floatLabel(type: number): FloatLabel {
  const name = TYPES[type];
  return name === 'histogram' ? 'le' : name === 'summary' ? 'quantile' : '';
}

function lineEnd(b: Uint8Array, p: number): number {
  const at = b.indexOf(10, p);
  return at < 0 ? b.length : at;
}
