// A fragment over the series of a selection: each series is decoded once into columns, the window function fills a row of cells, and the
// row is added to its group at once where the fragment aggregates.
import { METRIC_NAME, SymbolReader, type ChunkReader, type Selection } from '@munjigi/model';
import { uniqueRemarks } from './annotations.ts';
import { EXTENDED_FUNCTIONS } from './extended-window.ts';
import { fragmentRange, type Budget, type Fragment, type FragmentPartial, type Remark } from './fragment.ts';
import { GroupSink } from './group-sink.ts';
import type { Whereabouts } from './histogram-rate.ts';
import { MatrixSink } from './matrix-sink.ts';
import { checkCancelled, checkSamples } from './query-error.ts';
import { RowSink } from './row-sink.ts';
import { CounterNames, SeriesLabels } from './series-labels.ts';
import { OF_NEWEST, type Sink } from './sink.ts';
import { sharedColumn } from './window-kernel.ts';
import { dropStale, WINDOW_FUNCTIONS, type WindowFunction } from './window.ts';

export interface RunOptions {
  /** Series [from, to) of the selection; all when absent. */
  readonly from?: number;
  readonly to?: number;
  /** Lets others run; awaited after about 20 ms of work. */
  readonly pause?: () => Promise<void>;
  /** Reader of the selection's symbols where the caller keeps one. */
  readonly symbols?: SymbolReader;
}

/** Series whose bytes are brought near at a time. */
const LOAD_BATCH = 512;

/** Samples and cells between two pauses: about 20 ms of work. */
const WORK_BETWEEN_PAUSES = 1_000_000;

/** Runs a fragment over series [from, to) of what its selector selected. Throws QueryError. */
export async function runFragment(
  f: Fragment,
  s: Selection,
  r: ChunkReader,
  b: Budget,
  options: RunOptions = {},
): Promise<FragmentPartial> {
  const from = options.from ?? 0;
  const to = options.to ?? s.count;
  const reader = new SeriesLabels(s, options.symbols ?? new SymbolReader(s.symbols));
  const window = windowFunctionOf(f);
  const sink: Sink =
    f.func === 'matrix'
      ? new MatrixSink(f, b)
      : window === undefined
        ? fail(f.func)
        : f.aggregate === null
          ? new RowSink(f, window, to - from, b)
          : new GroupSink(f, f.aggregate, window, b);
  try {
    return await runSeries(f, s, r, b, { ...options, from, to }, reader, sink);
  } finally {
    sink.close?.();
  }
}

async function runSeries(
  f: Fragment,
  s: Selection,
  r: ChunkReader,
  b: Budget,
  { from, to, pause }: RunOptions & { readonly from: number; readonly to: number },
  reader: SeriesLabels,
  sink: Sink,
): Promise<FragmentPartial> {
  const { mint, maxt } = fragmentRange(f);
  const keepsMarks = f.extended === undefined && OF_NEWEST.has(f.func);
  const annotations: Remark[] = [];
  const names = f.func === 'rate' || f.func === 'increase' ? new CounterNames(f.place, annotations) : null;
  const column = sharedColumn();
  let samplesRead = 0;
  let work = 0;
  for (let i = from; i < to; i++) {
    if ((i - from) % LOAD_BATCH === 0) {
      checkCancelled(b);
      await r.load(s, i, Math.min(i + LOAD_BATCH, to));
    }
    r.series(s, i, mint, maxt, column);
    samplesRead += column.n;
    checkSamples(b, column.n);
    const starts = f.startTimestamps === true && column.st !== null;
    if (column.h !== null || (starts && f.extended === undefined)) {
      const about: Whereabouts = {
        name: () => reader.value(i, METRIC_NAME),
        place: f.place,
        annotate: (a) => annotations.push(a),
      };
      const added = sink.addMixed(column, reader, i, about);
      if (added === 'gave up') return gaveUp(f, samplesRead);
      if (added === 'floats') names?.see(reader, i);
      // One annotation a window adds up.
      if (annotations.length > MOST_ANNOTATIONS) keepUnique(annotations);
    } else {
      if (!starts) column.st = null;
      if (!keepsMarks) dropStale(column);
      if (column.n > 0 && sink.add(column, reader, i)) names?.see(reader, i);
    }
    work += column.n + f.grid.steps;
    if (work >= WORK_BETWEEN_PAUSES) {
      work = 0;
      checkCancelled(b);
      if (pause !== undefined) await pause();
    }
  }
  return sink.result(samplesRead, uniqueRemarks(annotations));
}

const MOST_ANNOTATIONS = 1000;

function keepUnique(annotations: Remark[]): void {
  const unique = uniqueRemarks(annotations);
  annotations.length = 0;
  annotations.push(...unique);
}

/** The partial of a fused aggregation that met a histogram. */
function gaveUp(f: Fragment, samplesRead: number): FragmentPartial {
  return {
    fragment: f.id,
    steps: f.grid.steps,
    rows: 0,
    labels: [],
    values: new Float64Array(0),
    present: new Uint8Array(0),
    histograms: null,
    compensation: null,
    counts: null,
    samples: null,
    gaveUp: true,
    annotations: [],
    samplesRead,
  };
}

function windowFunctionOf(f: Fragment): WindowFunction | undefined {
  return f.extended === undefined
    ? WINDOW_FUNCTIONS.get(f.func)
    : EXTENDED_FUNCTIONS.get(`${f.func} ${f.extended.kind}`);
}

function fail(func: string): never {
  throw new TypeError(`no window function ${func}`);
}
