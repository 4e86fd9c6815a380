// One screen that answers "is all well?".
import type { ReactNode } from 'react';
import type { ApiError } from '../api.ts';
import { useContact } from '../connection.ts';
import { printCount, printLatency, printPercent, printRate } from '../number.ts';
import { printAgo } from '../duration.ts';
import { Icon, type IconName } from '../icons.tsx';
import { printClock, printInstant, type Zone } from '../instant.ts';
import { usePoll } from '../poll.ts';
import { useSettings } from '../settings.tsx';
import { useTitle } from '../title.ts';
import { ConfigCard, EndpointsCard, TargetsCard, type CardState } from './cards.tsx';
import { loadOverview, type OverviewData } from './load.ts';
import {
  headline,
  routeRows,
  totalsOf,
  troublesOf,
  type RouteRow,
  type Tone,
  type Trouble,
} from './reduce.ts';
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
  const { lostSince_ms } = useContact();
  const head = headlineOf(data, error, troubles, lostSince_ms !== null, zone);
  useTitle(head.text);
  const unknown = new Set(data?.failures.map((f) => f.part));
  const gatewayState: CardState =
    data === null
      ? 'loading'
      : data.gateway !== null
        ? 'known'
        : unknown.has('gateway')
          ? 'unknown'
          : 'absent';
  const targetsState: CardState = data === null ? 'loading' : data.targets === null ? 'unknown' : 'known';

  return (
    <div className="page overview">
      <section className={`headline tone-${head.tone}`} aria-label="State">
        <div className="headline-state">
          <span className="headline-icon">
            <Icon name={TONE_ICON[head.tone]} size={22} />
          </span>
          <div>
            <h1>{head.text}</h1>
            <span className="hidden" role="status">
              {head.text}
            </span>
            <p className="dim">{head.detail}</p>
          </div>
        </div>
        <Facts data={data} rows={rows} />
      </section>

      {data !== null && data.failures.length > 0 ? (
        <div className="note note-error" role="alert">
          <strong>Some of this could not be asked</strong>
          <ul>
            {[...Map.groupBy(data.failures, (f) => f.message)].map(([message, of]) => (
              <li key={message}>
                {of.map((f) => f.part).join(', ')}: {message}
              </li>
            ))}
          </ul>
        </div>
      ) : null}

      <TroubleList troubles={troubles} now_ms={data?.at_ms ?? 0} window_s={data?.window_s ?? 60} />
      <RouteTable rows={rows} window_s={data?.window_s ?? 60} state={gatewayState} />
      <div className="cards">
        <EndpointsCard gateway={data?.gateway ?? null} state={gatewayState} now_ms={data?.at_ms ?? 0} />
        <TargetsCard targets={data?.targets ?? null} state={targetsState} />
        <ConfigCard gateway={data?.gateway ?? null} state={gatewayState} now_ms={data?.at_ms ?? 0} />
      </div>
    </div>
  );
}

/** The sentence at the top and the line below it. What is old or only half known is never called healthy. */
function headlineOf(
  data: OverviewData | null,
  error: ApiError | null,
  troubles: readonly Trouble[],
  lost: boolean,
  zone: Zone,
): { tone: Tone; text: string; detail: string } {
  if (data === null) {
    if (error === null) return { tone: 'unknown', text: 'Looking', detail: 'Asking the server.' };
    return { tone: 'unknown', text: 'Not known', detail: error.message };
  }
  const at = printClock(data.at_ms, zone);
  const known = headline(troubles, data.failures.length === 0);
  if (lost || error !== null) {
    return { tone: 'unknown', text: 'No contact', detail: `At ${at}: ${known.text.toLowerCase()}` };
  }
  if (data.failures.length > 0) return { ...known, detail: `Answered in part at ${at}` };
  if (troubles.length === 0 && data.gateway?.routes.length === 0 && data.targets?.length === 0) {
    return { tone: 'unknown', text: 'Nothing to watch yet', detail: `Live, updated ${at}` };
  }
  return { ...known, detail: `Live, updated ${at}` };
}

function Facts(props: { data: OverviewData | null; rows: readonly RouteRow[] }): ReactNode {
  const { data } = props;
  const { zone } = useSettings();
  const totals = totalsOf(props.rows);
  const endpoints = data?.gateway?.endpoints ?? [];
  const targets = data?.targets ?? [];
  const change = data?.gateway?.lastChange ?? null;
  const none = data === null;
  const noTraffic = data === null || data.traffic.rate === null;
  return (
    <dl className="facts">
      <Fact name="Requests" value={noTraffic ? '-' : printRate(totals.rate)} unit={noTraffic ? '' : '/s'} />
      <Fact name="Errors" value={totals.errorShare === null ? '-' : printPercent(totals.errorShare)} />
      <Fact name="Slowest p99" value={totals.p99_s === null ? '-' : printLatency(totals.p99_s)} />
      <Fact
        name="Targets up"
        value={
          none || data.targets === null
            ? '-'
            : outOf(targets.filter((t) => t.health === 'up').length, targets.length)
        }
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
