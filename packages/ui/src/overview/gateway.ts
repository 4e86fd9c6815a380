// The gateway's own account of itself (`/api/v1/munjigi/gateway`), read with defaults for whatever a server leaves out.

type Health = 'up' | 'down' | 'unknown';

interface SplitEndpoint {
  readonly address: string;
  readonly weight: number;
  readonly health: Health;
  readonly reason: string;
  readonly since_ms: number | null;
}

interface SplitTarget {
  readonly cluster: string;
  /** Label of its metrics. */
  readonly upstream: string;
  readonly weight: number;
  readonly endpoints: readonly SplitEndpoint[];
}

export interface GatewayRoute {
  /** The route's own name. */
  readonly name: string;
  /** Label of its metrics; several routes may count as one. */
  readonly label: string;
  readonly service: string;
  readonly dialect: string;
  /** Where it was written, as `shop.yaml:12:3`. */
  readonly place: string;
  readonly match: string;
  readonly action: string;
  readonly filters: readonly string[];
  readonly split: readonly SplitTarget[];
}

export interface GatewayEndpoint {
  readonly upstream: string;
  readonly endpoint: string;
  readonly health: Health;
  readonly reason: string;
  readonly since_ms: number | null;
  readonly lastFailure_ms: number | null;
  readonly requests: number;
  readonly failures: number;
}

interface GatewayWorker {
  readonly id: string;
  /** `starting`, `running`, `closed`; '' when not said. */
  readonly state: string;
  readonly connections: number;
  /** How often it was replaced, and why the last time. */
  readonly restarts: number;
  readonly lastEnd: string;
}

interface ConfigProblem {
  readonly severity: 'error' | 'warning';
  /** `file:line:column` as far as known. */
  readonly place: string;
  readonly field: string;
  readonly message: string;
}

export interface Gateway {
  readonly version: string;
  readonly listeners: readonly string[];
  readonly routes: readonly GatewayRoute[];
  readonly endpoints: readonly GatewayEndpoint[];
  readonly workers: readonly GatewayWorker[];
  readonly problems: readonly ConfigProblem[];
  readonly lastChange: {
    readonly ok: boolean;
    readonly at_ms: number | null;
    readonly version: string;
  } | null;
}

/** Never throws: what is absent or of another shape becomes empty. */
export function readGateway(json: unknown): Gateway {
  const g = fields(json);
  const change = g['lastChange'] === undefined || g['lastChange'] === null ? null : fields(g['lastChange']);
  const routes = list(g['routes']).map(readRoute);
  const endpoints = list(g['endpoints']).map(readEndpoint);
  return {
    version: text(g['version']),
    listeners: list(g['listeners']).map((l) =>
      typeof l === 'string' ? l : `${text(fields(l)['address'])}:${text(fields(l)['port'])}`,
    ),
    routes,
    endpoints: endpoints.length > 0 ? endpoints : endpointsOf(routes),
    workers: list(g['workers']).map((json, i) => {
      const w = fields(json);
      return {
        id: text(w['id']) || text(w['name']) || text(w['index']) || String(i),
        state: text(w['state']),
        connections: count(w['connections']),
        restarts: count(w['restarts']),
        lastEnd: text(w['lastEnd']),
      };
    }),
    problems: list(g['problems']).map(readProblem),
    lastChange:
      change === null
        ? null
        : {
            ok: change['ok'] !== false,
            at_ms: time(change['at_ms']),
            version: text(change['version']) || text(g['version']),
          },
  };
}

function readRoute(json: unknown): GatewayRoute {
  const r = fields(json);
  return {
    name: text(r['name']),
    label: text(r['route']) || text(r['name']),
    service: text(r['service']),
    dialect: text(r['dialect']),
    place: typeof r['place'] === 'string' ? r['place'] : placeOf(fields(r['place'])),
    match: [list(r['hosts']).map(text).filter(Boolean).join(', '), text(r['match'])]
      .filter(Boolean)
      .join(' '),
    action: text(r['action']),
    filters: list(r['filters']).map(text),
    split: list(r['split']).map((s) => {
      const t = fields(s);
      return {
        cluster: text(t['cluster']),
        upstream: text(t['upstream']) || text(t['cluster']),
        weight: count(t['weight']),
        endpoints: list(t['endpoints']).map((e) => {
          const f = fields(e);
          return {
            address:
              f['port'] === undefined ? text(f['address']) : `${text(f['address'])}:${text(f['port'])}`,
            weight: count(f['weight']),
            health: health(f['health']),
            reason: text(f['reason']),
            since_ms: time(f['since_ms']),
          };
        }),
      };
    }),
  };
}

function readEndpoint(json: unknown): GatewayEndpoint {
  const e = fields(json);
  return {
    upstream: text(e['upstream']),
    endpoint: text(e['endpoint']),
    health: health(e['health']),
    reason: text(e['reason']),
    since_ms: time(e['since_ms']),
    lastFailure_ms: time(e['lastFailure_ms']),
    requests: count(e['requests']),
    failures: count(e['failures']),
  };
}

/** A server that lists endpoints only under its routes. */
function endpointsOf(routes: readonly GatewayRoute[]): GatewayEndpoint[] {
  const found = new Map<string, GatewayEndpoint>();
  for (const target of routes.flatMap((r) => r.split)) {
    for (const e of target.endpoints) {
      found.set(`${target.upstream} ${e.address}`, {
        upstream: target.upstream,
        endpoint: e.address,
        health: e.health,
        reason: e.reason,
        since_ms: e.since_ms,
        lastFailure_ms: null,
        requests: NaN,
        failures: NaN,
      });
    }
  }
  return [...found.values()];
}

function readProblem(json: unknown): ConfigProblem {
  const p = fields(json);
  return {
    severity: p['severity'] === 'warning' ? 'warning' : 'error',
    place: placeOf(p),
    field: text(p['field']),
    message: text(p['message']),
  };
}

function placeOf(p: Record<string, unknown>): string {
  const file = text(p['file']);
  const line = count(p['line']);
  if (!(line > 0)) return file;
  const column = count(p['column']);
  return column > 0 ? `${file}:${line}:${column}` : `${file}:${line}`;
}

function fields(json: unknown): Record<string, unknown> {
  return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
}

function list(json: unknown): unknown[] {
  return Array.isArray(json) ? json : [];
}

function text(json: unknown): string {
  return typeof json === 'string' ? json : typeof json === 'number' ? String(json) : '';
}

function count(json: unknown): number {
  return typeof json === 'number' ? json : 0;
}

function time(json: unknown): number | null {
  return typeof json === 'number' && json > 0 ? json : null;
}

function health(json: unknown): Health {
  if (json === 'up' || json === 'healthy') return 'up';
  return json === 'down' || json === 'unhealthy' ? 'down' : 'unknown';
}
