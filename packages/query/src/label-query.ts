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
import { parse, parseSelector, printParseError, walk, type Expr } from '@munjigi/promql';
import {
  NO_COST,
  RequestError,
  successBody,
  TRUNCATED,
  type QueryReply,
  type QueryRequest,
  type SeriesChoice,
} from './request.ts';

type LabelRequest = Extract<
  QueryRequest,
  { kind: 'series' | 'labels' | 'values' | 'metadata' | 'exemplars' }
>;

/** What the thread has for it. */
export interface LabelTools {
  readonly querier: (copied: (bytes: number) => void) => Querier;
  readonly symbols: (s: Selection) => SymbolReader;
  readonly pause: () => Promise<void>;
}

/** Series whose labels are read or written between two pauses: some ms. */
const SERIES_PER_PIECE = 5000;

/** Throws RequestError for a wrong selector. */
export async function answerLabels(request: LabelRequest, tools: LabelTools): Promise<QueryReply> {
  let copiedBytes = 0;
  const querier = tools.querier((bytes) => (copiedBytes += bytes));
  try {
    const body = await bodyFor(request, querier, tools);
    return { status: 200, body, error: null, cost: { ...NO_COST, copiedBytes } };
  } finally {
    querier.close();
  }
}

function bodyFor(
  request: LabelRequest,
  querier: Querier,
  tools: LabelTools,
): Promise<Uint8Array<ArrayBuffer>> {
  switch (request.kind) {
    case 'series':
      return series(request, querier, tools);
    case 'labels':
    case 'values':
      return names(request, querier);
    case 'metadata':
      return metadata(request, querier);
    case 'exemplars':
      return exemplars(request, querier);
  }
}

/** How the parser refuses a selector that everything matches; the API has its own words for it. */
const EMPTY_SELECTOR = 'vector selector must contain at least one non-empty matcher';

/** `match[]` texts as matchers; an empty one would select everything and is refused. */
export function readSelectors(match: readonly string[]): Matcher[][] {
  return match.map((text) => {
    const read = parseSelector(text);
    if ('matchers' in read) return [...read.matchers];
    const [error] = read.errors;
    const reason = error!.message.startsWith(EMPTY_SELECTOR)
      ? 'match[] must contain at least one non-empty matcher'
      : printParseError(error!);
    throw new RequestError('bad_data', `invalid parameter "match[]": ${reason}`);
  });
}

async function series(
  request: SeriesChoice,
  querier: Querier,
  tools: LabelTools,
): Promise<Uint8Array<ArrayBuffer>> {
  const { mint, maxt, limit } = request;
  const warnings: string[] = [];
  let all: Labels[] = [];
  for (const matchers of readSelectors(request.match)) {
    // One more than asked for tells whether there are more.
    const hints = { func: 'series', labelsOnly: true, ...(limit > 0 ? { limit: limit + 1 } : {}) };
    const selection = await querier.select(mint, maxt, matchers, hints);
    warnings.push(...selection.warnings);
    await labelsOf(selection, tools, all);
  }
  if (request.match.length > 1)
    all = all.sort(compareLabels).filter((labels, i) => i === 0 || compareLabels(all[i - 1]!, labels) !== 0);
  if (limit > 0 && all.length > limit) {
    all.length = limit;
    warnings.push(TRUNCATED);
  }
  const pieces: string[] = [];
  for (let from = 0; from < all.length; from += SERIES_PER_PIECE) {
    if (from > 0) await tools.pause();
    pieces.push(JSON.stringify(all.slice(from, from + SERIES_PER_PIECE).map(labelsToObject)).slice(1, -1));
  }
  return successBody(`[${pieces.join(',')}]`, warnings, []);
}

/** Labels of all series of a selection, added to `into`. */
async function labelsOf(s: Selection, { symbols, pause }: LabelTools, into: Labels[]): Promise<void> {
  const reader = symbols(s);
  for (let i = 0; i < s.count; i++) {
    if (i > 0 && i % SERIES_PER_PIECE === 0) await pause();
    const flat: string[] = [];
    for (let k = s.labelFirst[i]!; k < s.labelFirst[i + 1]!; k++) flat.push(reader.text(s.labelSymbols[k]!));
    into.push(labelsFromSorted(flat));
  }
}

async function names(
  request: SeriesChoice & ({ kind: 'labels' } | { kind: 'values'; label: string }),
  querier: Querier,
): Promise<Uint8Array<ArrayBuffer>> {
  const { mint, maxt, limit } = request;
  const matchers = readSelectors(request.match);
  const q = { mint, maxt, matchers, limit: limit > 0 ? limit + 1 : 0 };
  let found: string[];
  let warnings: string[];
  if (request.kind === 'labels') ({ names: found, warnings } = await querier.labelNames(q));
  else ({ values: found, warnings } = await querier.labelValues(request.label, q));
  found = found.toSorted(compareText);
  if (limit > 0 && found.length > limit) {
    found.length = limit;
    warnings = [...warnings, TRUNCATED];
  }
  return successBody(JSON.stringify(found), warnings, []);
}

async function metadata(
  request: Extract<QueryRequest, { kind: 'metadata' }>,
  querier: Querier,
): Promise<Uint8Array<ArrayBuffer>> {
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
  return successBody(JSON.stringify(Object.fromEntries(sorted)), [], []);
}

async function exemplars(
  request: Extract<QueryRequest, { kind: 'exemplars' }>,
  querier: Querier,
): Promise<Uint8Array<ArrayBuffer>> {
  const selectors: Matcher[][] = [];
  walk(parseQuery(request.query), (e) => {
    if (e.kind === 'vector') selectors.push([...e.matchers]);
  });
  if (selectors.length === 0) return successBody('[]', [], []);
  const found = await querier.exemplars(request.mint, request.maxt, selectors);
  const data = found.map(({ labels, exemplars }) => ({
    seriesLabels: labelsToObject(labels),
    exemplars: exemplars.map((e) => ({
      labels: labelsToObject(e.labels),
      value: formatNumber(e.value),
      timestamp: e.t_ms / 1000,
    })),
  }));
  return successBody(JSON.stringify(data), [], []);
}

/** Throws RequestError with the first error, as Prometheus words it. */
export function parseQuery(text: string): Expr {
  const parsed = parse(text);
  if ('expr' in parsed) return parsed.expr;
  throw new RequestError('bad_data', `invalid parameter "query": ${printParseError(parsed.errors[0]!)}`);
}
