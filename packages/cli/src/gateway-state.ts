// What the console shows of the gate: the routes as their files say them, joined with what the data plane has seen of their endpoints.
import type { GatewayView } from '@munjigi/control';
import type { EndpointHealth, WorkerState } from '@munjigi/proxy';
import type { MunjigiConfig } from './config.ts';
import type { LastChange } from './publisher.ts';

interface DataPlaneState {
  endpoints(): readonly EndpointHealth[];
  workers(): readonly WorkerState[];
}

/** The reply of /api/v1/munjigi/gateway. */
export function gatewayState(
  config: MunjigiConfig,
  view: GatewayView | null,
  dataPlane: DataPlaneState,
  last: LastChange | null,
): object {
  const endpoints = dataPlane.endpoints();
  const healthOf = new Map(endpoints.map((e) => [`${e.upstream} ${e.endpoint}`, e]));
  const hosts = new Map<string, string[]>();
  for (const { pattern, routes } of (view?.listeners ?? []).flatMap((listener) => listener.hosts))
    for (const route of routes) hosts.set(route, [...(hosts.get(route) ?? []), pattern]);
  return {
    version: last?.version ?? 0,
    listeners: (config.gateway?.listen ?? []).map(({ address, port }) => ({ address, port })),
    routes: (view?.routes ?? []).map((route) => ({
      name: route.name.replace(/^route\//, ''),
      route: route.metric.route,
      service: route.metric.service,
      dialect: route.dialect,
      place: `${route.file}:${route.line}`,
      hosts: hosts.get(route.name) ?? [],
      match: route.match,
      action: route.action,
      filters: route.filters,
      split: route.targets.map((target) => ({
        cluster: target.label,
        upstream: target.upstream,
        weight: target.weight,
        endpoints: target.endpoints.map(({ host, port, weight }) => {
          const seen = healthOf.get(`${target.upstream} ${host}:${port}`);
          return {
            address: host,
            port,
            weight,
            health: seen?.health ?? 'unknown',
            reason: seen?.reason ?? '',
            since_ms: seen?.lastFailure_ms ?? 0,
          };
        }),
      })),
    })),
    endpoints,
    workers: dataPlane.workers(),
    problems: last?.problems ?? [],
    lastChange: last === null ? null : { ok: last.ok, at_ms: last.at_ms, version: last.version },
  };
}
