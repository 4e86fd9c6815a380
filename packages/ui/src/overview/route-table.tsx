// Routes with their traffic: a table where there is room, cards where there is not (app.css turns it by the labels in `data-label`).
import type { ReactNode } from 'react';
import { printDuration } from '../duration.ts';
import { printLatency, printPercent, printRate } from '../number.ts';
import { Link, queryLink } from '../router.tsx';
import {
  ERRORS_BAD,
  ERRORS_WARN,
  firstPoint,
  isStray,
  routeExprs,
  routeTitle,
  SPARK_RANGE_s,
  SPARK_STEP_s,
  type RouteRow,
  type SplitShare,
} from './reduce.ts';
import { emptyText, type CardState } from './cards.tsx';
import { Sparkline } from './sparkline.tsx';

const NO_ROUTES =
  'No route is configured and none has had traffic. Put a gateway document into the configured folder and it appears here.';

export function RouteTable(props: {
  rows: readonly RouteRow[];
  window_s: number;
  state: CardState;
}): ReactNode {
  const first = firstPoint(props.rows);
  return (
    <section className="card" aria-labelledby="routes-title" aria-busy={props.state === 'loading'}>
      <header className="card-head">
        <h2 id="routes-title">Routes</h2>
        <span className="dim">last {printDuration(SPARK_RANGE_s * 1000 - first * SPARK_STEP_s * 1000)}</span>
      </header>
      {props.rows.length === 0 ? (
        <p className="empty">{emptyText(props.state, NO_ROUTES)}</p>
      ) : (
        <table className="table routes">
          <thead>
            <tr>
              <th scope="col">Route</th>
              <th scope="col" className="col-line">
                Requests/s
              </th>
              <th scope="col" className="col-line">
                Errors
              </th>
              <th scope="col">p50</th>
              <th scope="col" className="col-line">
                p95
              </th>
              <th scope="col">p99</th>
              <th scope="col" className="col-split">
                Upstreams
              </th>
            </tr>
          </thead>
          <tbody>
            {props.rows.map((row) => (
              <Row key={row.key} row={row} first={first} window_s={props.window_s} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Row(props: { row: RouteRow; first: number; window_s: number }): ReactNode {
  const { row } = props;
  const exprs = routeExprs(row, props.window_s);
  const tone = errorTone(row.errorShare);
  const idle = row.rate === 0;
  return (
    <tr>
      <th
        scope="row"
        className="route-name"
        title={row.routes
          .map((r) => r.place)
          .filter(Boolean)
          .join('\n')}
      >
        <Link to={queryLink(exprs.rate)}>{routeTitle(row)}</Link>
        {row.service !== '' && row.service !== row.name && !isStray(row.name) ? (
          <span className="dim route-service">{row.service}</span>
        ) : null}
        <span className="route-match mono dim">{matchText(row)}</span>
      </th>
      <td data-label="Requests/s" className="col-line col-half">
        <Link to={queryLink(exprs.rate)} className="figure">
          {idle ? <span className="dim">idle</span> : printRate(row.rate)}
        </Link>
        <Sparkline line={row.rateLine.slice(props.first)} floor={0.1} />
      </td>
      <td data-label="Errors" className="col-line col-half">
        <Link to={queryLink(exprs.errors)} className={`figure tone-text-${tone}`}>
          {row.errorShare === null ? <span className="dim">-</span> : printPercent(row.errorShare)}
        </Link>
        <Sparkline
          line={row.errorLine.slice(props.first)}
          tone={tone === 'ok' ? 'quiet' : 'bad'}
          floor={0.02}
        />
      </td>
      <td data-label="p50" className="col-third">
        <Latency seconds={row.p50_s} />
      </td>
      <td data-label="p95" className="col-line col-third">
        <Link to={queryLink(exprs.latency)} className="figure">
          <Latency seconds={row.p95_s} />
        </Link>
        <Sparkline line={row.p95Line.slice(props.first)} floor={0.001} />
      </td>
      <td data-label="p99" className="col-third">
        <Latency seconds={row.p99_s} />
      </td>
      <td data-label="Upstreams" className="col-split">
        <Split row={row} />
      </td>
    </tr>
  );
}

function Latency(props: { seconds: number | null }): ReactNode {
  return props.seconds === null ? <span className="dim">-</span> : printLatency(props.seconds);
}

function Split(props: { row: RouteRow }): ReactNode {
  const { split, routes } = props.row;
  if (routes.length === 0) return <span className="dim">-</span>;
  if (split.length === 0) return <span className="dim">{routes[0]?.action || '-'}</span>;
  const only = split.length === 1 ? split[0] : undefined;
  if (only !== undefined) {
    return (
      <span className="split-only">
        <span className="mono">{only.upstream}</span>
        <Ends share={only} />
      </span>
    );
  }
  return (
    <ul className="split">
      {split.map((s) => (
        <li key={s.upstream} title={splitTitle(s)}>
          <span className="mono split-name">{s.upstream}</span>
          <span className="split-bar" aria-hidden="true">
            <span className="split-fill" style={{ width: `${(s.actual ?? 0) * 100}%` }} />
            {s.weight === null ? null : (
              <span className="split-mark" style={{ left: `${s.weight * 100}%` }} />
            )}
          </span>
          <span className="split-text">
            {s.actual === null ? '-' : printPercent(s.actual)}
            <span className="dim"> of {s.weight === null ? '0 %' : printPercent(s.weight)}</span>
          </span>
          <Ends share={s} />
        </li>
      ))}
    </ul>
  );
}

/** Says only what is wrong: healthy endpoints need no word. */
function Ends(props: { share: SplitShare }): ReactNode {
  const { down, endpoints } = props.share;
  if (down === 0) return null;
  return (
    <span className="tone-text-error split-ends">
      {down === endpoints ? 'all down' : `${down} of ${endpoints} down`}
    </span>
  );
}

function splitTitle(s: SplitShare): string {
  const weight = s.weight === null ? 'no weight' : `weight ${printPercent(s.weight)}`;
  const actual = s.actual === null ? 'no traffic' : `takes ${printPercent(s.actual)} of the requests`;
  return `${s.upstream}: ${weight}, ${actual}${s.shared ? ' (counted over all routes that use it)' : ''}`;
}

function errorTone(share: number | null): 'ok' | 'warning' | 'error' {
  if (share === null || share < ERRORS_WARN) return 'ok';
  return share >= ERRORS_BAD ? 'error' : 'warning';
}

function matchText(row: RouteRow): string {
  const [first, ...others] = row.routes;
  if (first === undefined) return isStray(row.name) ? 'requests that match no route' : 'no longer configured';
  return others.length === 0 ? first.match : `${first.match} and ${others.length} more`;
}
