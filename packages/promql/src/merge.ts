// Partials of one fragment over different series, made into one.
import { labelsKey, type Labels } from '@munjigi/model';
import { uniqueRemarks } from './annotations.ts';
import { noHistograms, type Fragment, type FragmentPartial } from './fragment.ts';
import type { Histogram } from './histogram/histogram.ts';

/** Merges the partials of a fragment that ran in parts; rows of series are put one after another, groups are added up. */
export function mergePartials(f: Fragment, parts: readonly FragmentPartial[]): FragmentPartial {
  if (parts.length === 1) return parts[0]!;
  const stopped = parts.find((p) => p.gaveUp);
  const merged = stopped ?? (f.aggregate === null ? appendRows(f, parts) : addGroups(f, parts));
  return {
    ...merged,
    annotations: stopped === undefined ? uniqueRemarks(parts.flatMap((p) => p.annotations)) : [],
    samplesRead: parts.reduce((sum, p) => sum + p.samplesRead, 0),
  };
}

function appendRows(f: Fragment, parts: readonly FragmentPartial[]): FragmentPartial {
  const { steps } = f.grid;
  const rows = parts.reduce((sum, p) => sum + p.rows, 0);
  const cells = f.func === 'matrix' ? 0 : rows * steps;
  const values = new Float64Array(cells);
  const present = new Uint8Array(cells);
  let at = 0;
  for (const p of parts) {
    values.set(p.values, at);
    present.set(p.present, at);
    at += p.values.length;
  }
  return {
    fragment: f.id,
    steps,
    rows,
    labels: parts.flatMap((p) => p.labels),
    values,
    present,
    histograms: joined(parts.map((p) => ({ n: p.values.length, histograms: p.histograms }))),
    compensation: null,
    counts: null,
    samples: f.func === 'matrix' ? appendSamples(parts, rows) : null,
    gaveUp: false,
    annotations: [],
    samplesRead: 0,
  };
}

/** Histograms of parts of n cells each, one after another; null when no part has any. */
function joined(
  parts: readonly { n: number; histograms: readonly (Histogram | null)[] | null }[],
): (Histogram | null)[] | null {
  if (parts.every((p) => p.histograms === null)) return null;
  return parts.flatMap((p) => p.histograms ?? noHistograms(p.n));
}

function appendSamples(parts: readonly FragmentPartial[], rows: number): FragmentPartial['samples'] {
  const total = parts.reduce((sum, p) => sum + (p.samples?.t.length ?? 0), 0);
  const first = new Uint32Array(rows + 1);
  const t = new Float64Array(total);
  const v = new Float64Array(total);
  let row = 0;
  let at = 0;
  for (const { samples, rows: count } of parts) {
    if (samples === null) continue;
    for (let r = 0; r < count; r++) first[row + r] = at + samples.first[r]!;
    t.set(samples.t, at);
    v.set(samples.v, at);
    row += count;
    at += samples.t.length;
  }
  first[rows] = at;
  const histograms = joined(
    parts.flatMap((p) =>
      p.samples === null ? [] : [{ n: p.samples.t.length, histograms: p.samples.histograms }],
    ),
  );
  return { first, t, v, histograms };
}

function addGroups(f: Fragment, parts: readonly FragmentPartial[]): FragmentPartial {
  const { steps } = f.grid;
  const rowOf = new Map<string, number>();
  const labels: Labels[] = [];
  for (const p of parts) {
    for (const l of p.labels) {
      const key = labelsKey(l);
      if (rowOf.has(key)) continue;
      rowOf.set(key, labels.length);
      labels.push(l);
    }
  }
  const cells = labels.length * steps;
  const { op } = f.aggregate!;
  const out = {
    values: new Float64Array(cells),
    present: new Uint8Array(cells),
    compensation: op === 'sum' || op === 'avg' ? new Float64Array(cells) : null,
    counts: op === 'avg' ? new Float64Array(cells) : null,
  };
  for (const p of parts)
    p.labels.forEach((l, r) => addGroup(op, out, rowOf.get(labelsKey(l))! * steps, p, r * steps, steps));
  return {
    fragment: f.id,
    steps,
    rows: labels.length,
    labels,
    ...out,
    samples: null,
    gaveUp: false,
    histograms: null,
    annotations: [],
    samplesRead: 0,
  };
}

type Columns = Pick<FragmentPartial, 'values' | 'present' | 'compensation' | 'counts'>;

function addGroup(op: string, to: Columns, at: number, from: Columns, fromAt: number, steps: number): void {
  for (let k = 0; k < steps; k++) {
    const i = at + k;
    const j = fromAt + k;
    if (from.present[j] === 0) continue;
    const x = from.values[j]!;
    const first = to.present[i] === 0;
    to.present[i] = 1;
    if (to.counts !== null) to.counts[i]! += from.counts![j]!;
    if (to.compensation !== null) {
      const c = to.compensation;
      if (first) {
        to.values[i] = x;
        c[i] = from.compensation![j]!;
        continue;
      }
      const sum = to.values[i]!;
      const next = sum + x;
      if (next > Number.MAX_VALUE || next < -Number.MAX_VALUE) c[i] = 0;
      else c[i]! += (Math.abs(sum) >= Math.abs(x) ? sum - next + x : x - next + sum) + from.compensation![j]!;
      to.values[i] = next;
    } else if (first) to.values[i] = x;
    else if (op === 'count') to.values[i]! += x;
    else if (op === 'min' || op === 'max') {
      const held = to.values[i]!;
      if (held !== held || (op === 'max' ? held < x : held > x)) to.values[i] = x;
    }
  }
}
