// What runs: version, runtime, flags, and what the store is full of.
import { type ReactNode } from 'react';
import { callApi, ApiError } from '../api.ts';
import { printInstant, type Zone } from '../instant.ts';
import { printCount } from '../number.ts';
import { usePoll } from '../poll.ts';
import { useSettings } from '../settings.tsx';
import { useTitle } from '../title.ts';

const PERIOD_ms = 30_000;

interface Status {
  readonly build: Pairs | null;
  readonly runtime: Pairs | null;
  readonly flags: Pairs | null;
  readonly store: Store | null;
  readonly failures: readonly string[];
}

type Pairs = Readonly<Record<string, unknown>>;

interface Store {
  readonly headStats?: Readonly<Record<string, number>>;
  readonly seriesCountByMetricName?: readonly Top[];
  readonly labelValueCountByLabelName?: readonly Top[];
  readonly memoryInBytesByLabelName?: readonly Top[];
  readonly seriesCountByLabelValuePair?: readonly Top[];
}

interface Top {
  readonly name: string;
  readonly value: number;
}

export function StatusPage(): ReactNode {
  useTitle('Status');
  const { zone } = useSettings();
  const { data, error } = usePoll(loadStatus, PERIOD_ms);
  return (
    <div className="page">
      <div className="page-head">
        <h1 className="page-title">Status</h1>
      </div>
      {error === null && (data?.failures.length ?? 0) === 0 ? null : (
        <div className="note note-error" role="alert">
          <strong>Some of this could not be asked</strong>
          <ul>
            {error === null ? null : <li>{error.message}</li>}
            {(data?.failures ?? []).map((f) => (
              <li key={f}>{f}</li>
            ))}
          </ul>
        </div>
      )}
      {data === null ? (
        error === null ? (
          <p className="empty">Loading</p>
        ) : null
      ) : (
        <>
          <div className="cards cards-2">
            <PairsCard title="Build" pairs={data.build} />
            <PairsCard title="Runtime" pairs={data.runtime} />
            <PairsCard title="Head" pairs={data.store === null ? null : headPairs(data.store, zone)} />
            <PairsCard title="Flags" pairs={data.flags} />
          </div>
          {data.store === null ? null : <StoreCards store={data.store} />}
        </>
      )}
    </div>
  );
}

function StoreCards(props: { store: Store }): ReactNode {
  const { store } = props;
  return (
    <div className="cards cards-2">
      <TopCard title="Series by metric" top={store.seriesCountByMetricName} />
      <TopCard title="Series by label pair" top={store.seriesCountByLabelValuePair} />
      <TopCard title="Values by label" top={store.labelValueCountByLabelName} />
      <TopCard title="Bytes by label" top={store.memoryInBytesByLabelName} />
    </div>
  );
}

/** The head's numbers, its times readable. */
function headPairs(store: Store, zone: Zone): Pairs {
  return Object.fromEntries(
    Object.entries(store.headStats ?? {}).map(([name, v]) => [
      name,
      name.endsWith('Time') ? printInstant(v, zone) : printCount(v),
    ]),
  );
}

function PairsCard(props: { title: string; pairs: Pairs | null }): ReactNode {
  const entries = Object.entries(props.pairs ?? {});
  if (entries.length === 0) return null;
  return (
    <section className="card" aria-label={props.title}>
      <header className="card-head">
        <h2>{props.title}</h2>
      </header>
      <dl className="pairs">
        {entries.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="mono">{printAny(value)}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function TopCard(props: { title: string; top: readonly Top[] | undefined }): ReactNode {
  const top = props.top ?? [];
  if (top.length === 0) return null;
  const most = Math.max(1, ...top.map((t) => t.value));
  return (
    <section className="card" aria-label={props.title}>
      <header className="card-head">
        <h2>{props.title}</h2>
      </header>
      <ul className="tops">
        {top.map((t) => (
          <li key={t.name}>
            <span className="tops-bar" style={{ width: `${(t.value / most) * 100}%` }} />
            <span className="tops-name mono">{t.name}</span>
            <span className="tops-value">{printCount(t.value)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function printAny(value: unknown): string {
  if (value === '' || value === null || value === undefined) return '-';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

async function loadStatus(signal: AbortSignal): Promise<Status> {
  const failures: string[] = [];
  const part = async <T,>(name: string): Promise<T | null> => {
    try {
      return (await callApi<T>(`status/${name}`, {}, signal)).data;
    } catch (e) {
      if (!(e instanceof ApiError) || e.kind !== 'refused') throw e;
      failures.push(`${name}: ${e.message}`);
      return null;
    }
  };
  const [build, runtime, flags, store] = await Promise.all([
    part<Pairs>('buildinfo'),
    part<Pairs>('runtimeinfo'),
    part<Pairs>('flags'),
    part<Store>('tsdb'),
  ]);
  return { build, runtime, flags, store, failures };
}
