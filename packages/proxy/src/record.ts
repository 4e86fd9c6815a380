// The last phase of a request: into the counters and the access log.
import type { ClientConnection } from './client.ts';
import { CODE_COLUMN, ENDPOINT, ROUTE, UPSTREAM, WORKER, observe } from './counters/layout.ts';
import { latin1 } from './http1/bytes.ts';
import { routeLog } from './route/route.ts';

const NOTHING = latin1('');
const NO_ROUTE = routeLog('', '');

/** Counts and logs the request in progress; it is none afterwards. */
export function record(c: ClientConnection): void {
  const { gate } = c;
  const { cells } = gate;
  const now = gate.time();
  const { route, endpoint, cluster, status } = c;
  const duration_ms = now - c.startedAt;
  const row = route === null ? gate.noRouteCell : route.cell;
  cells[row + ROUTE.codes + CODE_COLUMN[status]!]! += 1;
  observe(cells, row + ROUTE.buckets, duration_ms / 1000);
  cells[row + ROUTE.bytesIn]! += c.bytesIn;
  cells[row + ROUTE.bytesOut]! += c.bytesOut;
  cells[WORKER.inFlight]! -= 1;
  let upstream_ms = -1;
  if (endpoint !== null && cluster !== null) {
    upstream_ms = now - c.sentAt;
    if (c.fromUpstream) {
      cells[endpoint.cell + ENDPOINT.codes + CODE_COLUMN[status]!]! += 1;
      cells[endpoint.cell + ENDPOINT.lastSuccessAt] = now + gate.wallOffset;
      observe(cells, cluster.settings.cell + UPSTREAM.buckets, upstream_ms / 1000);
    }
  }
  c.active = false;
  if (gate.access === null) return;
  gate.access.line(
    gate.wall(),
    c.logClient,
    c.log,
    c.logTo,
    status,
    route === null ? NO_ROUTE : route.log,
    cluster === null ? NOTHING : cluster.settings.log,
    endpoint === null ? NOTHING : endpoint.log,
    c.id,
    c.idTo,
    c.bytesIn,
    c.bytesOut,
    duration_ms,
    upstream_ms,
  );
}
