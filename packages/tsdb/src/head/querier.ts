// The head as its readers see it.
import {
  compareText,
  type ExemplarSeries,
  type LabelQuery,
  type Labels,
  type Matcher,
  type MetricMetadata,
  type Querier,
  type SelectHints,
  type Selection,
} from '@munjigi/model';
import { buildSelection, captureRows, overlaps, type Captured, type CaptureOptions } from './capture.ts';
import type { HeadState } from './state.ts';
import type { Lease } from './leases.ts';
import { compileTests, labelSymbol, matchRows, type Test } from './match.ts';
import { pairRows, pairValue } from './postings.ts';
import { labelsOfRow } from './series.ts';
import { newSlicer, type Slicer } from './slicer.ts';
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
  return selectParts(state, lease, tests, { mint, maxt, withChunks, part: 'all' }, hints?.limit ?? 0);
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
    // Symbols and chunk addresses are copied: only the symbol table must stay what it is until the order is known.
    return await buildSelection(
      captured,
      state.symbols,
      { buffers: state.slots.buffers, chunksDir: state.chunksDir },
      limit,
      lease.flag,
      state.tombstones.count() > 0 ? state.tombstones : null,
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

/** Rows that match one of the selectors (none: all rows) and have samples in the range. */
async function rowsOf(state: HeadState, q: LabelQuery, slicer: Slicer): Promise<number[]> {
  const found = new Set<number>();
  const selectors = q.matchers.length === 0 ? [[]] : q.matchers;
  for (const matchers of selectors)
    for (const row of await matchRows(state, compileTests(matchers), slicer)) {
      if (slicer.due()) await slicer.rest();
      if (overlaps(state, row, q.mint, q.maxt)) found.add(row);
    }
  return [...found];
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
    const names = new Set<number>();
    if (q.matchers.length === 0 && coversAll(state, q))
      for (const name of state.postings.names.keys()) names.add(name);
    else
      for (const row of await rowsOf(state, q, slicer)) {
        const at = state.series.labelsAt[row]!;
        for (let i = 0; i < state.series.labelCount[row]!; i++)
          names.add(state.series.labels.words[at + 2 * i]!);
      }
    return sortedTexts(state, names, q.limit);
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
    const values = new Set<number>();
    if (q.matchers.length > 0)
      for (const row of await rowsOf(state, q, slicer)) {
        const value = labelSymbol(state.series, row, symbol);
        if (value !== NO_SYMBOL) values.add(value);
      }
    else
      for (let i = 0; i < pairs.n; i++) {
        if (slicer.due()) await slicer.rest();
        const pair = pairs.pairs[i]!;
        if (
          coversAll(state, q) ||
          pairRows(state.postings, pair).some((row) => overlaps(state, row, q.mint, q.maxt))
        )
          values.add(pairValue(state.postings, pair));
      }
    return sortedTexts(state, values, q.limit);
  } finally {
    leave();
  }
}

function sortedTexts(state: HeadState, symbols: Iterable<number>, limit: number): string[] {
  const texts = [...symbols].map((symbol) => state.symbols.text(symbol)).sort(compareText);
  return limit > 0 ? texts.slice(0, limit) : texts;
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
    const out: ExemplarSeries[] = [];
    const rows = new Set<number>();
    for (const selector of matchers)
      for (const row of await matchRows(state, compileTests(selector), slicer)) rows.add(row);
    for (const [row, list] of state.exemplars.inRange(mint, maxt))
      if (rows.has(row)) out.push({ labels: labelsOfRow(state.series, state.symbols, row), exemplars: list });
    return out.sort((a, b) => compareLabels(a.labels, b.labels));
  } finally {
    leave();
  }
}

function compareLabels(a: Labels, b: Labels): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const order = compareText(a[i]!, b[i]!);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}
