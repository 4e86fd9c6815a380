// From what the server answered to what the overview says: rows, shares, problems. Pure.
import { parseSample } from '../number.ts';
import { quote, type LabelMap, type QueryData } from '../series.ts';
import type { Target } from '../targets/read-targets.ts';
import type { Gateway, GatewayRoute } from './gateway.ts';

/** Share of failed requests from which a route is named as a problem. */
export const ERRORS_WARN = 0.01;
export const ERRORS_BAD = 0.05;
/** Requests a second below which a route's share of errors says nothing. */
const RATE_MIN = 0.02;

/** How far back the small lines go, and their step. */
export const SPARK_RANGE_s = 900;
export const SPARK_STEP_s = 15;

/** The window of `rate`: four scrapes of the slowest pool, within 1 to 5 minutes. */
export function rateWindow_s(targets: readonly Target[]): number {
  const slowest = Math.max(0, ...targets.map((t) => t.interval_ms ?? 0)) / 1000;
  return Math.min(300, Math.max(60, Math.ceil(slowest * 4)));
}

/** Expressions the page asks for. */
export function overviewExprs(
  window_s: number,
): Record<'rate' | 'errors' | 'p50' | 'p95' | 'p99' | 'upstream' | 'alerts', string> {
  const w = `[${window_s % 60 === 0 ? `${window_s / 60}m` : `${window_s}s`}]`;
  const latency = (q: string): string =>
    `histogram_quantile(${q}, sum by (route, le) (rate(munjigi_http_request_duration_seconds_bucket${w})))`;
  return {
    rate: `sum by (service, route) (rate(munjigi_http_requests_total${w}))`,
    errors: `sum by (service, route) (rate(munjigi_http_requests_total{code=~"5.."}${w}))`,
    p50: latency('0.5'),
    p95: latency('0.95'),
    p99: latency('0.99'),
    upstream: `sum by (upstream) (rate(munjigi_upstream_requests_total${w}))`,
    alerts: 'ALERTS{alertstate="firing"}',
  };
}

/** What a click on a route's number opens. */
export function routeExprs(row: RouteRow, window_s: number): Record<'rate' | 'errors' | 'latency', string> {
  const w = `[${window_s % 60 === 0 ? `${window_s / 60}m` : `${window_s}s`}]`;
  const by = `service=${quote(row.service)}, route=${quote(row.name)}`;
  return {
    rate: `sum by (code) (rate(munjigi_http_requests_total{${by}}${w}))`,
    errors: `sum(rate(munjigi_http_requests_total{${by}, code=~"5.."}${w})) / sum(rate(munjigi_http_requests_total{${by}}${w}))`,
    latency: `histogram_quantile(0.95, sum by (le) (rate(munjigi_http_request_duration_seconds_bucket{route=${quote(row.name)}}${w})))`,
  };
}

/** Replies of the queries; null: that one failed or isn't there yet. */
export interface Traffic {
  readonly grid: { readonly start_s: number; readonly step_s: number; readonly points: number };
  readonly rate: QueryData | null;
  readonly errors: QueryData | null;
  readonly p95: QueryData | null;
  readonly p50: QueryData | null;
  readonly p99: QueryData | null;
  readonly upstream: QueryData | null;
  readonly alerts: QueryData | null;
}

export type Line = readonly (number | null)[];

export interface SplitShare {
  readonly upstream: string;
  /** 0 to 1; null: all weights are 0. */
  readonly weight: number | null;
  /** Share of the requests sent, 0 to 1; null: none was sent. */
  readonly actual: number | null;
  /** Other routes use this upstream too, so that `actual` isn't this route's alone. */
  readonly shared: boolean;
  readonly down: number;
  readonly endpoints: number;
}

export interface RouteRow {
  readonly key: string;
  readonly name: string;
  readonly service: string;
  /** Those that count under this label. None: it has traffic but stands not in the configuration. */
  readonly routes: readonly GatewayRoute[];
  readonly rate: number;
  readonly rateLine: Line;
  /** Share of 5xx; null without traffic. */
  readonly errorShare: number | null;
  readonly errorLine: Line;
  readonly p50_s: number | null;
  readonly p95_s: number | null;
  readonly p99_s: number | null;
  readonly p95Line: Line;
  readonly split: readonly SplitShare[];
}

/** Configured routes in their order, then those that only have traffic. */
export function routeRows(gateway: Gateway | null, traffic: Traffic): RouteRow[] {
  const rate = lines(traffic.rate, traffic.grid, keyOfMetric);
  const errors = lines(traffic.errors, traffic.grid, keyOfMetric);
  // The histogram knows the route alone.
  const p95 = lines(traffic.p95, traffic.grid, routeOf);
  const p50 = lasts(traffic.p50, 'route');
  const p99 = lasts(traffic.p99, 'route');
  const sent = lasts(traffic.upstream, 'upstream');
  const users = new Map<string, Set<string>>();
  const configured = new Map<string, GatewayRoute[]>();
  for (const r of gateway?.routes ?? []) {
    const key = keyOf(r.service, r.label);
    const same = configured.get(key);
    if (same === undefined) configured.set(key, [r]);
    else same.push(r);
    for (const t of r.split) {
      const of = users.get(t.upstream) ?? new Set();
      users.set(t.upstream, of.add(key));
    }
  }
  const keys = [...configured.keys(), ...[...rate.keys()].filter((k) => !configured.has(k)).toSorted()];
  const rows: RouteRow[] = [];
  for (const key of keys) {
    const routes = configured.get(key) ?? [];
    const rateLine = rate.get(key)?.line ?? [];
    const now = last(rateLine);
    if (routes.length === 0 && rateLine.every((v) => v === null || v === 0)) continue;
    const name = routes[0]?.label ?? rate.get(key)?.metric['route'] ?? '';
    const errorLine = shareLine(errors.get(key)?.line ?? [], rateLine);
    rows.push({
      key,
      name,
      service: routes[0]?.service ?? rate.get(key)?.metric['service'] ?? '',
      routes,
      rate: now ?? 0,
      rateLine,
      errorShare: now === null || now === 0 ? null : (last(errorLine) ?? 0),
      errorLine,
      p50_s: p50.get(name) ?? null,
      p95_s: last(p95.get(name)?.line ?? []),
      p99_s: p99.get(name) ?? null,
      p95Line: p95.get(name)?.line ?? [],
      split: uniqueShares(routes.flatMap((r) => shares(r, sent, users))),
    });
  }
  return rows;
}

/** Fewest points a small line shows. */
const SPARK_POINTS_MIN = 9;

/** The first point from which any route has data: a server that just started fills its lines instead of leaving them empty on the left. */
export function firstPoint(rows: readonly RouteRow[]): number {
  let first = Infinity;
  let length = 0;
  for (const { rateLine } of rows) {
    const at = rateLine.findIndex((v) => v !== null);
    if (at >= 0) first = Math.min(first, at);
    length = Math.max(length, rateLine.length);
  }
  return Math.max(0, Math.min(first, length - SPARK_POINTS_MIN));
}

export interface Totals {
  readonly rate: number;
  readonly errorShare: number | null;
  /** The slowest route's. */
  readonly p99_s: number | null;
}

export function totalsOf(rows: readonly RouteRow[]): Totals {
  let rate = 0;
  let failed = 0;
  let p99_s: number | null = null;
  for (const row of rows) {
    rate += row.rate;
    failed += row.rate * (row.errorShare ?? 0);
    if (row.rate > 0 && row.p99_s !== null && !(p99_s !== null && p99_s >= row.p99_s)) p99_s = row.p99_s;
  }
  return { rate, errorShare: rate > 0 ? failed / rate : null, p99_s };
}

/** One thing that isn't well. */
export interface Trouble {
  readonly severity: 'error' | 'warning';
  /** What it is about: `target`, `endpoint`, ... */
  readonly kind: 'route' | 'target' | 'endpoint' | 'config' | 'worker' | 'alert' | 'server';
  readonly what: string;
  readonly why: string;
  readonly since_ms: number | null;
  /** `since_ms` is as far back as we looked: it may be longer. */
  readonly atLeast?: boolean;
  readonly row?: RouteRow;
}

/** Problems, errors first. A warning of the configuration is listed but `headline` doesn't count it. */
export function troublesOf(
  gateway: Gateway | null,
  targets: readonly Target[] | null,
  rows: readonly RouteRow[],
  alerts: QueryData | null,
  down: ReadonlyMap<string, DownSince> = new Map(),
): Trouble[] {
  const out: Trouble[] = [];
  if (gateway?.lastChange?.ok === false) {
    out.push({
      severity: 'error',
      kind: 'config',
      what: 'The last change of configuration was refused',
      why: `version ${gateway.version || gateway.lastChange.version || '?'} keeps running; nothing was changed`,
      since_ms: gateway.lastChange.at_ms,
    });
  }
  for (const p of gateway?.problems ?? []) {
    const message = p.field === '' ? p.message : `${p.field}: ${p.message}`;
    out.push({
      severity: p.severity,
      kind: 'config',
      what: p.place || 'configuration',
      why: message,
      since_ms: null,
    });
  }
  for (const e of gateway?.endpoints ?? []) {
    if (e.health !== 'down') continue;
    const why = e.reason || 'no reason given';
    out.push({
      severity: 'error',
      kind: 'endpoint',
      what: `${e.upstream} ${e.endpoint}`,
      why,
      since_ms: e.since_ms ?? e.lastFailure_ms,
    });
  }
  for (const t of targets ?? []) {
    if (t.health !== 'down') continue;
    const since = down.get(targetKey(t.labels));
    out.push({
      severity: 'error',
      kind: 'target',
      what: `${t.pool} ${t.url}`,
      why: t.lastError || 'no reason given',
      since_ms: since?.since_ms ?? null,
      atLeast: since?.atLeast ?? false,
    });
  }
  for (const row of rows) {
    if (row.errorShare === null || row.errorShare < ERRORS_WARN || row.rate < RATE_MIN) continue;
    out.push({
      severity: row.errorShare >= ERRORS_BAD ? 'error' : 'warning',
      kind: 'route',
      what: routeTitle(row),
      why: `${(row.errorShare * 100).toFixed(row.errorShare < 0.1 ? 1 : 0)} % of its requests fail (5xx)`,
      since_ms: null,
      row,
    });
  }
  for (const w of gateway?.workers ?? []) {
    if (w.state === '' || w.state === 'running') continue;
    out.push({
      // One that starts is on its way; any other state is an end.
      severity: w.state === 'starting' ? 'warning' : 'error',
      kind: 'worker',
      what: `proxy worker ${w.id}`,
      why: w.lastEnd === '' ? w.state : `${w.state}: ${w.lastEnd}`,
      since_ms: null,
    });
  }
  if (alerts?.resultType === 'vector') {
    for (const { metric } of alerts.result) {
      const rest = Object.entries(metric).filter(
        ([k]) => !['__name__', 'alertname', 'alertstate', 'severity'].includes(k),
      );
      out.push({
        severity: /^(info|none|warning)$/i.test(metric['severity'] ?? '') ? 'warning' : 'error',
        kind: 'alert',
        what: metric['alertname'] ?? 'alert',
        why: `firing${rest.length > 0 ? `: ${rest.map(([k, v]) => `${k}=${v}`).join(' ')}` : ''}`,
        since_ms: null,
      });
    }
  }
  return out.toSorted((a, b) => Number(a.severity === 'warning') - Number(b.severity === 'warning'));
}

/** Since when a target is down, as far as the samples of `up` say. */
export interface DownSince {
  readonly since_ms: number;
  readonly atLeast: boolean;
}

/** How far back a target's samples are looked at, and their step. */
export const DOWN_RANGE_s = 3600;
export const DOWN_STEP_s = 30;
export const DOWN_EXPR = 'up == 0';

/** From the range result of `up == 0`: how far its points go back from the end without a gap. */
export function downSince(data: QueryData | null, grid: Traffic['grid']): Map<string, DownSince> {
  const out = new Map<string, DownSince>();
  if (data?.resultType !== 'matrix') return out;
  for (const series of data.result) {
    const times = (series.values ?? []).map(([t]) => t);
    const end = grid.start_s + (grid.points - 1) * grid.step_s;
    let from: number | null = null;
    for (let at = times.length - 1; at >= 0; at--) {
      const t = times[at] ?? 0;
      if ((from ?? end) - t > grid.step_s * 1.5) break;
      from = t;
    }
    if (from === null) continue;
    out.set(targetKey(series.metric), {
      since_ms: from * 1000,
      atLeast: from - grid.start_s < grid.step_s * 0.5,
    });
  }
  return out;
}

/** What tells targets apart: their job and instance. */
function targetKey(labels: LabelMap): string {
  return `${labels['job'] ?? ''}\n${labels['instance'] ?? ''}`;
}

export type Tone = 'ok' | 'warning' | 'error' | 'unknown';

/** The one sentence at the top. */
export function headline(troubles: readonly Trouble[], known: boolean): { tone: Tone; text: string } {
  const errors = troubles.filter((t) => t.severity === 'error').length;
  const warnings = troubles.length - errors;
  if (errors > 0) {
    const more = warnings > 0 ? ` and ${warnings} warning${warnings === 1 ? '' : 's'}` : '';
    return { tone: 'error', text: `${errors} problem${errors === 1 ? '' : 's'}${more}` };
  }
  if (!known) return { tone: 'unknown', text: 'Not all is known' };
  if (warnings > 0)
    return { tone: 'warning', text: `Healthy, ${warnings} warning${warnings === 1 ? '' : 's'}` };
  return { tone: 'ok', text: 'All healthy' };
}

export function routeTitle(row: { readonly name: string; readonly service: string }): string {
  return isStray(row.name) ? '(no route)' : row.name;
}

/** Requests that no route took, or that the data plane's table of counters had no room for. */
export function isStray(name: string): boolean {
  return name === '' || name === '_other';
}

function keyOf(service: string, route: string): string {
  return `${service}\n${route}`;
}

function keyOfMetric(metric: LabelMap): string {
  return keyOf(metric['service'] ?? '', metric['route'] ?? '');
}

function routeOf(metric: LabelMap): string {
  return metric['route'] ?? '';
}

function lines(
  data: QueryData | null,
  grid: Traffic['grid'],
  keyOfSeries: (metric: LabelMap) => string,
): Map<string, { metric: LabelMap; line: Line }> {
  const out = new Map<string, { metric: LabelMap; line: Line }>();
  if (data?.resultType !== 'matrix') return out;
  for (const series of data.result) {
    const line = Array.from<number | null>({ length: grid.points }).fill(null);
    for (const [t, value] of series.values ?? []) {
      const i = Math.round((t - grid.start_s) / grid.step_s);
      const v = parseSample(value);
      if (i >= 0 && i < grid.points && !Number.isNaN(v)) line[i] = v;
    }
    out.set(keyOfSeries(series.metric), { metric: series.metric, line });
  }
  return out;
}

/** Values of an instant vector by one label; NaN counts as none. */
function lasts(data: QueryData | null, label: string): Map<string, number> {
  const out = new Map<string, number>();
  if (data?.resultType !== 'vector') return out;
  for (const { metric, value } of data.result) {
    const v = value === undefined ? NaN : parseSample(value[1]);
    if (!Number.isNaN(v)) out.set(metric[label] ?? '', v);
  }
  return out;
}

/** The newest value; one missing point at the end is forgiven, since a range may end before the newest scrape. */
function last(line: Line): number | null {
  return line.at(-1) ?? line.at(-2) ?? null;
}

/** Failed over all, point by point. No failure series at all means none failed. */
function shareLine(failed: Line, all: Line): (number | null)[] {
  return all.map((v, i) => (v === null || v === 0 ? null : (failed[i] ?? 0) / v));
}

function shares(
  route: GatewayRoute,
  sent: ReadonlyMap<string, number>,
  users: ReadonlyMap<string, ReadonlySet<string>>,
): SplitShare[] {
  const weights = route.split.reduce((sum, t) => sum + t.weight, 0);
  const total = route.split.reduce((sum, t) => sum + (sent.get(t.upstream) ?? 0), 0);
  return route.split.map((t) => ({
    upstream: t.upstream,
    weight: weights > 0 ? t.weight / weights : null,
    actual: total > 0 ? (sent.get(t.upstream) ?? 0) / total : null,
    shared: (users.get(t.upstream)?.size ?? 0) > 1,
    down: t.endpoints.filter((e) => e.health === 'down').length,
    endpoints: t.endpoints.length,
  }));
}

function uniqueShares(all: readonly SplitShare[]): SplitShare[] {
  const seen = new Set<string>();
  return all.filter((s) => !seen.has(s.upstream) && seen.add(s.upstream));
}
