// A store in memory behind the storage seam, for tests and for test scripts.
import {
  appendHistogramRow,
  compareLabels,
  compareText,
  compileMatcher,
  ENCODING,
  FAULT,
  growColumn,
  KIND,
  labelsKey,
  labelValue,
  newColumn,
  newHistogramColumns,
  RESET_HINT,
  appendEmptyRows,
  clearHistograms,
  sameHistogram,
  symbolPages,
  type Appendable,
  type Appender,
  type ChunkReader,
  type Column,
  type CommitResult,
  type HistogramColumns,
  type LabelQuery,
  type Labels,
  type Matcher,
  type Querier,
  type Queryable,
  type Selection,
} from '@munjigi/model';
import { withHint } from '../histogram/arithmetic.ts';
import { sameBounds } from '../histogram/bound.ts';
import { fromColumns, isStaleRow } from '../histogram/columns.ts';
import { detectReset } from '../histogram/resets.ts';

interface Series {
  readonly labels: Labels;
  readonly samples: Column;
}

/**
 * Series with their samples in one column each, in order of time: an older sample is refused. Selections address the columns, so only this
 * store's reader reads them.
 */
export class MemoryStore implements Appendable, Queryable {
  readonly #series: Series[] = [];
  readonly #byLabels = new Map<string, number>();
  /** Numbers of the series in label order; null: to be made. */
  #order: number[] | null = null;

  /** Adds floats of one series, in time order. `v` may hold staleness marks: it is copied as bits. */
  add(labels: Labels, t: readonly number[], v: Float64Array): void {
    const samples = this.#series[this.#find(labels)]!.samples;
    const bits = new Uint32Array(v.buffer, v.byteOffset, 2 * v.length);
    for (let i = 0; i < t.length; i++) {
      const fault = appendFloat(samples, t[i]!, bits[2 * i]!, bits[2 * i + 1]!, 0);
      if (fault !== FAULT.none)
        throw new RangeError(`sample ${i} at ${t[i]} is not newer than the one before`);
    }
  }

  get seriesCount(): number {
    return this.#series.length;
  }

  /** Samples are visible as soon as they are offered. */
  appender(): Appender {
    const faults: number[] = [];
    let accepted = 0;
    const before = this.#series.length;
    const judged = (fault: number): void => {
      faults.push(fault);
      if (fault === FAULT.none) accepted++;
    };
    return {
      series: (labels) => this.#find(labels) + 1,
      floats: (refs, t, v, st, n) => {
        const bits = new Uint32Array(v.buffer, v.byteOffset, 2 * n);
        for (let i = 0; i < n; i++)
          judged(
            appendFloat(this.#of(refs[i]!), t[i]!, bits[2 * i]!, bits[2 * i + 1]!, st === null ? 0 : st[i]!),
          );
      },
      histogram: (ref, t_ms, kind, h, row, st_ms) =>
        judged(appendHistogramSample(this.#of(ref), { t_ms, kind, st_ms: st_ms ?? 0 }, h, row)),
      exemplar: () => undefined,
      metadata: () => undefined,
      commit: (): Promise<CommitResult> =>
        Promise.resolve({
          accepted,
          faults: accepted === faults.length ? new Uint8Array(0) : Uint8Array.from(faults),
          refused: new Uint32Array(0),
          created: this.#series.length - before,
        }),
      rollback: () => {
        throw new TypeError('a MemoryStore takes nothing back');
      },
    };
  }

  querier(): Querier {
    return {
      select: (mint, maxt, matchers) => Promise.resolve(this.#select(mint, maxt, matchers)),
      labelNames: (q) => Promise.resolve({ names: this.#names(q), warnings: [] }),
      labelValues: (name, q) => Promise.resolve({ values: this.#values(name, q), warnings: [] }),
      exemplars: () => Promise.resolve([]),
      metadata: () => Promise.resolve([]),
      close: () => undefined,
    };
  }

  /** Reads the selections of this store. */
  reader(): ChunkReader {
    return {
      load: () => Promise.resolve(),
      series: (s, i, mint, maxt, into) =>
        copyRange(this.#series[s.chunks.offset[s.first[i]!]!]!.samples, mint, maxt, into),
    };
  }

  #of(ref: number): Column {
    const series = this.#series[ref - 1];
    if (series === undefined) throw new RangeError(`no series ${ref}`);
    return series.samples;
  }

  #find(labels: Labels): number {
    const key = labelsKey(labels);
    let at = this.#byLabels.get(key);
    if (at === undefined) {
      at = this.#series.length;
      this.#series.push({ labels, samples: newColumn(16) });
      this.#byLabels.set(key, at);
      this.#order = null;
    }
    return at;
  }

  /** Numbers of the series that match, in label order. */
  #matching(mint: number, maxt: number, matchers: readonly Matcher[]): number[] {
    const series = this.#series;
    this.#order ??= series
      .map((_, i) => i)
      .sort((a, b) => compareLabels(series[a]!.labels, series[b]!.labels));
    const tests = matchers.map((m) => ({ name: m.name, test: compileMatcher(m) }));
    return this.#order.filter((i) => {
      const { labels, samples } = series[i]!;
      if (samples.n === 0 || samples.t[0]! > maxt || samples.t[samples.n - 1]! < mint) return false;
      return tests.every(({ name, test }) => test(labelValue(labels, name)));
    });
  }

  #names(q: LabelQuery): string[] {
    const names = new Set<string>();
    for (const i of this.#anyMatching(q))
      this.#series[i]!.labels.forEach((x, k) => k % 2 === 0 && names.add(x));
    return [...names].sort(compareText);
  }

  #values(name: string, q: LabelQuery): string[] {
    const values = new Set(this.#anyMatching(q).map((i) => labelValue(this.#series[i]!.labels, name)));
    values.delete('');
    return [...values].sort(compareText);
  }

  #anyMatching(q: LabelQuery): number[] {
    const sets = q.matchers.length === 0 ? [[]] : q.matchers;
    return [...new Set(sets.flatMap((m) => this.#matching(q.mint, q.maxt, m)))];
  }

  /** Each series has one chunk: its column, by the series' number as `offset`. */
  #select(mint: number, maxt: number, matchers: readonly Matcher[]): Selection {
    const rows = this.#matching(mint, maxt, matchers);
    const n = rows.length;
    const symbols = new Map<string, number>();
    const symbolOf = (text: string): number => {
      let s = symbols.get(text);
      if (s === undefined) {
        s = symbols.size;
        symbols.set(text, s);
      }
      return s;
    };
    const flat = rows.map((i) => this.#series[i]!.labels.map(symbolOf));
    const labelFirst = new Uint32Array(n + 1);
    flat.forEach((l, i) => (labelFirst[i + 1] = labelFirst[i]! + l.length));
    const samplesOf = (i: number): Column => this.#series[i]!.samples;
    return {
      count: n,
      symbols: symbolPages([...symbols.keys()]),
      labelFirst,
      labelSymbols: Uint32Array.from(flat.flat()),
      first: Uint32Array.from({ length: n + 1 }, (_, i) => i),
      chunks: {
        arena: new Uint16Array(n),
        source: new Uint16Array(n),
        offset: Float64Array.from(rows),
        bytes: new Uint32Array(n),
        samples: Uint32Array.from(rows, (i) => samplesOf(i).n),
        mint: Float64Array.from(rows, (i) => samplesOf(i).t[0]!),
        maxt: Float64Array.from(rows, (i) => samplesOf(i).t[samplesOf(i).n - 1]!),
        encoding: new Uint8Array(n).fill(ENCODING.plain),
      },
      arenas: [],
      deleted: null,
      warnings: [],
    };
  }
}

/** Makes room for one more sample at t_ms; returns why that cannot be. `same`: whether the newest sample is this one. */
function offer(c: Column, t_ms: number, same: () => boolean): number {
  if (c.n > 0 && t_ms <= c.t[c.n - 1]!) {
    if (t_ms < c.t[c.n - 1]!) return FAULT.out_of_order;
    return same() ? KNOWN : FAULT.duplicate;
  }
  growColumn(c, c.n + 1);
  c.t[c.n] = t_ms;
  return FAULT.none;
}

/** The sample is there already: taken, and nothing to do. */
const KNOWN = -1;

function appendFloat(c: Column, t_ms: number, low: number, high: number, st_ms: number): number {
  const { n } = c;
  const fault = offer(
    c,
    t_ms,
    () =>
      (c.kind === null || c.kind[n - 1] === KIND.float) &&
      c.bits[2 * n - 2] === low &&
      c.bits[2 * n - 1] === high,
  );
  if (fault !== FAULT.none) return fault === KNOWN ? FAULT.none : fault;
  c.bits[2 * n] = low;
  c.bits[2 * n + 1] = high;
  if (c.kind !== null) {
    c.kind[n] = KIND.float;
    appendEmptyRows(c.h!, 1);
  }
  finish(c, st_ms);
  return FAULT.none;
}

function appendHistogramSample(
  c: Column,
  { t_ms, kind, st_ms }: { readonly t_ms: number; readonly kind: number; readonly st_ms: number },
  h: HistogramColumns,
  row: number,
): number {
  const { n } = c;
  const fault = offer(
    c,
    t_ms,
    () => c.kind !== null && c.kind[n - 1] === kind && sameHistogram(c.h!, n - 1, h, row),
  );
  if (fault !== FAULT.none) return fault === KNOWN ? FAULT.none : fault;
  if (c.kind === null) needKinds(c, n);
  c.v[n] = 0;
  c.kind![n] = kind;
  appendHistogramRow(c.h!, h, row);
  c.h!.resetHint[n] = hintBehind(c, n);
  finish(c, st_ms);
  return FAULT.none;
}

/**
 * The reset hint of the new sample n as a store on disk gives it: gauge, or unknown where a chunk begins (behind floats, resets and
 * another layout), or that there was no reset.
 */
function hintBehind(c: Column, n: number): number {
  const h = fromColumns(c.h!, n);
  if (h.resetHint === RESET_HINT.gauge) return RESET_HINT.gauge;
  if (n === 0 || c.kind![n - 1] === KIND.float || isStaleRow(c.h!, n - 1)) return RESET_HINT.unknown;
  const before = fromColumns(c.h!, n - 1);
  const apart =
    before.resetHint === RESET_HINT.gauge ||
    before.schema !== h.schema ||
    before.zeroThreshold !== h.zeroThreshold ||
    !sameBounds(before.bounds, h.bounds);
  // A claim that there was no reset is not believed, that there was one is.
  const judged = h.resetHint === RESET_HINT.reset ? h : withHint(h, RESET_HINT.unknown);
  return apart || detectReset(judged, before) ? RESET_HINT.unknown : RESET_HINT.notReset;
}

/** The first n samples are floats: their rows are empty. */
function needKinds(c: Column, n: number): void {
  c.kind = new Uint8Array(c.t.length);
  c.h = newHistogramColumns(n + 1);
  appendEmptyRows(c.h, n);
}

function finish(c: Column, st_ms: number): void {
  if (c.st === null && st_ms !== 0) c.st = new Float64Array(c.t.length);
  if (c.st !== null) c.st[c.n] = st_ms;
  c.n++;
}

/** Replaces `into` by the samples of `from` in [mint, maxt]. */
function copyRange(from: Column, mint: number, maxt: number, into: Column): void {
  let first = 0;
  while (first < from.n && from.t[first]! < mint) first++;
  let end = from.n;
  while (end > first && from.t[end - 1]! > maxt) end--;
  const n = end - first;
  into.n = 0;
  into.st = null;
  into.kind = null;
  growColumn(into, n);
  into.t.set(from.t.subarray(first, end));
  into.bits.set(from.bits.subarray(2 * first, 2 * end));
  if (from.st !== null) {
    into.st = new Float64Array(into.t.length);
    into.st.set(from.st.subarray(first, end));
  }
  const kind = from.kind?.subarray(first, end) ?? null;
  if (kind?.some((k) => k !== KIND.float) === true) {
    into.kind = new Uint8Array(into.t.length);
    into.kind.set(kind);
    into.h ??= newHistogramColumns(n);
    clearHistograms(into.h);
    for (let i = first; i < end; i++) appendHistogramRow(into.h, from.h!, i);
  } else into.h = null;
  into.n = n;
}
