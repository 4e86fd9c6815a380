// What differs between two answers, and whether the reference gives other answers itself when it meets the same series in another order: the
// order of float sums and of ties is the only thing that may differ.
import type { Answer } from './question.ts';

export interface Difference {
  readonly kind: 'error' | 'type' | 'series' | 'value' | 'order' | 'annotation';
  /** Where, ours, theirs: one line. */
  readonly text: string;
  /** Numbers in the place that differ by at most this part of the larger one; Infinity where that says nothing. */
  readonly relative: number;
  /** Time of the point, as its text; '' where that says nothing. */
  readonly t: string;
  /** Errors: equal but for the label sets that they name. */
  readonly sameBut: boolean;
}

/** All differences, in the order of the answers. Instant vectors have no order unless `ordered`; order is judged by values alone, as ties have none. */
export function differences(ours: Answer, theirs: Answer, ordered: boolean): Difference[] {
  if (ours.error !== theirs.error)
    return [
      {
        ...plain('error', `ours: ${verdict(ours)}, theirs: ${verdict(theirs)}`),
        sameBut: withoutLabels(ours.error) === withoutLabels(theirs.error),
      },
    ];
  if (ours.type !== theirs.type) return [plain('type', `ours: ${ours.type}, theirs: ${theirs.type}`)];
  const found = [...valueDifferences(ours, theirs), ...annotationDifferences(ours, theirs)];
  if (found.length > 0 || (!ordered && ours.type !== 'matrix')) return found;
  const [a, b] = [ours, theirs].map((answer) =>
    answer.rows.map((row) => (ordered ? row.points[0]![1] : row.labels)),
  ) as [string[], string[]];
  const at = a.findIndex((text, i) => text !== b[i]);
  return at < 0 ? [] : [plain('order', `row ${at}: ours: ${a[at]}, theirs: ${b[at]}`)];
}

function plain(kind: Difference['kind'], text: string): Difference {
  return { kind, text, relative: Infinity, t: '', sameBut: false };
}

function withoutLabels(error: string | null): string | null {
  return error === null ? null : error.replaceAll(/\{[^{}]*\}/g, '{}');
}

function verdict(a: Answer): string {
  return a.error === null ? `${a.type} of ${a.rows.length}` : JSON.stringify(a.error);
}

function valueDifferences(ours: Answer, theirs: Answer): Difference[] {
  const found: Difference[] = [];
  const mine = cellsOf(ours);
  for (const [labels, cells] of cellsOf(theirs)) {
    const own = mine.get(labels);
    for (const [t, value] of cells) {
      const x = own?.get(t);
      if (x === undefined)
        found.push({ ...plain('series', `${labels} @${t}: ours: nothing, theirs: ${value}`), t });
      else if (x !== value)
        found.push({
          ...plain('value', `${labels} @${t}: ours: ${x}, theirs: ${value}`),
          relative: distance(x, value),
          t,
        });
      own?.delete(t);
    }
  }
  for (const [labels, cells] of mine)
    for (const [t, value] of cells)
      found.push({ ...plain('series', `${labels} @${t}: ours: ${value}, theirs: nothing`), t });
  return found;
}

/** Labels -> time -> value. Equal labels twice are numbered. */
function cellsOf(a: Answer): Map<string, Map<string, string>> {
  const rows = new Map<string, Map<string, string>>();
  for (const { labels, points } of a.rows) {
    let key = labels;
    for (let n = 2; rows.has(key); n++) key = `${labels} #${n}`;
    rows.set(key, new Map(points));
  }
  return rows;
}

/** How far two values' texts are apart, relative to the larger. Infinity: not both finite, or histograms of other buckets. */
function distance(a: string, b: string): number {
  const [x, y] = [numbersOf(a), numbersOf(b)];
  if (x.length !== y.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < x.length; i++) {
    const [p, q] = [x[i]!, y[i]!];
    if (Object.is(p, q)) continue;
    const apart = Math.abs(p - q) / Math.max(Math.abs(p), Math.abs(q));
    worst = Math.max(worst, Number.isFinite(apart) ? apart : Infinity);
  }
  return worst;
}

function numbersOf(text: string): number[] {
  return (text.match(/[+-]?(?:Inf|NaN|[\d.]+(?:e[+-]?\d+)?)/g) ?? []).map((n) =>
    Number(n.replace('Inf', 'Infinity')),
  );
}

const OMITTED = /^(\d+) more (?:warning|info) annotations omitted$/;

function annotationDifferences(ours: Answer, theirs: Answer): Difference[] {
  const own = new Set(ours.annotations);
  let omitted = 0;
  const missing: string[] = [];
  for (const text of theirs.annotations) {
    const more = OMITTED.exec(text);
    if (more !== null) omitted += Number(more[1]);
    else if (!own.delete(text)) missing.push(text);
  }
  const found = missing.map((text) => plain('annotation', `ours: nothing, theirs: ${text}`));
  if (own.size !== omitted)
    for (const text of own)
      found.push(
        plain('annotation', `ours: ${text}, theirs: nothing${omitted > 0 ? ` (${omitted} omitted)` : ''}`),
      );
  return found;
}

/**
 * The differences that the reference's own unsteadiness does not explain. `others`: its answers to the same question when asked again or with
 * its series in another order.
 */
export function unexplained(
  found: readonly Difference[],
  ours: Answer,
  theirs: Answer,
  others: readonly Answer[],
  ordered: boolean,
): Difference[] {
  const unsteady = others.flatMap((other) => differences(other, theirs, ordered));
  // Sums of many orders lie within some multiple of the distances that a few orders show.
  const reach = 16 * Math.max(0, ...unsteady.map((d) => (d.kind === 'value' ? d.relative : 0)));
  const times = new Set(unsteady.filter(({ kind }) => kind === 'series').map(({ t }) => t));
  const kinds = new Set(unsteady.map(({ kind }) => kind));
  return found.filter((d) => {
    switch (d.kind) {
      case 'value':
        return !(d.relative <= reach || times.has(d.t));
      case 'series':
        return !times.has(d.t);
      case 'error':
        // It gives our error too; or others that differ, as ours does, in which of several duplicates they name.
        return !others.some(({ error }) => error === ours.error || (error !== theirs.error && d.sameBut));
      case 'order':
      case 'annotation':
      case 'type':
        return !kinds.has(d.kind);
    }
  });
}

/** Aggregations over series, whose sums come in the order of series; those over time have one order. */
const SUMS = /\b(?:sum|avg|stddev|stdvar)\b(?!_over_time)/;

/** Whether a difference is one of last digits in a query that sums over series. */
export function onlyLastDigits(d: Difference, query: string): boolean {
  return d.kind === 'value' && d.relative <= 1e-12 && SUMS.test(query);
}
