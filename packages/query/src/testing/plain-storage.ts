// A store of plain arrays for tests: every series is one `plain` chunk in a shared page, symbols in shared pages, leases counted.
import {
  compareLabels,
  compileMatcher,
  encodeUtf8,
  ENCODING,
  growColumn,
  labelsFromObject,
  labelValue,
  SYMBOL_PAGE_BYTES,
  type ChunkReader,
  type Labels,
  type Matcher,
  type Queryable,
  type Selection,
  type SymbolPages,
} from '@munjigi/model';

export interface PlainSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly t: readonly number[];
  readonly v: readonly number[];
}

export interface PlainStorage extends Queryable {
  readonly open: number;
  readonly reader: ChunkReader;
}

export function plainStorage(series: readonly PlainSeries[]): PlainStorage {
  const sorted = series
    .map(({ labels, t, v }) => ({ labels: labelsFromObject(labels), t, v }))
    .sort((a, b) => compareLabels(a.labels, b.labels));
  const symbols = symbolTable(sorted.flatMap(({ labels }) => labels));
  const samples = sorted.reduce((sum, { t }) => sum + t.length, 0);
  const buffer = new SharedArrayBuffer(16 * Math.max(1, samples));
  const offsets: number[] = [];
  let at = 0;
  for (const { t, v } of sorted) {
    offsets.push(at);
    const pairs = new Float64Array(buffer, at, 2 * t.length);
    t.forEach((time, i) => {
      pairs[2 * i] = time;
      pairs[2 * i + 1] = v[i]!;
    });
    at += 16 * t.length;
  }
  let open = 0;
  const matching = (matchers: readonly Matcher[], mint: number, maxt: number): number[] => {
    const tests = matchers.map((m) => ({ name: m.name, test: compileMatcher(m) }));
    return sorted.flatMap(({ labels, t }, i) => {
      const inRange = t.some((time) => time >= mint && time <= maxt);
      return inRange && tests.every(({ name, test }) => test(labelValue(labels, name))) ? [i] : [];
    });
  };
  const select = (matchers: readonly Matcher[], mint: number, maxt: number): Selection => {
    const found = matching(matchers, mint, maxt);
    const labelSymbols: number[] = [];
    const labelFirst = [0];
    for (const i of found) {
      for (const text of sorted[i]!.labels) labelSymbols.push(symbols.number(text));
      labelFirst.push(labelSymbols.length);
    }
    const column = (value: (series: (typeof sorted)[number], i: number) => number): number[] =>
      found.map((i) => value(sorted[i]!, i));
    return {
      count: found.length,
      symbols: symbols.pages,
      labelFirst: Uint32Array.from(labelFirst),
      labelSymbols: Uint32Array.from(labelSymbols),
      first: Uint32Array.from({ length: found.length + 1 }, (_, k) => k),
      chunks: {
        arena: Uint16Array.from(column(() => 0)),
        source: Uint16Array.from(column(() => 0)),
        offset: Float64Array.from(column((_, i) => offsets[i]!)),
        bytes: Uint32Array.from(column(({ t }) => 16 * t.length)),
        samples: Uint32Array.from(column(({ t }) => t.length)),
        mint: Float64Array.from(column(({ t }) => t[0]!)),
        maxt: Float64Array.from(column(({ t }) => t.at(-1)!)),
        encoding: Uint8Array.from(column(() => ENCODING.plain)),
      },
      arenas: [{ kind: 'memory', id: 0, buffer }],
      deleted: null,
      warnings: [],
    };
  };
  const labelsOf = (q: {
    matchers: readonly (readonly Matcher[])[];
    mint: number;
    maxt: number;
  }): Labels[] => {
    const sets = q.matchers.length === 0 ? [[]] : q.matchers;
    return [...new Set(sets.flatMap((m) => matching(m, q.mint, q.maxt)))].map((i) => sorted[i]!.labels);
  };
  return {
    get open() {
      return open;
    },
    reader: plainReader,
    querier: () => {
      open++;
      let closed = false;
      return {
        select: (mint, maxt, matchers) => Promise.resolve(select(matchers, mint, maxt)),
        labelNames: (q) => {
          const names = new Set(labelsOf(q).flatMap((l) => l.filter((_, i) => i % 2 === 0)));
          return Promise.resolve({ names: [...names].sort(), warnings: [] });
        },
        labelValues: (name, q) => {
          const values = new Set(labelsOf(q).map((l) => labelValue(l, name)));
          return Promise.resolve({ values: [...values].filter((v) => v !== '').sort(), warnings: [] });
        },
        exemplars: (_mint, _maxt, matchers) =>
          Promise.resolve(
            labelsOf({ matchers, mint: -Infinity, maxt: Infinity }).map((labels) => ({
              labels,
              exemplars: [{ labels: labelsFromObject({ trace: 'x' }), value: Infinity, t_ms: 1500 }],
            })),
          ),
        metadata: (metric) =>
          Promise.resolve(
            ['b', 'a', 'a'].flatMap((name, i) =>
              metric === undefined || metric === name
                ? [{ metric: name, type: 'gauge' as const, help: `help ${i}`, unit: '' }]
                : [],
            ),
          ),
        close: () => {
          if (!closed) open--;
          closed = true;
        },
      };
    },
  };
}

const plainReader: ChunkReader = {
  load: () => Promise.resolve(),
  series(s, i, mint, maxt, into) {
    into.n = 0;
    for (let c = s.first[i]!; c < s.first[i + 1]!; c++) {
      const arena = s.arenas[s.chunks.arena[c]!]!;
      if (arena.kind !== 'memory') throw new Error('plain chunks lie in memory');
      const n = s.chunks.samples[c]!;
      const pairs = new Float64Array(arena.buffer, s.chunks.offset[c], 2 * n);
      growColumn(into, into.n + n);
      for (let k = 0; k < n; k++) {
        const t = pairs[2 * k]!;
        if (t < mint || t > maxt) continue;
        into.t[into.n] = t;
        into.v[into.n++] = pairs[2 * k + 1]!;
      }
    }
  },
};

function symbolTable(texts: readonly string[]): { pages: SymbolPages; number(text: string): number } {
  const numbers = new Map<string, number>();
  for (const text of texts) if (!numbers.has(text)) numbers.set(text, numbers.size);
  const index = new SharedArrayBuffer(8 * Math.max(1, numbers.size));
  const data = new SharedArrayBuffer(SYMBOL_PAGE_BYTES);
  const entries = new Uint32Array(index);
  const bytes = new Uint8Array(data);
  let at = 0;
  for (const [text, number] of numbers) {
    entries[2 * number + 1] = at;
    const end = encodeUtf8(text, bytes, at + 4);
    new DataView(data).setUint32(at, end - at - 4, true);
    at = end;
  }
  return {
    pages: { count: numbers.size, index: [index], data: [data] },
    number: (text) => numbers.get(text)!,
  };
}
