// Our store, as the comparison writes and reads it: through the same seams as the program does.
import { nodeEnv } from '@munjigi/env/node';
import {
  KIND,
  SymbolReader,
  appendEmptyRows,
  growHistogramParts,
  labelsFromObject,
  newColumn,
  newHistogramColumns,
  type Appendable,
  type HistogramColumns,
  type Labels,
  type Queryable,
} from '@munjigi/model';
import type { Readable } from '@munjigi/promql/memory-store';
import { openChunkReader, openDb, withBlocks, type Db, type DbOptions } from '@munjigi/tsdb';
import {
  inOrder,
  labelsText,
  rowOfColumn,
  rowText,
  setHex,
  type FoundSeries,
  type Histogram,
  type Row,
} from './samples.ts';
import type { Selector } from './remote-read.ts';

const env = nodeEnv({ logLevel: 'error' });

export class OurStore {
  readonly db: Db;
  readonly #labels: Labels[];
  readonly #withBlocks: { querier: Db['querier'] };

  private constructor(db: Db, labels: readonly Readonly<Record<string, string>>[]) {
    this.db = db;
    this.#labels = labels.map(labelsFromObject);
    this.#withBlocks = withBlocks(env, db, { cacheBytes: 16 * 1024 * 1024 });
  }

  /** `labels`: of the series that rows name by their place. */
  static async open(
    options: DbOptions,
    labels: readonly Readonly<Record<string, string>>[],
  ): Promise<OurStore> {
    // Upkeep only when it is asked for.
    return new OurStore(
      await openDb(env, { retention_ms: 1e13, interval_ms: 2 ** 31 - 1, ...options }),
      labels,
    );
  }

  /** One commit; rejects when a sample was refused. */
  append(rows: readonly Row[]): Promise<void> {
    return appendRows(this.db, this.#labels, rows);
  }

  /** What a query would find. Warnings are errors here. */
  find(selector: Selector, withSt: boolean = false): Promise<FoundSeries[]> {
    return findRows(this.#withBlocks, selector, (row) => rowText(row, withSt));
  }

  /** For queries in this thread. */
  readable(): Readable {
    return { querier: () => this.#withBlocks.querier(), reader: () => openChunkReader(env.files) };
  }

  close(): Promise<void> {
    return this.db.close();
  }
}

/** What a query would find. Warnings are errors here. */
export async function findRows(
  store: Queryable,
  { mint, maxt, matchers }: Selector,
  textOf: (row: Omit<Row, 's'>) => string,
): Promise<FoundSeries[]> {
  const querier = store.querier();
  try {
    const selection = await querier.select(mint, maxt, matchers);
    if (selection.warnings.length > 0) throw new Error(selection.warnings.join('; '));
    const reader = openChunkReader(env.files);
    await reader.load(selection, 0, selection.count);
    const symbols = new SymbolReader(selection.symbols);
    const column = newColumn();
    const found: FoundSeries[] = [];
    for (let i = 0; i < selection.count; i++) {
      const labels: Record<string, string> = {};
      for (let at = selection.labelFirst[i]!; at < selection.labelFirst[i + 1]!; at += 2)
        labels[symbols.text(selection.labelSymbols[at]!)] = symbols.text(selection.labelSymbols[at + 1]!);
      reader.series(selection, i, mint, maxt, column);
      const rows: string[] = [];
      for (let k = 0; k < column.n; k++) rows.push(textOf(rowOfColumn(column, k)));
      found.push({ labels: labelsText(labels), rows });
    }
    return inOrder(found);
  } finally {
    querier.close();
  }
}

/** One commit; rejects when a sample was refused. `labels`: of the series that rows name by their place. */
export async function appendRows(
  to: Appendable,
  labels: readonly Labels[],
  rows: readonly Row[],
): Promise<void> {
  const appender = to.appender();
  const floats = rows.filter(({ h }) => h === undefined);
  const n = floats.length;
  const refs = new Float64Array(n);
  const t = new Float64Array(n);
  const v = new Float64Array(n);
  const st = new Float64Array(n);
  floats.forEach((row, i) => {
    refs[i] = appender.series(labels[row.s]!);
    t[i] = row.t;
    setHex(v, i, row.v!);
    st[i] = row.st ?? 0;
    for (const x of row.x ?? [])
      appender.exemplar(refs[i], { labels: labelsFromObject(x.labels), value: valueOf(x.v), t_ms: x.t });
  });
  appender.floats(refs, t, v, st, n);
  const h = newHistogramColumns();
  for (const row of rows) {
    if (row.h === undefined) continue;
    appendHistogram(h, row.h);
    const kind = row.h.float === true ? KIND.floatHistogram : KIND.histogram;
    appender.histogram(appender.series(labels[row.s]!), row.t, kind, h, h.n - 1, row.st ?? 0);
  }
  const { faults, refused } = await appender.commit();
  const fault = faults.find((f) => f !== 0);
  if (fault !== undefined || refused.some((count) => count > 0))
    throw new Error(
      `refused: fault ${fault} of sample ${faults.indexOf(fault!)} in ${JSON.stringify(rows.slice(0, 2))}`,
    );
}

function valueOf(hex: string): number {
  const v = new Float64Array(1);
  setHex(v, 0, hex);
  return v[0]!;
}

function appendHistogram(to: HistogramColumns, h: Histogram): void {
  appendEmptyRows(to, 1);
  const row = to.n - 1;
  const { positive_spans, negative_spans, positive, negative, bounds } = h;
  to.schema[row] = h.schema;
  to.zeroThreshold[row] = h.zero_threshold;
  to.zeroCount[row] = h.zero_count;
  setHex(to.count, row, h.count);
  setHex(to.sum, row, h.sum);
  to.resetHint[row] = h.hint ?? 0;
  const spans = (list: Histogram['positive_spans']): void => {
    growHistogramParts(to, list?.length ?? 0, 0, 0);
    for (const [offset, length] of list ?? []) {
      to.spanOffset[to.spans] = offset;
      to.spanLength[to.spans++] = length;
    }
  };
  const buckets = (list: Histogram['positive']): void => {
    growHistogramParts(to, 0, list?.length ?? 0, 0);
    for (const count of list ?? []) to.bucket[to.buckets++] = count;
  };
  to.positiveSpanFirst[row] = to.spans;
  spans(positive_spans);
  to.positiveSpanEnd[row] = to.negativeSpanFirst[row] = to.spans;
  spans(negative_spans);
  to.negativeSpanEnd[row] = to.spans;
  to.positiveFirst[row] = to.buckets;
  buckets(positive);
  to.positiveEnd[row] = to.negativeFirst[row] = to.buckets;
  buckets(negative);
  to.negativeEnd[row] = to.buckets;
  growHistogramParts(to, 0, 0, bounds?.length ?? 0);
  to.boundFirst[row] = to.bounds;
  for (const bound of bounds ?? []) to.bound[to.bounds++] = bound;
  to.boundEnd[row] = to.bounds;
}
