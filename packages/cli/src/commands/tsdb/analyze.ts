// `munjigi tsdb analyze`: where the series of a block come from, and how well its chunks are filled, as promtool tells it.
import type { Env } from '@munjigi/env';
import { nodeEnv } from '@munjigi/env/node';
import { METRIC_NAME, printGoDuration } from '@munjigi/model';
import { compileBlockTests, newBlockCache, openBlock, type Block } from '@munjigi/tsdb';
import { chooseBlock } from './blocks.ts';
import { chunkStatistics, printChunkStatistics } from './chunk-statistics.ts';
import { selectorOption, wholeNumber } from './failure.ts';
import { newPrinter, type Printer } from './output.ts';
import { newProgress, type Progress } from './progress.ts';

export interface AnalyzeOptions {
  readonly limit: string;
  readonly extended?: boolean;
  readonly match?: string;
}

const CACHE_BYTES: number = 64 * 1024 * 1024;

export function analyze(
  path: string,
  ulid: string | undefined,
  options: AnalyzeOptions,
  env: Env = nodeEnv({ logLevel: 'error' }),
  out: Printer = newPrinter(),
): number {
  const limit = wholeNumber('--limit', options.limit, 0);
  const matchers = options.match === undefined ? null : selectorOption(options.match);
  const { dir, meta } = chooseBlock(env.files, path, ulid);
  const progress = newProgress(env.clock, false);
  const block = openBlock(env.files, dir, newBlockCache(CACHE_BYTES));
  try {
    const range = meta.maxTime - meta.minTime;
    out.line(`Block ID: ${meta.ulid}`);
    out.line(`Duration: ${printGoDuration(range)}`);
    out.line(`Total Series: ${meta.stats.numSeries}`);
    if (options.match !== undefined) out.line(`Matcher: ${options.match}`);
    const tests = matchers === null ? null : compileBlockTests(matchers);
    const open = (): ReturnType<Block['series']> => block.series(tests, -Infinity, Infinity);
    const counts = countLabels(block, open(), range, meta.stats.numSeries, progress);
    out.line(`Label names: ${counts.names.size}`);
    if (matchers !== null) out.line(`Matched series: ${counts.series}`);
    out.line(`Postings (unique label pairs): ${counts.pairs.size}`);
    out.line(`Postings entries (total label pairs): ${counts.entries}`);
    printCounts(out, block, counts, range, limit);
    if (options.extended === true)
      printChunkStatistics(out, chunkStatistics(env.files, dir, open(), meta.stats.numSeries, progress));
  } finally {
    progress.end();
    block.close();
  }
  out.flush();
  return 0;
}

interface PairCounts {
  readonly name: number;
  readonly value: number;
  series: number;
  /** ms of the block in which series with the pair are not there, summed. */
  uncovered: number;
}

interface NameCounts {
  uncovered: number;
  values: number;
  bytes: number;
}

interface Counts {
  series: number;
  entries: number;
  /** By name's number times the count of symbols, plus value's number. */
  readonly pairs: Map<number, PairCounts>;
  readonly names: Map<number, NameCounts>;
}

function countLabels(
  block: Block,
  cursor: ReturnType<Block['series']>,
  range: number,
  all: number,
  progress: Progress,
): Counts {
  const counts: Counts = { series: 0, entries: 0, pairs: new Map(), names: new Map() };
  while (cursor.next()) {
    const { labels, labelCount, chunkCount, chunkMint, chunkMaxt } = cursor;
    const uncovered = range - (chunkMaxt[chunkCount - 1]! - chunkMint[0]!);
    for (let i = 0; i < labelCount; i += 2) {
      const [name, value] = [labels[i]!, labels[i + 1]!];
      let ofName = counts.names.get(name);
      if (ofName === undefined) counts.names.set(name, (ofName = { uncovered: 0, values: 0, bytes: 0 }));
      const key = name * block.symbolCount + value;
      let pair = counts.pairs.get(key);
      if (pair === undefined) {
        counts.pairs.set(key, (pair = { name, value, series: 0, uncovered: 0 }));
        ofName.values++;
        const { from, to } = block.symbolBytes(value);
        ofName.bytes += to - from;
      }
      ofName.uncovered += uncovered;
      pair.uncovered += uncovered;
      pair.series++;
      counts.entries++;
    }
    if (++counts.series % 1024 === 0) progress.at('reading series', counts.series, all);
  }
  return counts;
}

interface Row {
  readonly value: number;
  readonly text: () => string;
}

function printCounts(out: Printer, block: Block, counts: Counts, range: number, limit: number): void {
  const pairs = [...counts.pairs.values()];
  const names = [...counts.names];
  const pairText = (p: PairCounts) => (): string =>
    `${block.symbolText(p.name)}=${block.symbolText(p.value)}`;
  const nameText = (n: number) => (): string => block.symbolText(n);
  const share = (uncovered: number): number => Math.floor(uncovered / range);
  const metricName = names.find(([n]) => block.symbolText(n) === METRIC_NAME)?.[0] ?? -1;
  const tables: readonly (readonly [title: string, rows: Row[]])[] = [
    [
      'Label pairs most involved in churning',
      pairs.map((p) => ({ value: share(p.uncovered), text: pairText(p) })),
    ],
    [
      'Label names most involved in churning',
      names.map(([n, c]) => ({ value: share(c.uncovered), text: nameText(n) })),
    ],
    ['Most common label pairs', pairs.map((p) => ({ value: p.series, text: pairText(p) }))],
    [
      'Label names with highest cumulative label value length',
      names.map(([n, c]) => ({ value: c.bytes, text: nameText(n) })),
    ],
    ['Highest cardinality labels', names.map(([n, c]) => ({ value: c.values, text: nameText(n) }))],
    [
      'Highest cardinality metric names',
      pairs.filter((p) => p.name === metricName).map((p) => ({ value: p.series, text: nameText(p.value) })),
    ],
  ];
  for (const [title, rows] of tables) {
    out.line('');
    out.line(`${title}:`);
    // Of equal ones those come first whose symbols do: the order is the same each time.
    for (const { value, text } of rows.sort((a, b) => b.value - a.value).slice(0, limit))
      out.line(`${value} ${text()}`);
  }
}
