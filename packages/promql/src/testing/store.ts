// A store in memory and everything in one thread: for tests of this package and of those above it.
import {
  compareLabels,
  compileMatcher,
  encodeUtf8,
  ENCODING,
  growColumn,
  labelValue,
  newSharedBuffer,
  type ChunkReader,
  type Column,
  type ExemplarSeries,
  type Labels,
  type LabelQuery,
  type Matcher,
  type Querier,
  type Queryable,
  type Selection,
  type SymbolPages,
} from '@munjigi/model';
import { execute } from '../execute.ts';
import { newBudget, fragmentRange, type Budget, type Fragment, type FragmentPartial } from '../fragment.ts';
import { parse, type ParseOptions } from '../parse.ts';
import { plan, type PlanOptions } from '../plan.ts';
import { printParseError } from '../position.ts';
import type { Result } from '../result.ts';
import { runFragment } from '../run-fragment.ts';

/** Series with their samples as plain columns in one shared arena, behind the storage seam. */
export class MemoryStore implements Queryable {
  readonly #series: { labels: Labels; t: number[]; v: Float64Array; n: number }[] = [];
  #arena: SharedArrayBuffer | null = null;
  #offsets: number[] = [];
  #sorted = true;

  /** Adds a series' samples, in time order. `v` may hold staleness marks: it is copied as bytes. */
  add(labels: Labels, t: readonly number[], v: Float64Array): void {
    const known = this.#series.find((s) => compareLabels(s.labels, labels) === 0);
    if (known !== undefined) {
      const merged = mergeColumns(known.t, known.v, t, v);
      known.t = merged.t;
      known.v = merged.v;
      known.n = merged.t.length;
    } else {
      const copy = new Float64Array(t.length);
      new Uint32Array(copy.buffer).set(new Uint32Array(v.buffer, v.byteOffset, 2 * t.length));
      this.#series.push({ labels, t: [...t], v: copy, n: t.length });
    }
    this.#sorted = false;
    this.#arena = null;
  }

  get seriesCount(): number {
    return this.#series.length;
  }

  querier(): Querier {
    this.#seal();
    return {
      select: (mint, maxt, matchers) => Promise.resolve(this.#select(mint, maxt, matchers)),
      labelNames: (q) => Promise.resolve({ names: this.#names(q), warnings: [] }),
      labelValues: (name, q) => Promise.resolve({ values: this.#values(name, q), warnings: [] }),
      exemplars: () => Promise.resolve([] as ExemplarSeries[]),
      metadata: () => Promise.resolve([]),
      close: () => undefined,
    };
  }

  /** Reads the selections of this store. */
  reader(): ChunkReader {
    return plainReader;
  }

  #seal(): void {
    if (!this.#sorted) {
      this.#series.sort((a, b) => compareLabels(a.labels, b.labels));
      this.#sorted = true;
    }
    if (this.#arena !== null) return;
    const total = this.#series.reduce((sum, s) => sum + 16 * s.n, 0);
    this.#arena = newSharedBuffer(Math.max(8, total));
    this.#offsets = [];
    let at = 0;
    for (const s of this.#series) {
      this.#offsets.push(at);
      const pairs = new Float64Array(this.#arena, at, 2 * s.n);
      const bits = new Uint32Array(this.#arena, at, 4 * s.n);
      const from = new Uint32Array(s.v.buffer, s.v.byteOffset, 2 * s.n);
      for (let i = 0; i < s.n; i++) {
        pairs[2 * i] = s.t[i]!;
        bits[4 * i + 2] = from[2 * i]!;
        bits[4 * i + 3] = from[2 * i + 1]!;
      }
      at += 16 * s.n;
    }
  }

  #matching(mint: number, maxt: number, matchers: readonly Matcher[]): number[] {
    const tests = matchers.map((m) => ({ name: m.name, test: compileMatcher(m) }));
    return this.#series
      .map((_, i) => i)
      .filter((i) => {
        const s = this.#series[i]!;
        if (s.n === 0 || s.t[0]! > maxt || s.t[s.n - 1]! < mint) return false;
        return tests.every(({ name, test }) => test(labelValue(s.labels, name)));
      });
  }

  #names(q: LabelQuery): string[] {
    const names = new Set<string>();
    for (const i of this.#anyMatching(q))
      this.#series[i]!.labels.forEach((x, k) => k % 2 === 0 && names.add(x));
    return [...names].sort();
  }

  #values(name: string, q: LabelQuery): string[] {
    const values = new Set(this.#anyMatching(q).map((i) => labelValue(this.#series[i]!.labels, name)));
    values.delete('');
    return [...values].sort();
  }

  #anyMatching(q: LabelQuery): number[] {
    const sets = q.matchers.length === 0 ? [[]] : q.matchers;
    return [...new Set(sets.flatMap((m) => this.#matching(q.mint, q.maxt, m)))];
  }

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
    const column = (f: (i: number) => number): Float64Array => Float64Array.from(rows, f);
    return {
      count: n,
      symbols: pagesOf([...symbols.keys()]),
      labelFirst,
      labelSymbols: Uint32Array.from(flat.flat()),
      first: Uint32Array.from({ length: n + 1 }, (_, i) => i),
      chunks: {
        arena: new Uint16Array(n),
        source: new Uint16Array(n),
        offset: column((i) => this.#offsets[i]!),
        bytes: Uint32Array.from(rows, (i) => 16 * this.#series[i]!.n),
        samples: Uint32Array.from(rows, (i) => this.#series[i]!.n),
        mint: column((i) => this.#series[i]!.t[0]!),
        maxt: column((i) => this.#series[i]!.t.at(-1)!),
        encoding: new Uint8Array(n).fill(ENCODING.plain),
      },
      arenas: [{ kind: 'memory', id: 0, buffer: this.#arena! }],
      deleted: null,
      warnings: [],
    };
  }
}

/** Joins two columns by time; at equal times the second wins. */
function mergeColumns(
  t1: readonly number[],
  v1: Float64Array,
  t2: readonly number[],
  v2: Float64Array,
): { t: number[]; v: Float64Array } {
  const at = new Map<number, { bits: Uint32Array; i: number }>();
  const bits1 = new Uint32Array(v1.buffer, v1.byteOffset);
  const bits2 = new Uint32Array(v2.buffer, v2.byteOffset);
  t1.forEach((t, i) => at.set(t, { bits: bits1, i }));
  t2.forEach((t, i) => at.set(t, { bits: bits2, i }));
  const t = [...at.keys()].sort((a, b) => a - b);
  const v = new Float64Array(t.length);
  const out = new Uint32Array(v.buffer);
  t.forEach((time, k) => {
    const { bits, i } = at.get(time)!;
    out[2 * k] = bits[2 * i]!;
    out[2 * k + 1] = bits[2 * i + 1]!;
  });
  return { t, v };
}

function pagesOf(texts: readonly string[]): SymbolPages {
  const index = newSharedBuffer(Math.max(8, 8 * texts.length));
  const room = texts.reduce((sum, text) => sum + 4 + 3 * text.length, 0);
  const data = newSharedBuffer(Math.max(4, room));
  const bytes = new Uint8Array(data);
  const entries = new Uint32Array(index);
  let at = 0;
  texts.forEach((text, i) => {
    entries[2 * i] = 0;
    entries[2 * i + 1] = at;
    const end = encodeUtf8(text, bytes, at + 4);
    new DataView(data).setUint32(at, end - at - 4, true);
    at = end;
  });
  return { count: texts.length, index: [index], data: [data] };
}

/** Reads ENCODING.plain chunks; each series of a MemoryStore has one. */
export const plainReader: ChunkReader = {
  load: () => Promise.resolve(),
  series(s: Selection, i: number, mint: number, maxt: number, into: Column): void {
    const chunk = s.first[i]!;
    const n = s.chunks.samples[chunk]!;
    const arena = s.arenas[s.chunks.arena[chunk]!]!;
    if (arena.kind !== 'memory') throw new TypeError('a MemoryStore has no files');
    const offset = s.chunks.offset[chunk]!;
    const pairs = new Float64Array(arena.buffer, offset, 2 * n);
    const bits = new Uint32Array(arena.buffer, offset, 4 * n);
    let from = 0;
    while (from < n && pairs[2 * from]! < mint) from++;
    let to = n;
    while (to > from && pairs[2 * (to - 1)]! > maxt) to--;
    into.n = 0;
    into.st = null;
    into.kind = null;
    into.h = null;
    growColumn(into, to - from);
    for (let i = from; i < to; i++) {
      into.t[into.n] = pairs[2 * i]!;
      into.bits[2 * into.n] = bits[4 * i + 2]!;
      into.bits[2 * into.n + 1] = bits[4 * i + 3]!;
      into.n++;
    }
  },
};

/** A store and the reader of its chunks. */
export interface Readable {
  querier(): Querier;
  reader(): ChunkReader;
}

export type QueryParams = Omit<PlanOptions, 'text'> & {
  readonly parser?: ParseOptions;
  readonly budget?: Budget;
};

/** Parses, plans and executes in this thread. Throws QueryError, and Error with the first parse error's text. */
export async function queryOnce(storage: Readable, text: string, params: QueryParams): Promise<Result> {
  const parsed = parse(text, params.parser);
  if ('errors' in parsed) throw new Error(printParseError(parsed.errors[0]!));
  const querier = storage.querier();
  const reader = storage.reader();
  const budget = params.budget ?? newBudget();
  try {
    const run = async (f: Fragment): Promise<FragmentPartial> => {
      const { mint, maxt } = fragmentRange(f);
      const selection = await querier.select(mint, maxt, f.matchers);
      return runFragment(f, selection, reader, budget);
    };
    return await execute(plan(parsed.expr, { ...params, text }), { run, budget });
  } finally {
    querier.close();
  }
}
