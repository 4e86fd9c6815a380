// The overview's lower row: who is behind the gate, what is watched, and the configuration.
import type { ReactNode } from 'react';
import { printAge, printAgo } from '../duration.ts';
import { HealthDot } from '../health-dot.tsx';
import { printInstant } from '../instant.ts';
import { printCount, printPercent } from '../number.ts';
import { Link } from '../router.tsx';
import { useSettings } from '../settings.tsx';
import { poolsOf, type Target } from '../targets/read-targets.ts';
import type { Gateway, GatewayEndpoint } from './gateway.ts';

/** absent: this server has no such part. */
export type CardState = 'loading' | 'known' | 'unknown' | 'absent';

/** Rows a card shows. What is down comes first, so nothing that matters is cut off. */
const ROWS_LIMIT = 12;

export function EndpointsCard(props: {
  gateway: Gateway | null;
  state: CardState;
  now_ms: number;
}): ReactNode {
  const endpoints = (props.gateway?.endpoints ?? []).toSorted((a, b) => rank(a) - rank(b));
  const rest = endpoints.length - ROWS_LIMIT;
  return (
    <section className="card" aria-labelledby="endpoints-title" aria-busy={props.state === 'loading'}>
      <header className="card-head">
        <h2 id="endpoints-title">Gateway endpoints</h2>
      </header>
      {endpoints.length === 0 ? (
        <p className="empty">{emptyText(props.state, 'No endpoint is behind the gateway.')}</p>
      ) : (
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Endpoint</th>
              <th scope="col" className="num">
                Requests
              </th>
              <th scope="col" className="num">
                Failed
              </th>
            </tr>
          </thead>
          <tbody>
            {endpoints.slice(0, ROWS_LIMIT).map((e) => (
              <tr key={`${e.upstream} ${e.endpoint}`}>
                <th scope="row">
                  <HealthDot health={e.health} />
                  <span className="mono">{e.endpoint}</span> <span className="dim whole">{e.upstream}</span>
                  {e.health !== 'up' && e.reason !== '' ? (
                    <span className={`row-note tone-text-${e.health === 'down' ? 'error' : 'plain'}`}>
                      {e.reason}
                    </span>
                  ) : (
                    lastFailure(e, props.now_ms)
                  )}
                </th>
                <td className="num">{printCount(e.requests)}</td>
                <td className="num">
                  {e.failures === 0 ? (
                    <span className="dim">0</span>
                  ) : (
                    <span title={printPercent(e.failures / e.requests)}>{printCount(e.failures)}</span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {rest > 0 ? <p className="dim card-foot">and {rest} more</p> : null}
    </section>
  );
}

/** A failure that an endpoint has got over stays in sight for an hour. */
function lastFailure(e: GatewayEndpoint, now_ms: number): ReactNode {
  if (e.lastFailure_ms === null || now_ms - e.lastFailure_ms > 3_600_000) return null;
  return (
    <span className="row-note dim">
      last failure {printAgo(e.lastFailure_ms, now_ms)}
      {e.reason === '' ? '' : `: ${e.reason}`}
    </span>
  );
}

export function TargetsCard(props: { targets: readonly Target[] | null; state: CardState }): ReactNode {
  const pools = poolsOf(props.targets ?? []);
  return (
    <section className="card" aria-labelledby="targets-title" aria-busy={props.state === 'loading'}>
      <header className="card-head">
        <h2 id="targets-title">Scrape targets</h2>
        <Link to="/targets" className="card-link">
          All targets
        </Link>
      </header>
      {pools.length === 0 ? (
        <p className="empty">
          {emptyText(
            props.state,
            'Nothing is scraped. Name what to watch under scrape_configs in prometheus.yml.',
          )}
        </p>
      ) : (
        <table className="table">
          <thead>
            <tr>
              <th scope="col">Pool</th>
              <th scope="col" className="num">
                Up
              </th>
            </tr>
          </thead>
          <tbody>
            {pools
              .toSorted((a, b) => Number(a.up === a.targets.length) - Number(b.up === b.targets.length))
              .slice(0, ROWS_LIMIT)
              .map((pool) => {
                const firstDown = pool.targets.find((t) => t.health === 'down');
                return (
                  <tr key={pool.name}>
                    <th scope="row">
                      <HealthDot
                        health={
                          firstDown !== undefined
                            ? 'down'
                            : pool.up === pool.targets.length
                              ? 'up'
                              : 'unknown'
                        }
                      />
                      <Link to={`/targets?q=${encodeURIComponent(pool.name)}`}>{pool.name}</Link>
                      {firstDown === undefined ? null : (
                        <span className="row-note tone-text-error">{firstDown.lastError}</span>
                      )}
                    </th>
                    <td className="num">
                      {pool.up}/{pool.targets.length}
                    </td>
                  </tr>
                );
              })}
          </tbody>
        </table>
      )}
    </section>
  );
}

export function ConfigCard(props: { gateway: Gateway | null; state: CardState; now_ms: number }): ReactNode {
  const { zone } = useSettings();
  const g = props.gateway;
  const at_ms = g?.lastChange?.at_ms ?? null;
  return (
    <section className="card" aria-labelledby="config-title" aria-busy={props.state === 'loading'}>
      <header className="card-head">
        <h2 id="config-title">Configuration</h2>
      </header>
      {g === null ? (
        <p className="empty">{emptyText(props.state, '')}</p>
      ) : (
        <dl className="pairs">
          <Pair name="Version">{g.version || '-'}</Pair>
          <Pair name="Last change">
            {at_ms === null ? (
              '-'
            ) : (
              <>
                {printInstant(at_ms, zone)} <span className="dim">{printAge(at_ms, props.now_ms)}</span>
              </>
            )}
          </Pair>
          <Pair name="Result">
            {g.lastChange === null ? (
              '-'
            ) : g.lastChange.ok ? (
              'applied'
            ) : (
              <span className="tone-text-error">refused, the last good one keeps running</span>
            )}
          </Pair>
          <Pair name="Listens on">
            <span className="mono">{g.listeners.join(', ') || '-'}</span>
          </Pair>
          <Pair name="Workers">{describeWorkers(g)}</Pair>
          <Pair name="Routes">{countRoutes(g)}</Pair>
        </dl>
      )}
    </section>
  );
}

function Pair(props: { name: string; children: ReactNode }): ReactNode {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

/** `2, 245 connections, 1 restart` */
function describeWorkers(g: Gateway): string {
  if (g.workers.length === 0) return '-';
  const connections = g.workers.reduce((sum, w) => sum + w.connections, 0);
  const restarts = g.workers.reduce((sum, w) => sum + w.restarts, 0);
  const again = restarts === 0 ? '' : `, ${restarts} restart${restarts === 1 ? '' : 's'}`;
  return `${g.workers.length}, ${printCount(connections)} connections${again}`;
}

/** `12: 8 kong, 4 istio` */
function countRoutes(g: Gateway): string {
  const counts = new Map<string, number>();
  for (const { dialect } of g.routes) if (dialect !== '') counts.set(dialect, (counts.get(dialect) ?? 0) + 1);
  const dialects = [...counts].map(([name, n]) => `${n} ${name}`).join(', ');
  return dialects === '' ? String(g.routes.length) : `${g.routes.length}: ${dialects}`;
}

function rank(e: GatewayEndpoint): number {
  return e.health === 'down' ? 0 : e.health === 'unknown' ? 1 : 2;
}

/** What stands where there is nothing to list. */
export function emptyText(state: CardState, none: string): string {
  switch (state) {
    case 'loading':
      return 'Loading';
    case 'unknown':
      return 'Not known: the server could not say.';
    case 'absent':
      return 'This server runs no gateway.';
    case 'known':
      return none;
  }
}
