// Questions about series, labels, metadata and exemplars: from selectors as text to finished JSON.
import {
  compareLabels,
  compareText,
  formatNumber,
  labelsFromSorted,
  labelsToObject,
  SymbolReader,
  type Labels,
  type Matcher,
  type Queryable,
  type Querier,
  type Selection,
} from '@munjigi/model';
import { parse, parseSelector, printParseError, walk, type Expr } from '@munjigi/promql';
import { RequestError, successBody, type QueryRequest, type SeriesChoice } from './request.ts';

type LabelRequest = Extract<
  QueryRequest,
  { kind: 'series' | 'labels' | 'values' | 'metadata' | 'exemplars' }
>;

const TRUNCATED = 'results truncated due to limit';

/** The envelope as bytes. Throws RequestError for a wrong selector. */
export async function answerLabels(
  request: LabelRequest,
  storage: Queryable,
): Promise<Uint8Array<ArrayBuffer>> {
  const querier = storage.querier();
  try {
    switch (request.kind) {
      case 'series':
        return await series(request, querier);
      case 'labels':
      case 'values':
        return await names(request, querier);
      case 'metadata':
        return await metadata(request, querier);
      case 'exemplars':
        return await exemplars(request, querier);
    }
  } finally {
    querier.close();
  }
}

/** `match[]` texts as matchers; an empty one would select everything and is refused. */
export function readSelectors(match: readonly string[]): Matcher[][] {
  return match.map((text) => {
    const read = parseSelector(text);
    if ('errors' in read)
      throw new RequestError('bad_data', `invalid parameter "match[]": ${printParseError(read.errors[0]!)}`);
    return [...read.matchers];
  });
}

async function series(request: SeriesChoice, querier: Querier): Promise<Uint8Array<ArrayBuffer>> {
  const { mint, maxt, limit } = request;
  const warnings: string[] = [];
  let all: Labels[] = [];
  for (const matchers of readSelectors(request.match)) {
    // One more than asked for tells whether there are more.
    const hints = { func: 'series', labelsOnly: true, ...(limit > 0 ? { limit: limit + 1 } : {}) };
    const selection = await querier.select(mint, maxt, matchers, hints);
    warnings.push(...selection.warnings);
    all.push(...labelsOf(selection));
  }
  if (request.match.length > 1)
    all = all.sort(compareLabels).filter((labels, i) => i === 0 || compareLabels(all[i - 1]!, labels) !== 0);
  if (limit > 0 && all.length > limit) {
    all.length = limit;
    warnings.push(TRUNCATED);
  }
  return successBody(JSON.stringify(all.map(labelsToObject)), warnings, []);
}

function labelsOf(s: Selection): Labels[] {
  const reader = new SymbolReader(s.symbols);
  return Array.from({ length: s.count }, (_, i) => {
    const flat: string[] = [];
    for (let k = s.labelFirst[i]!; k < s.labelFirst[i + 1]!; k++) flat.push(reader.text(s.labelSymbols[k]!));
    return labelsFromSorted(flat);
  });
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
