// Asks the server for everything the overview shows: each part on its own, so that one that fails hides nothing else.
import { ApiError, callApi, query, queryRange, type ApiReply } from '../api.ts';
import { now_ms } from '../browser.ts';
import type { QueryData } from '../series.ts';
import { readTargets, type Target, type TargetsData } from '../targets/read-targets.ts';
import { readGateway, type Gateway } from './gateway.ts';
import {
  DOWN_EXPR,
  DOWN_RANGE_s,
  DOWN_STEP_s,
  downSince,
  overviewExprs,
  rateWindow_s,
  SPARK_RANGE_s,
  SPARK_STEP_s,
  type DownSince,
  type Traffic,
} from './reduce.ts';

export interface OverviewData {
  readonly at_ms: number;
  /** null with no failure named: this server has no gateway. */
  readonly gateway: Gateway | null;
  readonly targets: readonly Target[] | null;
  readonly down: ReadonlyMap<string, DownSince>;
  readonly traffic: Traffic;
  readonly window_s: number;
  /** What could not be asked, and why. */
  readonly failures: readonly { readonly part: string; readonly message: string }[];
}

/** Throws only when there is no contact at all or the call was given up. */
export async function loadOverview(signal: AbortSignal): Promise<OverviewData> {
  const failures: { part: string; message: string }[] = [];
  const part = async <T>(name: string, asked: Promise<ApiReply<T>>): Promise<T | null> => {
    try {
      return (await asked).data;
    } catch (e) {
      if (!(e instanceof ApiError) || e.kind !== 'refused') throw e;
      if (!(name === 'gateway' && e.status === 404)) failures.push({ part: name, message: e.message });
      return null;
    }
  };
  const [gatewayJson, targetsJson] = await Promise.all([
    part('gateway', callApi<unknown>('munjigi/gateway', {}, signal)),
    part('targets', callApi<TargetsData>('targets', { state: 'active' }, signal)),
  ]);
  const targets = targetsJson === null ? null : readTargets(targetsJson);
  const window_s = rateWindow_s(targets ?? []);
  const at_ms = now_ms();
  const end_s = at_ms / 1000;
  const points = SPARK_RANGE_s / SPARK_STEP_s + 1;
  const grid = { start_s: end_s - SPARK_RANGE_s, end_s, step_s: SPARK_STEP_s };
  const exprs = overviewExprs(window_s);
  const anyDown = targets?.some((t) => t.health === 'down') === true;
  const downGrid = {
    start_s: end_s - DOWN_RANGE_s,
    step_s: DOWN_STEP_s,
    points: DOWN_RANGE_s / DOWN_STEP_s + 1,
  };
  const range = (name: string, expr: string): Promise<QueryData | null> =>
    part(name, queryRange(expr, grid, signal));
  const instant = (name: string, expr: string): Promise<QueryData | null> =>
    part(name, query(expr, end_s, signal));
  const [rate, errors, p95, p50, p99, upstream, alerts, down] = await Promise.all([
    range('request rate', exprs.rate),
    range('error rate', exprs.errors),
    range('latency', exprs.p95),
    instant('median latency', exprs.p50),
    instant('p99 latency', exprs.p99),
    instant('upstream traffic', exprs.upstream),
    instant('alerts', exprs.alerts),
    anyDown ? part('target history', queryRange(DOWN_EXPR, { ...downGrid, end_s }, signal)) : null,
  ]);
  return {
    at_ms,
    gateway: gatewayJson === null ? null : readGateway(gatewayJson),
    targets,
    window_s,
    failures,
    down: downSince(down, downGrid),
    traffic: {
      grid: { start_s: grid.start_s, step_s: grid.step_s, points },
      rate,
      errors,
      p95,
      p50,
      p99,
      upstream,
      alerts,
    },
  };
}
