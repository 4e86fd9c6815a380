// A route as the request path wants it: everything that can be known beforehand is bytes. It holds cells of what it refers to, so a changed
// weight, endpoint or filter leaves it alone.
import { compileAnswer, type Answer } from '../answer.ts';
import type { Cell } from '../cell.ts';
import { routeCell } from '../counters/layout.ts';
import { rowKey } from '../counters/rows.ts';
import type { Filter } from '../filter/filter.ts';
import { latin1 } from '../http1/bytes.ts';
import type { HeaderEdits, PathRewrite, RouteResource } from '../snapshot.ts';
import { compileEdits, type Edits } from './edits.ts';
import type { Split } from './split.ts';

export interface Redirect {
  readonly status: number;
  readonly host: string | null;
  readonly path: string | null;
  readonly scheme: 'http' | 'https' | null;
  readonly port: number | null;
}

export interface Route {
  readonly name: string;
  /** One of the three is set. */
  readonly split: Cell<Split> | null;
  readonly answer: Answer | null;
  readonly redirect: Redirect | null;
  readonly filters: readonly Cell<Filter>[];
  readonly rewrite: PathRewrite | null;
  /** null: the client's; `endpoint`; or bytes. */
  readonly host: Buffer | 'endpoint' | null;
  readonly requestHeaders: HeaderEdits;
  readonly responseHeaders: HeaderEdits;
  readonly requestEdits: Edits;
  readonly responseEdits: Edits;
  readonly timeout_ms: number;
  readonly connectRetries: number;
  /** First cell of its row. */
  readonly cell: number;
  /** `,"route":"...","service":"..."` of the access log. */
  readonly log: Buffer;
  readonly service: string;
}

export function compileRoute(
  r: RouteResource,
  split: Cell<Split> | null,
  filters: readonly Cell<Filter>[],
  rows: ReadonlyMap<string, number>,
): Route {
  const { action, metric } = r;
  return {
    name: r.name,
    split,
    answer: action.kind === 'direct' ? compileAnswer(action.response) : null,
    redirect:
      action.kind === 'redirect'
        ? {
            status: action.status,
            host: action.host,
            path: action.path,
            scheme: action.scheme ?? null,
            port: action.port ?? null,
          }
        : null,
    filters,
    rewrite: r.rewritePath,
    host:
      r.hostHeader === null
        ? null
        : r.hostHeader.kind === 'endpoint'
          ? 'endpoint'
          : latin1(r.hostHeader.value),
    requestHeaders: r.requestHeaders,
    responseHeaders: r.responseHeaders,
    requestEdits: compileEdits(r.requestHeaders),
    responseEdits: compileEdits(r.responseHeaders),
    timeout_ms: r.timeout_ms,
    connectRetries: r.connectRetries,
    cell: routeCell(rows.get(rowKey('route', metric.route, metric.service)) ?? 0),
    log: routeLog(metric.route, metric.service),
    service: metric.service,
  };
}

export function routeLog(route: string, service: string): Buffer {
  return Buffer.from(`,"route":${JSON.stringify(route)},"service":${JSON.stringify(service)}`, 'utf8');
}
