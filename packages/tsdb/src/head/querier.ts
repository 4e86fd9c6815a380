// The head as its readers see it.
import {
  refusedSelection,
  type ExemplarSeries,
  type LabelQuery,
  type Matcher,
  type MetricMetadata,
  type Querier,
  type SelectHints,
  type Selection,
} from '@munjigi/model';
import { captureRows, overlaps, type Captured, type CaptureOptions } from './capture.ts';
import type { HeadState } from './state.ts';
import type { Lease } from './leases.ts';
import { compileTests, labelSymbol, matchRows, type Test } from './match.ts';
import { pairCount, pairRows, pairValue } from './postings.ts';
import { labelsOfRow } from './series.ts';
import { newSlicer, type Slicer } from './slicer.ts';
import { buildSelection, labelLists } from './selection.ts';
import { labelOrder } from './order.ts';
import { sortSymbols } from './symbol-order.ts';
import { NO_SYMBOL } from './symbol-table.ts';

export function newQuerier(state: HeadState): Querier {
  const lease = state.leases.open(state.clock.monotonic());
  return {
    select: (mint, maxt, matchers, hints) => select(state, lease, mint, maxt, matchers, hints),
    labelNames: async (q) => ({ names: await labelNames(state, lease, q), warnings: [] }),
    labelValues: async (name, q) => ({ values: await labelValues(state, lease, name, q), warnings: [] }),
    exemplars: (mint, maxt, matchers) => exemplars(state, lease, mint, maxt, matchers),
    async metadata(metric): Promise<MetricMetadata[]> {
      lease.check();
      return state.metadata.list(metric);
    },
    close: () => lease.close(),
  };
}

async function select(
  state: HeadState,
  lease: Lease,
  mint: number,
  maxt: number,
  matchers: readonly Matcher[],
  hints?: SelectHints,
): Promise<Selection> {
  lease.check();
  state.counters.selects++;
  const tests = compileTests(matchers);
  const withChunks = hints?.labelsOnly !== true;
  const o: CaptureOptions = { mint, maxt, withChunks, part: 'all', maxBytes: hints?.maxBytes ?? 0 };
  return selectParts(state, lease, tests, o, hints?.limit ?? 0);
}

/** A Selection of the chunks that `o` names; `lease` must stay open while it is read. */
export async function selectParts(
  state: HeadState,
  lease: Lease,
  tests: readonly Test[],
  o: CaptureOptions,
  limit: number,
): Promise<Selection> {
  const slicer = newSlicer(state.clock, state.slice_ms);
  const leave = await state.turns.share();
  try {
    const captured = await matchAndCapture(state, tests, o, slicer);
    lease.check();
    if (captured.refusedBytes > 0) return refusedSelection(state.symbols.pages(), captured.refusedBytes);
    return await buildSelection(
      captured,
      {
        series: state.series,
        symbols: state.symbols,
        buffers: state.slots.buffers,
        chunksDir: state.chunksDir,
        tombstones: state.tombstones.count() > 0 ? state.tombstones : null,
      },
      limit,
      lease.flag,
      slicer,
    );
  } finally {
    leave();
  }
}

/** Matches outside a capture, then captures; matches again inside when series were added in between. */
async function matchAndCapture(
  state: HeadState,
  tests: readonly Test[],
  o: CaptureOptions,
  slicer: Slicer,
): Promise<Captured> {
  const version = state.postings.version;
  let rows = await matchRows(state, tests, slicer);
  const end = await state.turns.capture();
  try {
    if (state.postings.version !== version) rows = await matchRows(state, tests, slicer);
    return await captureRows(state, rows, o, slicer);
  } finally {
    end();
  }
}

/** Rows that match one of the selectors and have samples in the range, in order. */
async function rowsOf(state: HeadState, q: LabelQuery, slicer: Slicer): Promise<Uint32Array> {
  const rows = await matchAny(state, q.matchers.length === 0 ? [[]] : q.matchers, slicer);
  let n = 0;
  for (const row of rows) {
    if (slicer.due()) await slicer.rest();
    if (overlaps(state, row, q.mint, q.maxt)) rows[n++] = row;
  }
  return rows.subarray(0, n);
}

/** Rows that match one of the selectors, in order. */
async function matchAny(
  state: HeadState,
  selectors: LabelQuery['matchers'],
  slicer: Slicer,
): Promise<Uint32Array> {
  let rows: Uint32Array = new Uint32Array(0);
  for (const matchers of selectors) {
    const found = await matchRows(state, compileTests(matchers), slicer);
    rows = rows.length === 0 ? found : await union(rows, found, slicer);
  }
  return rows;
}

/** Of two ascending lists. */
async function union(a: Uint32Array, b: Uint32Array, slicer: Slicer): Promise<Uint32Array> {
  const rows = new Uint32Array(a.length + b.length);
  let n = 0;
  for (let i = 0, k = 0; i < a.length || k < b.length; n++) {
    if (slicer.due()) await slicer.rest();
    const [x, y] = [i < a.length ? a[i]! : Infinity, k < b.length ? b[k]! : Infinity];
    if (x <= y) i++;
    if (y <= x) k++;
    rows[n] = Math.min(x, y);
  }
  return rows.subarray(0, n);
}

/** Whether the range takes in all that the head has, so that no series has to be looked at. */
function coversAll(state: HeadState, q: LabelQuery): boolean {
  return (
    q.mint <= Math.min(state.mint, state.outOfOrderMint) &&
    q.maxt >= Math.max(state.maxt, state.outOfOrderMaxt)
  );
}

async function labelNames(state: HeadState, lease: Lease, q: LabelQuery): Promise<string[]> {
  lease.check();
  const slicer = newSlicer(state.clock, state.slice_ms);
  const leave = await state.turns.share();
  try {
    const found = newSymbolSet(state);
    if (q.matchers.length === 0 && coversAll(state, q))
      for (const name of state.postings.names.keys()) found.add(name);
    else
      for (const row of await rowsOf(state, q, slicer)) {
        if (slicer.due()) await slicer.rest();
        const at = state.series.labelsAt[row]!;
        for (let i = 0; i < state.series.labelCount[row]!; i++)
          found.add(state.series.labels.words[at + 2 * i]!);
      }
    return await sortedTexts(state, found.list(), q.limit, slicer);
  } finally {
    leave();
  }
}

async function labelValues(state: HeadState, lease: Lease, name: string, q: LabelQuery): Promise<string[]> {
  lease.check();
  const slicer = newSlicer(state.clock, state.slice_ms);
  const leave = await state.turns.share();
  try {
    const symbol = state.symbols.find(name);
    const pairs = symbol === NO_SYMBOL ? undefined : state.postings.names.get(symbol);
    if (pairs === undefined) return [];
    if (q.matchers.length === 0)
      return await sortedTexts(state, await valuesInRange(state, pairs, q, slicer), q.limit, slicer);
    const found = newSymbolSet(state);
    for (const row of await rowsOf(state, q, slicer)) {
      if (slicer.due()) await slicer.rest();
      const value = labelSymbol(state.series, row, symbol);
      if (value !== NO_SYMBOL) found.add(value);
    }
    return await sortedTexts(state, found.list(), q.limit, slicer);
  } finally {
    leave();
  }
}

/** Value symbols of a name of which a series has samples in the range. */
async function valuesInRange(
  state: HeadState,
  pairs: { readonly n: number; readonly pairs: Uint32Array },
  q: LabelQuery,
  slicer: Slicer,
): Promise<Uint32Array> {
  const all = coversAll(state, q);
  const values = new Uint32Array(pairs.n);
  let n = 0;
  for (let i = 0; i < values.length; i++) {
    if (slicer.due()) await slicer.rest();
    const pair = pairs.pairs[i]!;
    let found = all;
    // Read anew each time: the list may have moved while this rested.
    for (let k = 0; !found && k < pairCount(state.postings, pair); k++) {
      if (slicer.due()) await slicer.rest();
      found = overlaps(state, pairRows(state.postings, pair)[k]!, q.mint, q.maxt);
    }
    if (found) values[n++] = pairValue(state.postings, pair);
  }
  return values.subarray(0, n);
}

/** Symbols, each once. A bit a symbol of the table costs less than a Set as soon as there are many. */
function newSymbolSet(state: HeadState): { add(symbol: number): void; list(): Uint32Array } {
  const seen = new Uint8Array(state.symbols.count());
  const list: number[] = [];
  return {
    add(symbol): void {
      // Symbols that came meanwhile are of series that were not there when this was asked.
      if (symbol >= seen.length || seen[symbol] === 1) return;
      seen[symbol] = 1;
      list.push(symbol);
    },
    list: () => Uint32Array.from(list),
  };
}

/** At most `limit` texts (0: all) in the order of their bytes. */
async function sortedTexts(
  state: HeadState,
  symbols: Uint32Array,
  limit: number,
  slicer: Slicer,
): Promise<string[]> {
  await sortSymbols(symbols, state.symbols, limit, slicer);
  const texts: string[] = [];
  const n = limit > 0 ? Math.min(limit, symbols.length) : symbols.length;
  for (let i = 0; i < n; i++) {
    if (slicer.due()) await slicer.rest();
    texts.push(state.symbols.text(symbols[i]!));
  }
  return texts;
}

async function exemplars(
  state: HeadState,
  lease: Lease,
  mint: number,
  maxt: number,
  matchers: readonly (readonly Matcher[])[],
): Promise<ExemplarSeries[]> {
  lease.check();
  const slicer = newSlicer(state.clock, state.slice_ms);
  const leave = await state.turns.share();
  try {
    const matched = await matchAny(state, matchers, slicer);
    const found = state.exemplars.inRange(mint, maxt);
    const rows = Uint32Array.from(found.keys()).filter((row) => contains(matched, row));
    const order = await labelOrder(await labelLists(rows, state.series, slicer), state.symbols, 0, slicer);
    const out: ExemplarSeries[] = [];
    for (const i of order) {
      if (slicer.due()) await slicer.rest();
      const row = rows[i]!;
      out.push({ labels: labelsOfRow(state.series, state.symbols, row), exemplars: found.get(row)! });
    }
    return out;
  } finally {
    leave();
  }
}

/** Whether an ascending list has the row. */
function contains(rows: Uint32Array, row: number): boolean {
  let from = 0;
  let to = rows.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (rows[middle]! < row) from = middle + 1;
    else to = middle;
  }
  return rows[from] === row;
}
