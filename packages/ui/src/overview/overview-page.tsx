// One screen that answers "is all well?".
import type { ReactNode } from 'react';
import { printCount, printLatency, printPercent, printRate } from '../number.ts';
import { printAgo } from '../duration.ts';
import { Icon, type IconName } from '../icons.tsx';
import { printClock, printInstant } from '../instant.ts';
import { usePoll } from '../poll.ts';
import { useSettings } from '../settings.tsx';
import { useTitle } from '../title.ts';
import { ConfigCard, EndpointsCard, TargetsCard } from './cards.tsx';
import { loadOverview, type OverviewData } from './load.ts';
import { headline, routeRows, totalsOf, troublesOf, type RouteRow, type Tone } from './reduce.ts';
import { RouteTable } from './route-table.tsx';
import { TroubleList } from './trouble-list.tsx';

const PERIOD_ms = 5000;
const TONE_ICON: Readonly<Record<Tone, IconName>> = {
  ok: 'check',
  warning: 'alert',
  error: 'alert',
  unknown: 'clock',
};

export function OverviewPage(): ReactNode {
  const { data, error } = usePoll(loadOverview, PERIOD_ms);
  const { zone } = useSettings();
  const rows = data === null ? [] : routeRows(data.gateway, data.traffic);
  const troubles =
    data === null ? [] : troublesOf(data.gateway, data.targets, rows, data.traffic.alerts, data.down);
  const known = data !== null && data.failures.length === 0;
  const head = headline(troubles, known);
  const text =
    data === null
      ? error === null
        ? 'Looking'
        : 'Not known'
      : !known && troubles.length === 0
        ? 'Not all is known'
        : head.text;
  useTitle(data === null ? 'Overview' : text);

  return (
    <div className="page overview">
      <section className={`headline tone-${head.tone}`} aria-label="State">
        <div className="headline-state" role="status">
          <span className="headline-icon">
            <Icon name={TONE_ICON[head.tone]} size={22} />
          </span>
          <div>
            <h1>{text}</h1>
            <p className="dim">
              {data === null
                ? (error?.message ?? 'Asking the server.')
                : `Live, updated ${printClock(data.at_ms, zone)}`}
            </p>
          </div>
        </div>
        <Facts data={data} rows={rows} />
      </section>

      {data !== null && data.failures.length > 0 ? (
        <div className="note note-error" role="alert">
          <strong>Some of this could not be asked</strong>
          <ul>
            {data.failures.map((f) => (
              <li key={f.part}>
                {f.part}: {f.message}
              </li>
            ))}
          </ul>
        </div>
      ) : null}

      <TroubleList troubles={troubles} now_ms={data?.at_ms ?? 0} window_s={data?.window_s ?? 60} />
      <RouteTable
        rows={rows}
        window_s={data?.window_s ?? 60}
        loading={data === null}
        hasGateway={data?.gateway !== null}
      />
      <div className="cards">
        <EndpointsCard gateway={data?.gateway ?? null} loading={data === null} now_ms={data?.at_ms ?? 0} />
        <TargetsCard targets={data?.targets ?? null} loading={data === null} />
        <ConfigCard gateway={data?.gateway ?? null} loading={data === null} now_ms={data?.at_ms ?? 0} />
      </div>
    </div>
  );
}

function Facts(props: { data: OverviewData | null; rows: readonly RouteRow[] }): ReactNode {
  const { data } = props;
  const { zone } = useSettings();
  const totals = totalsOf(props.rows);
  const endpoints = data?.gateway?.endpoints ?? [];
  const targets = data?.targets ?? [];
  const change = data?.gateway?.lastChange ?? null;
  const none = data === null;
  return (
    <dl className="facts">
      <Fact name="Requests" value={none ? '-' : printRate(totals.rate)} unit={none ? '' : '/s'} />
      <Fact name="Errors" value={totals.errorShare === null ? '-' : printPercent(totals.errorShare)} />
      <Fact name="Slowest p99" value={totals.p99_s === null ? '-' : printLatency(totals.p99_s)} />
      <Fact
        name="Targets up"
        value={none ? '-' : outOf(targets.filter((t) => t.health === 'up').length, targets.length)}
      />
      <Fact
        name="Endpoints up"
        value={
          none || data.gateway === null
            ? '-'
            : outOf(endpoints.filter((e) => e.health !== 'down').length, endpoints.length)
        }
      />
      <Fact
        name="Configuration"
        value={data?.gateway === null || none ? '-' : `v${data.gateway.version || '?'}`}
        unit={change?.at_ms == null ? '' : printAgo(change.at_ms, data?.at_ms ?? 0)}
        title={change?.at_ms == null ? '' : printInstant(change.at_ms, zone)}
      />
    </dl>
  );
}

function Fact(props: { name: string; value: string; unit?: string; title?: string }): ReactNode {
  return (
    <div className="fact" title={props.title}>
      <dt>{props.name}</dt>
      <dd>
        {props.value} {props.unit ? <small>{props.unit}</small> : null}
      </dd>
    </div>
  );
}

function outOf(up: number, all: number): string {
  return all === 0 ? 'none' : `${printCount(up)}/${printCount(all)}`;
}
