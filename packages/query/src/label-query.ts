// Questions about series, labels, metadata and exemplars: from selectors as text to finished JSON.
import {
  compareLabels,
  compareText,
  formatNumber,
  labelsFromSorted,
  labelsToObject,
  type Labels,
  type Matcher,
  type Querier,
  type Selection,
  type SymbolReader,
} from '@munjigi/model';
import {
  parse,
  parseSelector,
  printParseError,
  printSelector,
  QueryError,
  takeBytes,
  walk,
  type Budget,
  type Expr,
} from '@munjigi/promql';
import type { Buffers } from './buffers.ts';
import {
  NO_COST,
  RequestError,
  TRUNCATED,
  type QueryReply,
  type QueryRequest,
  type SeriesChoice,
} from './request.ts';
import { mostBytes, overMemory, selectWithin } from './select-room.ts';
import { envelope, streamed } from './streamed.ts';

type LabelRequest = Extract<
  QueryRequest,
  { kind: 'series' | 'labels' | 'values' | 'metadata' | 'exemplars' }
>;

/** What the thread has for it. */
export interface LabelTools {
  readonly querier: (copied: (bytes: number) => void) => Querier;
  readonly symbols: (s: Selection) => SymbolReader;
  readonly pause: () => Promise<void>;
  readonly budget: Budget;
  readonly buffers: Buffers;
}

/** Series whose labels are read or written between two pauses: some ms. */
const SERIES_PER_PIECE = 5000;

/** Texts of a list that are written between two pauses. */
const TEXTS_PER_PIECE = 20_000;

/** An answer that is known, in parts of its JSON as they are asked for. */
interface Data {
  readonly warnings: readonly string[];
  readonly parts: AsyncIterable<string>;
}

/** Throws RequestError for a wrong selector. `done`: the answer is complete. */
export async function answerLabels(
  request: LabelRequest,
  tools: LabelTools,
  done: () => void,
): Promise<QueryReply> {
  let copiedBytes = 0;
  const querier = tools.querier((bytes) => (copiedBytes += bytes));
  let data: Data | null;
  try {
    data = await dataFor(request, querier, tools);
  } finally {
    querier.close();
  }
  const cost = { ...NO_COST, copiedBytes };
  if (data === null) {
    done();
    return { status: 204, body: new Uint8Array(0), error: null, cost };
  }
  const pieces = envelope(data.parts, () => data.warnings);
  return streamed(pieces, { status: 200, error: null, cost }, done, tools);
}

/** Null: there is nothing that could be asked for. */
function dataFor(request: LabelRequest, querier: Querier, tools: LabelTools): Promise<Data | null> {
  switch (request.kind) {
    case 'series':
      return series(request, querier, tools);
    case 'labels':
    case 'values':
      return names(request, querier, tools);
    case 'metadata':
      return metadata(request, querier);
    case 'exemplars':
      return exemplars(request, querier);
  }
}

/** A list as JSON, `each` of its elements at a time. */
async function* listParts<T>(
  list: readonly T[],
  each: number,
  json: (some: readonly T[]) => string,
  pause: () => Promise<void>,
): AsyncGenerator<string> {
  yield '[';
  for (let from = 0; from < list.length; from += each) {
    if (from > 0) await pause();
    yield `${from > 0 ? ',' : ''}${json(list.slice(from, from + each)).slice(1, -1)}`;
  }
  yield ']';
}

async function* onePart(json: string): AsyncGenerator<string> {
  yield json;
}

/** How the parser refuses a selector that everything matches; the API has its own words for it. */
const EMPTY_SELECTOR = 'vector selector must contain at least one non-empty matcher';

/**
 * `match[]` texts as matchers; an empty one would select everything and is refused. `named`: the error names the parameter, which Prometheus
 * does only where it lists or deletes series.
 */
export function readSelectors(match: readonly string[], named: boolean = true): Matcher[][] {
  return match.map((text) => {
    const read = parseSelector(text);
    if ('matchers' in read) return [...read.matchers];
    const [error] = read.errors;
    const reason = error!.message.startsWith(EMPTY_SELECTOR)
      ? 'match[] must contain at least one non-empty matcher'
      : printParseError(error!);
    throw new RequestError('bad_data', named ? `invalid parameter "match[]": ${reason}` : reason);
  });
}

async function series(request: SeriesChoice, querier: Querier, tools: LabelTools): Promise<Data> {
  const { mint, maxt, limit } = request;
  const warnings: string[] = [];
  let all: Labels[] = [];
  for (const matchers of readSelectors(request.match)) {
    // One more than asked for tells whether there are more.
    const hints = { func: 'series', labelsOnly: true, ...(limit > 0 ? { limit: limit + 1 } : {}) };
    try {
      const selection = await selectWithin(querier, tools.budget, mint, maxt, matchers, hints);
      warnings.push(...selection.warnings);
      await labelsOf(selection, tools, all);
    } catch (error) {
      if (!(error instanceof QueryError) || error.kind !== 'memory') throw error;
      throw overMemory(error, [[printSelector(matchers), undefined]], '');
    }
  }
  if (request.match.length > 1)
    all = all.sort(compareLabels).filter((labels, i) => i === 0 || compareLabels(all[i - 1]!, labels) !== 0);
  if (limit > 0 && all.length > limit) {
    all.length = limit;
    warnings.push(TRUNCATED);
  }
  const json = (some: readonly Labels[]): string => JSON.stringify(some.map(labelsToObject));
  return { warnings, parts: listParts(all, SERIES_PER_PIECE, json, tools.pause) };
}

/** A list of labels of `words` names and values; the texts are kept once for all. */
function labelsBytes(words: number): number {
  return 48 + 8 * words;
}

/** Labels of all series of a selection, added to `into`. */
async function labelsOf(s: Selection, { symbols, pause, budget }: LabelTools, into: Labels[]): Promise<void> {
  const reader = symbols(s);
  for (let from = 0; from < s.count; from += SERIES_PER_PIECE) {
    if (from > 0) await pause();
    const to = Math.min(s.count, from + SERIES_PER_PIECE);
    takeBytes(budget, (to - from) * labelsBytes((s.labelFirst[to]! - s.labelFirst[from]!) / (to - from)));
    for (let i = from; i < to; i++) {
      const flat: string[] = [];
      for (let k = s.labelFirst[i]!; k < s.labelFirst[i + 1]!; k++)
        flat.push(reader.text(s.labelSymbols[k]!));
      into.push(labelsFromSorted(flat));
    }
  }
}

/** A name or a value of a label on its way through the threads, about. */
const TEXT_BYTES = 128;

async function names(
  request: SeriesChoice & ({ kind: 'labels' } | { kind: 'values'; label: string }),
  querier: Querier,
  { budget, pause }: LabelTools,
): Promise<Data> {
  const { mint, maxt, limit } = request;
  const matchers = readSelectors(request.match, false);
  // So many fit: one more is refused when it comes.
  const most = Math.floor(mostBytes(budget) / TEXT_BYTES);
  const asked = limit > 0 ? Math.min(limit, most) + 1 : most === Infinity ? 0 : most + 1;
  const q = { mint, maxt, matchers, limit: asked };
  let found: string[];
  let warnings: string[];
  if (request.kind === 'labels') ({ names: found, warnings } = await querier.labelNames(q));
  else ({ values: found, warnings } = await querier.labelValues(request.label, q));
  takeBytes(budget, found.length * TEXT_BYTES);
  found = found.toSorted(compareText);
  if (limit > 0 && found.length > limit) {
    found.length = limit;
    warnings = [...warnings, TRUNCATED];
  }
  return { warnings, parts: listParts(found, TEXTS_PER_PIECE, (some) => JSON.stringify(some), pause) };
}

async function metadata(
  request: Extract<QueryRequest, { kind: 'metadata' }>,
  querier: Querier,
): Promise<Data> {
  const entries = await querier.metadata(request.metric === '' ? undefined : request.metric);
  const byMetric = new Map<string, { type: string; help: string; unit: string }[]>();
  for (const { metric, type, help, unit } of entries) {
    let list = byMetric.get(metric);
    if (list === undefined) {
      if (request.limit >= 0 && byMetric.size >= request.limit) continue;
      byMetric.set(metric, (list = []));
    }
    if (request.limitPerMetric > 0 && list.length >= request.limitPerMetric) continue;
    if (list.some((m) => m.type === type && m.help === help && m.unit === unit)) continue;
    list.push({ type, help, unit });
  }
  const sorted = [...byMetric].sort(([a], [b]) => compareText(a, b));
  return { warnings: [], parts: onePart(JSON.stringify(Object.fromEntries(sorted))) };
}

async function exemplars(
  request: Extract<QueryRequest, { kind: 'exemplars' }>,
  querier: Querier,
): Promise<Data | null> {
  const selectors: Matcher[][] = [];
  walk(parseQuery(request.query, ''), (e) => {
    if (e.kind === 'vector') selectors.push([...e.matchers]);
  });
  if (selectors.length === 0) return null;
  const found = await querier.exemplars(request.mint, request.maxt, selectors);
  const data = found.map(({ labels, exemplars }) => ({
    seriesLabels: labelsToObject(labels),
    exemplars: exemplars.map((e) => ({
      labels: labelsToObject(e.labels),
      value: formatNumber(e.value),
      timestamp: e.t_ms / 1000,
    })),
  }));
  return { warnings: [], parts: onePart(JSON.stringify(data)) };
}

/** Throws RequestError with the first error, as Prometheus words it: behind `prefix`. */
export function parseQuery(text: string, prefix: string = 'invalid parameter "query": '): Expr {
  const parsed = parse(text);
  if ('expr' in parsed) return parsed.expr;
  throw new RequestError('bad_data', `${prefix}${printParseError(parsed.errors[0]!)}`);
}
