import { simWorld } from '@munjigi/env/sim';
import { compileMatcher, type Matcher, type MatchOp } from '@munjigi/model';
import { expect, test } from 'vitest';
import { compileTests, matchRows, type MatchTables } from './match.ts';
import { addPostings, newPostings } from './postings.ts';
import { removeRows } from './postings-sweep.ts';
import { PUBLISHED, addRow, freeRow, hashSymbols, newSeriesTable, removeRow } from './series.ts';
import { newSlicer, type Slicer } from './slicer.ts';
import { newSymbolTable } from './symbol-table.ts';

type Labels = Record<string, string>;

interface Store extends MatchTables {
  /** By row; no labels: there is no such series. */
  readonly labels: (Labels | undefined)[];
}

function newStore(): Store {
  return { series: newSeriesTable(), symbols: newSymbolTable(1), postings: newPostings(), labels: [] };
}

function add(s: Store, labels: Labels): number {
  const words = Uint32Array.from(
    Object.entries(labels)
      .filter(([, value]) => value !== '')
      .flat()
      .map((text) => s.symbols.add(text)),
  );
  const row = addRow(s.series, words, words.length, hashSymbols(words, 0, words.length), 0);
  s.series.flags[row]! |= PUBLISHED;
  addPostings(s.postings, words, 0, words.length, row);
  s.labels[row] = labels;
  return row;
}

async function remove(s: Store, dead: readonly number[], slicer: Slicer): Promise<void> {
  const isDead = new Uint8Array(s.series.end);
  for (const row of dead) {
    isDead[row] = 1;
    removeRow(s.series, row);
    s.series.flags[row] = PUBLISHED;
    s.labels[row] = undefined;
  }
  await removeRows(s.postings, s.series, isDead, slicer);
  for (const row of dead) freeRow(s.series, row);
}

function matching(s: Store, matchers: readonly Matcher[]): number[] {
  const tests = matchers.map((m) => ({ name: m.name, test: compileMatcher(m) }));
  const rows: number[] = [];
  s.labels.forEach((labels, row) => {
    if (labels !== undefined && tests.every((t) => t.test(labels[t.name] ?? ''))) rows.push(row);
  });
  return rows;
}

const OPS: MatchOp[] = ['=', '!=', '=~', '!~'];
const PATTERNS =
  String.raw`|.*|.+|a.*|.*b|.*1.*|a/b|a/|(a/b)1?|[ab]\d+|pod-1.*|pod-(2/30).+|[^a].*|\x{1F600}.*|(?i)A.*|é/\x{FF5E}.|none|none.*|pod-[0-9]*7|(pod-1/a).*|pod-1.*/`
    .split('|')
    .map((pattern) => pattern.replaceAll('/', '|'));
const VALUES = ['', 'a', 'b', 'a1', 'b1', 'é', '\u{1f600}', '\u{1f600}x', '\u{ff5e}y', 'pod-17', 'none'];

function randomMatchers(below: (n: number) => number): Matcher[] {
  return Array.from({ length: 1 + below(3) }, () => {
    const op = OPS[below(4)]!;
    const from = op.includes('~') ? PATTERNS : VALUES;
    return {
      name: ['few', 'many', 'some', 'rare', 'absent'][below(5)]!,
      op,
      value: from[below(from.length)]!,
    };
  });
}

/** `many` has thousands of values, `rare` few series. */
function randomLabels(below: (n: number) => number, n: number): Labels {
  const labels: Labels = { few: VALUES[below(10)]!, many: below(9) === 0 ? '' : `pod-${n}` };
  if (below(3) > 0) labels['some'] = VALUES[below(10)]! + (below(2) === 0 ? '' : String(below(200)));
  if (below(500) === 0) labels['rare'] = VALUES[1 + below(9)]!;
  return labels;
}

test('random matchers over thousands of series against the plain truth, before and after series went', async () => {
  const world = simWorld(11);
  const random = world.random('matchers');
  const below = (n: number): number => random.below(n);
  const slicer = newSlicer(world.env.clock, 5);
  const s = newStore();
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 3000; n++) add(s, randomLabels(below, 3000 * round + n));
    for (let run = 0; run < 120; run++) {
      const matchers = randomMatchers(below);
      const found = await world.run(matchRows(s, compileTests(matchers), slicer));
      expect({ matchers, rows: [...found] }).toEqual({ matchers, rows: matching(s, matchers) });
    }
    const dead = [...s.labels.keys()].filter((row) => s.labels[row] !== undefined && below(3) === 0);
    await world.run(remove(s, dead, slicer));
  }
  // What is in order are the oldest values still.
  const many = s.postings.names.get(s.symbols.find('many'))!;
  const { n, runs } = many.order;
  const inRuns = Uint32Array.from(runs.flatMap((run) => Array.from(run)));
  expect(inRuns.sort()).toEqual(many.pairs.slice(0, n).sort());
});

test('series come whenever matching rests: those from before are found, then all', async () => {
  const random = simWorld(12).random('matchers');
  const below = (n: number): number => random.below(n);
  const s = newStore();
  let n = 0;
  let left = 0;
  for (; n < 3000; n++) add(s, randomLabels(below, n));
  const hostile: Slicer = {
    chunk: 64,
    due: () => below(100) === 0 && left-- > 0,
    async rest(): Promise<void> {
      for (let k = below(20); k > 0; k--) add(s, randomLabels(below, n++));
    },
  };
  const still: Slicer = { chunk: 64, due: () => false, rest: () => Promise.resolve() };
  for (let run = 0; run < 150; run++) {
    const matchers = randomMatchers(below);
    const tests = compileTests(matchers);
    const before = matching(s, matchers);
    left = 5;
    const found = await matchRows(s, tests, hostile);
    const after = matching(s, matchers);
    const known = new Set(found);
    expect({ matchers, missing: before.filter((row) => !known.has(row)) }).toEqual({ matchers, missing: [] });
    expect([...found]).toEqual(after.filter((row) => known.has(row)));
    expect({ matchers, rows: [...(await matchRows(s, tests, still))] }).toEqual({ matchers, rows: after });
  }
});

test('values with a prefix are found in the runs that searches sort', async () => {
  const world = simWorld(13);
  const s = newStore();
  const slicer = newSlicer(world.env.clock, 5);
  const random = world.random('values');
  for (let i = 0; i < 40_000; i++) add(s, { v: `${VALUES[1 + random.below(8)]!}${i}` });
  const many = s.postings.names.get(s.symbols.find('v'))!;
  const matchers: Matcher[] = [{ name: 'v', op: '=~', value: '\u{1f600}.*|a1.+|é3[0-9]*' }];
  const wanted = matching(s, matchers);
  const sorted: number[] = [];
  for (let search = 0; search < 5; search++) {
    expect([...(await world.run(matchRows(s, compileTests(matchers), slicer)))]).toEqual(wanted);
    sorted.push(many.order.n);
    for (let i = 1; i < many.order.runs.length; i++)
      expect(2 * many.order.runs[i]!.length).toBeLessThanOrEqual(many.order.runs[i - 1]!.length);
  }
  const all = many.n - (many.n % 256);
  expect(sorted).toEqual([16_384, 32_768, all, all, all]);
});
