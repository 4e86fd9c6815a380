// info(): labels of info metrics (target_info and the like) joined to series of the same job and instance. Prometheus 3.16, promql/info.go.
import {
  METRIC_NAME,
  compileMatcher,
  labelsKey,
  labelValue,
  type Labels,
  type Matcher,
} from '@munjigi/model';
import { CELL, type Budget, type Fragment } from './fragment.ts';
import { isMetadataLabel, setLabel } from './label-edit.ts';
import { seriesText } from './match.ts';
import type { InfoNode } from './plan-node.ts';
import { executionError } from './query-error.ts';
import { DUPLICATE_LABELS, histogramAt, newTable, putHistogram, type Table } from './table.ts';

const IDENTIFYING: readonly string[] = ['instance', 'job'];

/** Which names info metrics have: those asked for, else target_info; where names are only ruled out, everything that ends in _info. */
function nameMatchers(n: InfoNode): readonly Matcher[] {
  if (n.matchers === null) return [{ name: METRIC_NAME, op: '=', value: 'target_info' }];
  const names = n.matchers.filter((m) => m.name === METRIC_NAME);
  if (names.length === 0) return [{ name: METRIC_NAME, op: '=', value: 'target_info' }];
  if (names.some((m) => m.op === '=' || m.op === '=~')) return names;
  return [{ name: METRIC_NAME, op: '=~', value: '.+_info' }, ...names];
}

function dataMatchers(n: InfoNode): readonly Matcher[] {
  return (n.matchers ?? []).filter((m) => m.name !== METRIC_NAME);
}

/** Rows that are info series themselves: they stay as they are. */
function infoRows(base: Table, n: InfoNode): boolean[] {
  const tests = nameMatchers(n).map(compileMatcher);
  return base.labels.map((l) => tests.every((test) => test(labelValue(l, METRIC_NAME))));
}

/** The fragments that fetch the info series for a table: one for each set of identifying labels that its rows have. */
export function infoFragments(base: Table, n: InfoNode): Fragment[] {
  const ignored = infoRows(base, n);
  const sets = new Map<string, Set<string>[]>();
  base.labels.forEach((l, row) => {
    if (ignored[row]!) return;
    const values = IDENTIFYING.map((name) => labelValue(l, name));
    const pattern = values.map((value) => (value === '' ? '0' : '1')).join('');
    if (!pattern.includes('1')) return;
    let set = sets.get(pattern);
    if (set === undefined) sets.set(pattern, (set = IDENTIFYING.map(() => new Set())));
    values.forEach((value, i) => set[i]!.add(value));
  });
  return [...sets.values()].map((set) => ({
    ...n.fragment,
    matchers: [
      ...IDENTIFYING.map((name, i) => oneOf(name, [...set[i]!].sort())),
      ...dataMatchers(n),
      ...nameMatchers(n),
    ],
  }));
}

function oneOf(name: string, values: readonly string[]): Matcher {
  if (values.length === 1) return { name, op: '=', value: values[0]! };
  return { name, op: '=~', value: values.map((v) => v.replace(/[\\.+*?()|[\]{}^$]/g, '\\$&')).join('|') };
}

/** Info series that are the newest of their metric, job and instance at one step, by key. */
type Newest = Map<string, { readonly labels: Labels; readonly t_s: number }>;

const keyOf = (name: string, l: Labels): string =>
  JSON.stringify([name, ...IDENTIFYING.map((label) => labelValue(l, label))]);

/** The table with the labels of its info series. `series`: what the fragments gave, the time of the newest sample at each step. */
export function withInfo(b: Budget, base: Table, series: readonly Table[], n: InfoNode): Table {
  const ignored = infoRows(base, n);
  const data = dataMatchers(n);
  const wanted = data.length === 0 ? null : new Set(data.map((m) => m.name));
  const mayBeMissing = data.every((m) => compileMatcher(m)(''));
  const names = [...new Set(series.flatMap((t) => t.labels.map((l) => labelValue(l, METRIC_NAME))))].sort();
  const rows = new Map<string, { labels: Labels; drops: number; from: Int32Array }>();
  for (let k = 0; k < base.steps; k++) {
    if (!anyAt(base, k)) continue;
    const newest = newestAt(series, k);
    base.labels.forEach((labels, row) => {
      if (base.present[row * base.steps + k] === CELL.absent) return;
      const shown = ignored[row]! ? labels : joined(labels, names, newest, wanted, mayBeMissing);
      if (shown === null) return;
      const key = labelsKey(shown);
      let out = rows.get(key);
      if (out === undefined) {
        out = { labels: shown, drops: base.drops[row]!, from: new Int32Array(base.steps).fill(-1) };
        rows.set(key, out);
      }
      if (out.from[k] !== -1) throw executionError(DUPLICATE_LABELS);
      out.from[k] = row;
    });
  }
  const kept = [...rows.values()];
  const table = newTable(
    b,
    kept.map((r) => r.labels),
    base.steps,
  );
  kept.forEach(({ drops, from }, r) => {
    table.drops[r] = drops;
    for (let k = 0; k < base.steps; k++)
      if (from[k] !== -1) copyCell(b, base, from[k]! * base.steps + k, table, r * base.steps + k);
  });
  return table;
}

function anyAt(t: Table, k: number): boolean {
  for (let at = k; at < t.present.length; at += t.steps) if (t.present[at] !== CELL.absent) return true;
  return false;
}

function copyCell(b: Budget, from: Table, i: number, to: Table, at: number): void {
  const h = histogramAt(from, i);
  if (h !== null) {
    putHistogram(b, to, at, h);
    return;
  }
  to.values[at] = from.values[i]!;
  to.present[at] = CELL.float;
}

function newestAt(series: readonly Table[], k: number): Newest {
  const newest: Newest = new Map();
  for (const t of series) {
    t.labels.forEach((labels, row) => {
      const at = row * t.steps + k;
      if (t.present[at] === CELL.absent) return;
      const key = keyOf(labelValue(labels, METRIC_NAME), labels);
      const t_s = t.values[at]!;
      const held = newest.get(key);
      if (held === undefined || held.t_s < t_s) newest.set(key, { labels, t_s });
      else if (held.t_s === t_s) {
        const ms = Math.round(t_s * 1000);
        throw executionError(
          `found duplicate series for info metric: existing ${seriesText(held.labels)} @ ${ms}, new ${seriesText(labels)} @ ${ms}`,
        );
      }
    });
  }
  return newest;
}

/** Labels with those of the info series that belong to them; null where there is none and the matchers want one. */
function joined(
  base: Labels,
  names: readonly string[],
  newest: Newest,
  wanted: ReadonlySet<string> | null,
  mayBeMissing: boolean,
): Labels | null {
  let shown = base;
  let found = false;
  const added = new Map<string, string>();
  for (const name of names) {
    const info = newest.get(keyOf(name, base));
    if (info === undefined) continue;
    found = true;
    for (let i = 0; i < info.labels.length; i += 2) {
      const [label, value] = [info.labels[i]!, info.labels[i + 1]!];
      if (isMetadataLabel(label) || (wanted !== null && !wanted.has(label))) continue;
      const before = added.get(label);
      if (before !== undefined && before !== value) throw executionError(`conflicting label: ${label}`);
      if (labelValue(base, label) !== '') continue;
      added.set(label, value);
      shown = setLabel(shown, label, value);
    }
  }
  return found || mayBeMissing ? shown : null;
}
