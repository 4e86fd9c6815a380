import { simWorld, type SimWorld } from '@munjigi/env/sim';
import {
  ENCODING,
  SymbolReader,
  compareLabels,
  compareText,
  compileMatcher,
  labelValue,
  labelsFrom,
  type BlockRef,
  type Labels,
  type Matcher,
  type Queryable,
  type Selection,
} from '@munjigi/model';
import { beforeEach, expect, test } from 'vitest';
import { withBlocks } from './querier.ts';
import { tombstonesFrom, writeTombstones } from './tombstones.ts';
import { newSymbolTable } from '../head/symbol-table.ts';
import { writeRandomBlock, type RandomBlock } from '../testing/random-block.ts';

const ULIDS = ['01HF7YAT00000000000000000A', '01HF7YAT00000000000000000B', '01HF7YAT00000000000000000C'];
// The third was written last and lies over the other two.
const RANGES = [
  [0, 1000],
  [1000, 2000],
  [500, 1500],
] as const;

interface Sample {
  readonly t: number;
  /** Where its chunk lies. */
  readonly at: string;
}

let world: SimWorld;
let blocks: RandomBlock[];
let refs: BlockRef[];

beforeEach(async () => {
  world = simWorld(1);
  world.env.files.makeDir('/data');
  blocks = [];
  for (const [i, [mint, maxt]] of RANGES.entries())
    blocks.push(
      await world.run(
        writeRandomBlock(world.env.files, '/data', ULIDS[i]!, world.random(String(i)), {
          series: 150,
          mint,
          maxt,
        }),
      ),
    );
  refs = blocks.map(({ meta, dir }) => ({
    dir,
    ulid: meta.ulid,
    mint: meta.minTime,
    maxt: meta.maxTime,
    version: 0,
  }));
});

/** A store with one chunk [2000, 2100] of each of these series. */
function store(series: readonly Labels[]): { queryable: Queryable; opened: () => number } {
  let open = 0;
  const symbols = newSymbolTable(7);
  const find = (matchers: readonly Matcher[]): Labels[] => {
    const tests = matchers.map((m) => ({ name: m.name, test: compileMatcher(m) }));
    return series
      .filter((labels) => tests.every((t) => t.test(labelValue(labels, t.name))))
      .toSorted(compareLabels);
  };
  const texts = (of: (labels: Labels) => readonly string[]): string[] =>
    [...new Set(series.flatMap(of))].sort(compareText);
  const queryable: Queryable = {
    querier() {
      open++;
      return {
        async select(mint, maxt, matchers): Promise<Selection> {
          const found = mint <= 2100 && maxt >= 2000 ? find(matchers) : [];
          const n = found.length;
          const words = found.flatMap((labels) => labels.map((text) => symbols.add(text)));
          const first = Uint32Array.from({ length: n + 1 }, (_, i) => i);
          const labelFirst = new Uint32Array(n + 1);
          found.forEach((labels, i) => (labelFirst[i + 1] = labelFirst[i]! + labels.length));
          return {
            count: n,
            symbols: symbols.pages(),
            labelFirst,
            labelSymbols: Uint32Array.from(words),
            first,
            chunks: {
              arena: new Uint16Array(n),
              source: new Uint16Array(n).fill(60_000),
              offset: Float64Array.from({ length: n }, (_, i) => 32 * i),
              bytes: new Uint32Array(n).fill(30),
              samples: new Uint32Array(n).fill(2),
              mint: new Float64Array(n).fill(2000),
              maxt: new Float64Array(n).fill(2100),
              encoding: new Uint8Array(n).fill(ENCODING.xor),
            },
            arenas: [{ kind: 'memory', id: 0, buffer: new SharedArrayBuffer(8) }],
            deleted: null,
            warnings: ['of the store'],
            lease: new SharedArrayBuffer(4),
            blocks: refs,
          };
        },
        labelNames: async () => ({
          names: texts((labels) => labels.filter((_, i) => i % 2 === 0)),
          warnings: [],
          blocks: refs,
        }),
        labelValues: async (name) => ({
          values: texts((labels) => [labelValue(labels, name)]).filter((v) => v !== ''),
          warnings: [],
          blocks: refs,
        }),
        exemplars: async () => [{ labels: series[0]!, exemplars: [] }],
        metadata: async () => [{ metric: 'm', type: 'counter', help: '', unit: '' }],
        close: () => void open--,
      };
    },
  };
  return { queryable, opened: () => open };
}

const OWN: Labels[] = [
  labelsFrom([['__name__', 'm0']]),
  labelsFrom([
    ['__name__', 'm1'],
    ['\u{1f600}1', 'only here'],
  ]),
];

/** Labels as text -> its samples in the order of the selection. */
function print(s: Selection): Map<string, Sample[]> {
  const reader = new SymbolReader(s.symbols);
  const out = new Map<string, Sample[]>();
  for (let i = 0; i < s.count; i++) {
    const words = s.labelSymbols.subarray(s.labelFirst[i], s.labelFirst[i + 1]);
    const samples: Sample[] = [];
    for (let k = s.first[i]!; k < s.first[i + 1]!; k++) {
      const arena = s.arenas[s.chunks.arena[k]!]!;
      samples.push({
        t: s.chunks.mint[k]!,
        at: `${s.chunks.source[k]} ${arena.kind === 'file' ? arena.path : 'memory'}`,
      });
    }
    out.set(Array.from(words, (w) => reader.text(w)).join('\0'), samples);
  }
  return out;
}

/** What the model says of a select. */
function expected(mint: number, maxt: number, matchers: readonly Matcher[]): Map<string, Sample[]> {
  const tests = matchers.map((m) => ({ name: m.name, test: compileMatcher(m) }));
  const found = new Map<string, { labels: Labels; samples: Sample[] }>();
  const add = (labels: Labels, samples: Sample[]): void => {
    if (samples.length === 0 || !tests.every((t) => t.test(labelValue(labels, t.name)))) return;
    const known = found.get(labels.join('\0'));
    if (known === undefined) found.set(labels.join('\0'), { labels, samples });
    else known.samples.push(...samples);
  };
  // Numbers of age among those that are asked.
  const asked = blocks.filter(({ meta }) => meta.minTime <= maxt && meta.maxTime > mint);
  asked.forEach(({ series, dir }, i) => {
    for (const { labels, times } of series)
      add(
        labels,
        times.filter((t) => t >= mint && t <= maxt).map((t) => ({ t, at: `${i + 1} ${dir}/chunks/000001` })),
      );
  });
  if (mint <= 2100 && maxt >= 2000) for (const labels of OWN) add(labels, [{ t: 2000, at: '60000 memory' }]);
  const sorted = [...found.values()].sort((a, b) => compareLabels(a.labels, b.labels));
  return new Map(sorted.map(({ labels, samples }) => [labels.join('\0'), samples.sort((a, b) => a.t - b.t)]));
}

const SELECTS: readonly (readonly [
  name: string,
  mint: number,
  maxt: number,
  matchers: readonly Matcher[],
])[] = [
  ['everything', -Infinity, Infinity, []],
  ['one block', 0, 499, [{ name: '__name__', op: '!=', value: '' }]],
  ['two blocks', 0, 999, [{ name: '__name__', op: '=~', value: 'm0|m1' }]],
  ['the last block and the store', 1600, 3000, [{ name: '__name__', op: '=', value: 'm1' }]],
  ['negative', 0, 3000, [{ name: 'a1', op: '!~', value: 'a.*' }]],
  ['nothing', 0, 3000, [{ name: 'none', op: '=', value: 'x' }]],
];

/** Texts of each series in order, its chunks in the order of time; chunks of equal times in any order. */
function sortedChunks(selection: Map<string, Sample[]>): [string, Sample[]][] {
  return [...selection].map(([labels, samples]) => [
    labels,
    samples.toSorted((a, b) => a.t - b.t || (a.at < b.at ? -1 : 1)),
  ]);
}

// Slices of 0 ms rest at every step; a small cache drops what it can, and begins new symbol tables.
test.each([
  [1_000_000, 5],
  [0, 0],
])('selections of store and blocks, cache %d, slices of %d ms', async (cacheBytes, slice_ms) => {
  const { queryable, opened } = store(OWN);
  const all = withBlocks(world.env, queryable, { cacheBytes, slice_ms });
  for (const [name, mint, maxt, matchers] of SELECTS) {
    const querier = all.querier();
    const s = await world.run(querier.select(mint, maxt, matchers));
    const found = print(s);
    const model = expected(mint, maxt, matchers);
    expect([...found.keys()], name).toEqual([...model.keys()]);
    expect(sortedChunks(found), name).toEqual(sortedChunks(model));
    for (const samples of found.values())
      expect(samples.map(({ t }) => t)).toEqual(samples.map(({ t }) => t).toSorted((a, b) => a - b));
    expect(s.warnings).toEqual(['of the store']);
    expect(s.lease).toBeDefined();
    expect(s.symbols.table).toBeGreaterThanOrEqual(2 ** 31);
    querier.close();
  }
  expect(opened()).toBe(0);
});

test("a selection that no block lies in is the store's own", async () => {
  const { queryable } = store(OWN);
  const querier = withBlocks(world.env, queryable, { cacheBytes: 1000 }).querier();
  const s = await world.run(querier.select(2000, 3000, []));
  expect(s.symbols.table).toBe(7);
  expect(s.blocks).toEqual(refs);
});

test('limits, and labels without chunks', async () => {
  const { queryable } = store(OWN);
  const querier = withBlocks(world.env, queryable, { cacheBytes: 100_000 }).querier();
  const model = [...expected(0, 3000, []).keys()];
  const limited = await world.run(querier.select(0, 3000, [], { limit: 5 }));
  expect([...print(limited).keys()]).toEqual(model.slice(0, 5));
  const bare = await world.run(querier.select(0, 3000, [], { labelsOnly: true, limit: 100 }));
  expect([...print(bare).keys()]).toEqual(model.slice(0, 100));
  expect(bare.arenas.filter((a) => a.kind === 'file')).toEqual([]);
});

test('deleted ranges hide samples of their block', async () => {
  const { queryable } = store(OWN);
  const all = withBlocks(world.env, queryable, { cacheBytes: 100_000 });
  const matchers: Matcher[] = [{ name: '__name__', op: '=', value: 'm0' }];
  const before = await world.run(all.querier().select(0, 1999, matchers));
  expect(before.deleted).toBeNull();
  // The first series of the second block, wherever it is.
  await deleteFirst(1100, 1200, 1);
  const after = await world.run(all.querier().select(0, 1999, []));
  const rows: unknown[] = [];
  [...print(after).keys()].forEach((labels, i) => {
    for (let k = after.deleted!.first[i]!; k < after.deleted!.first[i + 1]!; k++)
      rows.push([labels, after.deleted!.source[k], after.deleted!.mint[k], after.deleted!.maxt[k]]);
  });
  expect(rows).toEqual([[blocks[1]!.series[0]!.labels.join('\0'), 2, 1100, 1200]]);
  expect((await world.run(all.querier().select(0, 999, []))).deleted).toBeNull();

  await deleteFirst(0, 5000, 2);
  const gone = await world.run(all.querier().select(1500, 1999, []));
  blocks[1] = { ...blocks[1]!, series: blocks[1]!.series.slice(1) };
  expect([...print(gone).keys()]).toEqual([...expected(1500, 1999, []).keys()]);
});

async function deleteFirst(mint: number, maxt: number, version: number): Promise<void> {
  const tombstones = writeTombstones(tombstonesFrom([firstRef(blocks[1]!)], [mint], [maxt]));
  await world.run(world.env.files.writeWhole(`${blocks[1]!.dir}/tombstones`, tombstones));
  refs[1] = { ...refs[1]!, version };
}

function firstRef({ dir }: RandomBlock): number {
  const index = world.env.files.readFile(`${dir}/index`);
  const toc = new DataView(index.buffer, index.byteOffset + index.length - 52);
  return Math.ceil(toc.getUint32(12) / 16);
}

test('what cannot be read is named, the rest serves', async () => {
  const { queryable } = store(OWN);
  const { files } = world.env;
  files.removeTree(blocks[0]!.dir);
  const index = files.open(`${blocks[1]!.dir}/index`, 'rw');
  index.write(Uint8Array.of(0xff, 0xff), 0, 2, 40);
  index.close();
  const all = withBlocks(world.env, queryable, { cacheBytes: 100_000 });
  const s = await world.run(all.querier().select(0, 3000, []));
  expect(s.warnings).toHaveLength(3);
  expect(s.warnings[1]).toContain(`block ${ULIDS[0]!} cannot be read`);
  expect(s.warnings[2]).toContain(`block ${ULIDS[1]!} cannot be read`);
  expect(s.warnings[2]).toMatch(/index: byte \d+: .*: restore the block/);
  blocks = [{ ...blocks[0]!, series: [] }, { ...blocks[1]!, series: [] }, blocks[2]!];
  expect([...print(s).keys()]).toEqual([...expected(0, 3000, []).keys()]);
  const names = await world.run(all.querier().labelNames({ mint: 0, maxt: 3000, matchers: [], limit: 0 }));
  expect(names.warnings).toHaveLength(1);
});

const QUERIES: readonly (readonly [
  mint: number,
  maxt: number,
  matchers: readonly Matcher[][],
  limit: number,
])[] = [
  [0, 3000, [], 0],
  [0, 400, [], 3],
  [0, 3000, [[{ name: '__name__', op: '=', value: 'm1' }]], 0],
  [600, 1400, [[{ name: 'a1', op: '=~', value: '.+' }], [{ name: 'b2', op: '!=', value: '' }]], 2],
  [5000, 6000, [], 0],
];

test('label names and values', async () => {
  const { queryable } = store(OWN);
  const all = withBlocks(world.env, queryable, { cacheBytes: 100_000 });
  for (const [mint, maxt, matchers, limit] of QUERIES) {
    const q = { mint, maxt, matchers, limit };
    const own = OWN.flatMap((labels) => [...labels]);
    const inBlocks = blocks.flatMap(({ meta, series }) => {
      if (meta.minTime > maxt || meta.maxTime <= mint) return [];
      if (matchers.length === 0) return series.map(({ labels }) => labels);
      return series
        .filter(({ labels, times }) =>
          matchers.some(
            (selector) =>
              times.some((t) => t >= mint && t <= maxt) &&
              selector.every((m) => compileMatcher(m)(labelValue(labels, m.name))),
          ),
        )
        .map(({ labels }) => labels);
    });
    const cut = (texts: Iterable<string>): string[] => {
      const sorted = [...new Set(texts)].filter((text) => text !== '').sort(compareText);
      return limit > 0 ? sorted.slice(0, limit) : sorted;
    };
    const names = await world.run(all.querier().labelNames(q));
    const modelNames = cut([
      ...own.filter((_, i) => i % 2 === 0),
      ...inBlocks.flatMap((labels) => labels.filter((_, i) => i % 2 === 0)),
    ]);
    expect(cut(names.names)).toEqual(modelNames);
    for (const name of ['__name__', 'a1', '\u{1f600}1', 'none']) {
      const { values } = await world.run(all.querier().labelValues(name, q));
      expect(cut(values), name).toEqual(cut([...OWN, ...inBlocks].map((labels) => labelValue(labels, name))));
    }
  }
  const querier = all.querier();
  expect(await querier.exemplars(0, 1, [])).toHaveLength(1);
  expect(await querier.metadata()).toHaveLength(1);
});
