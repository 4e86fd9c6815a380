// All series of a folder that selectors match, with their samples: blocks, head and logs, read-only, in label order.
import type { Env } from '@munjigi/env';
import {
  compareLabels,
  labelsFromSorted,
  newColumn,
  SymbolReader,
  type Column,
  type Labels,
  type Matcher,
  type Querier,
  type Selection,
} from '@munjigi/model';
import { openChunkReader, openDb, withBlocks } from '@munjigi/tsdb';
import { mustBeStore } from './blocks.ts';
import type { Progress } from './progress.ts';

const CACHE_BYTES: number = 64 * 1024 * 1024;
/** Series whose bytes are brought near at once. */
const BATCH = 64;

export interface SeriesQuery {
  /** Any of them; empty: all series. */
  readonly selectors: readonly (readonly Matcher[])[];
  /** ms, both inclusive. */
  readonly mint: number;
  readonly maxt: number;
}

/** Calls `each` for every series with samples in the range; the column is used again. Resolves with warnings of the store. */
export async function eachSeries(
  env: Env,
  path: string,
  query: SeriesQuery,
  progress: Progress,
  each: (labels: Labels, column: Column) => void,
): Promise<string[]> {
  mustBeStore(env.files, path);
  const db = await openDb(env, {
    path,
    readOnly: true,
    onReplay: ({ current, max }) => progress.at('reading the log', current, max),
  });
  const warnings = db.aside().map(({ reason }) => reason);
  try {
    const querier = withBlocks(env, db, { cacheBytes: CACHE_BYTES }).querier();
    try {
      await readAll(env, querier, query, progress, warnings, each);
    } finally {
      querier.close();
    }
  } finally {
    await db.close();
  }
  return [...new Set(warnings)];
}

async function readAll(
  env: Env,
  querier: Querier,
  { selectors, mint, maxt }: SeriesQuery,
  progress: Progress,
  warnings: string[],
  each: (labels: Labels, column: Column) => void,
): Promise<void> {
  const selections: { s: Selection; labels: (i: number) => Labels; next: number }[] = [];
  for (const matchers of selectors.length === 0 ? [[]] : selectors) {
    const s = await querier.select(mint, maxt, matchers);
    warnings.push(...s.warnings);
    selections.push({ s, labels: labelsOf(s), next: 0 });
  }
  const readers = selections.map(() =>
    openChunkReader(env.files, { cacheBytes: CACHE_BYTES / selections.length }),
  );
  const column = newColumn(1024);
  const total = selections.reduce((sum, { s }) => sum + s.count, 0);
  for (let done = 0; ; done++) {
    let least: Labels | null = null;
    let from = -1;
    // Selectors may match the same series: it comes once.
    selections.forEach((it, k) => {
      if (it.next >= it.s.count) return;
      const labels = it.labels(it.next);
      const order = least === null ? -1 : compareLabels(labels, least);
      if (order === 0) it.next++;
      if (order >= 0) return;
      least = labels;
      from = k;
    });
    if (least === null) return;
    const { s, next } = selections[from]!;
    if (next % BATCH === 0) await readers[from]!.load(s, next, Math.min(s.count, next + BATCH));
    readers[from]!.series(s, next, mint, maxt, column);
    selections[from]!.next++;
    if (column.n > 0) each(least, column);
    if (done % BATCH === 0) progress.at('reading series', done, total);
  }
}

function labelsOf(s: Selection): (i: number) => Labels {
  const symbols = new SymbolReader(s.symbols);
  return (i) => {
    const texts: string[] = [];
    for (let k = s.labelFirst[i]!; k < s.labelFirst[i + 1]!; k++)
      texts.push(symbols.text(s.labelSymbols[k]!));
    return labelsFromSorted(texts);
  };
}
