// Every scrape target: is it read, when, how long did it take, and if not, why.
import { Button, SegmentedControl, TextInput } from '@mantine/core';
import { useCallback, useState, type ReactNode } from 'react';
import { callApi } from '../api.ts';
import { now_ms } from '../browser.ts';
import { printAgo, printDuration, printElapsed } from '../duration.ts';
import { HealthDot } from '../health-dot.tsx';
import { printInstant } from '../instant.ts';
import { usePoll } from '../poll.ts';
import { Link, navigate, queryLink, usePlace } from '../router.tsx';
import { quote } from '../series.ts';
import { useSettings } from '../settings.tsx';
import { useTitle } from '../title.ts';
import {
  filterTargets,
  poolsOf,
  readTargets,
  type Pool,
  type Target,
  type TargetsData,
} from './read-targets.ts';

const PERIOD_ms = 10_000;
/** Rows a pool shows at first. */
const ROWS_LIMIT = 100;

export function TargetsPage(): ReactNode {
  const { search } = usePlace();
  const params = new URLSearchParams(search);
  const text = params.get('q') ?? '';
  const health = params.get('health') ?? 'all';
  const load = useCallback(async (signal: AbortSignal) => {
    const { data } = await callApi<TargetsData>('targets', { state: 'active' }, signal);
    return { targets: readTargets(data), at_ms: now_ms() };
  }, []);
  const { data, error } = usePoll(load, PERIOD_ms);
  useTitle('Targets');

  const set = (name: string, value: string): void => {
    const next = new URLSearchParams(search);
    if (value === '' || value === 'all') next.delete(name);
    else next.set(name, value);
    const query = next.toString();
    navigate(query === '' ? '/targets' : `/targets?${query}`, 'replace');
  };
  const all = data?.targets ?? [];
  const found = filterTargets(all, health, text);
  const count = (h: Target['health']): number => all.filter((t) => t.health === h).length;
  return (
    <div className="page">
      <div className="page-head">
        <h1 className="page-title">Targets</h1>
        <SegmentedControl
          size="xs"
          aria-label="Health"
          value={health}
          onChange={(h) => set('health', h)}
          data={[
            { value: 'all', label: `All ${all.length}` },
            { value: 'up', label: `Up ${count('up')}` },
            { value: 'down', label: `Down ${count('down')}` },
            { value: 'unknown', label: `Unknown ${count('unknown')}` },
          ]}
        />
        <TextInput
          size="xs"
          className="filter"
          aria-label="Filter"
          placeholder="Filter by address, label or error"
          value={text}
          onChange={(e) => set('q', e.currentTarget.value)}
        />
      </div>
      {error === null ? null : (
        <div className="note note-error" role="alert">
          <strong>The targets could not be asked</strong>
          <p>{error.message}</p>
        </div>
      )}
      {data === null && error === null ? <p className="empty">Loading</p> : null}
      {data !== null && all.length === 0 ? (
        <p className="empty card">
          Nothing is scraped. Name what to watch under scrape_configs in prometheus.yml.
        </p>
      ) : null}
      {all.length > 0 && found.length === 0 ? (
        <p className="empty card">No target matches the filter.</p>
      ) : null}
      {poolsOf(found).map((pool) => (
        <PoolCard key={pool.name} pool={pool} now_ms={data?.at_ms ?? 0} />
      ))}
    </div>
  );
}

function PoolCard(props: { pool: Pool; now_ms: number }): ReactNode {
  const { pool } = props;
  const [all, setAll] = useState(false);
  const shown = all ? pool.targets : pool.targets.slice(0, ROWS_LIMIT);
  return (
    <section className="card" aria-label={`Pool ${pool.name}`}>
      <header className="card-head">
        <h2>{pool.name}</h2>
        <span className={pool.up === pool.targets.length ? 'dim' : 'tone-text-error'}>
          {pool.up} of {pool.targets.length} up
        </span>
      </header>
      <table className="table targets">
        <thead>
          <tr>
            <th scope="col">Address</th>
            <th scope="col" className="col-labels">
              Labels
            </th>
            <th scope="col" className="num">
              Last scrape
            </th>
            <th scope="col" className="num">
              Took
            </th>
          </tr>
        </thead>
        <tbody>
          {shown.map((t, i) => (
            <Row key={`${t.url} ${i}`} target={t} now_ms={props.now_ms} />
          ))}
        </tbody>
      </table>
      {shown.length < pool.targets.length ? (
        <p className="card-foot">
          <Button size="compact-xs" variant="default" onClick={() => setAll(true)}>
            Show all {pool.targets.length}
          </Button>
        </p>
      ) : null}
    </section>
  );
}

function Row(props: { target: Target; now_ms: number }): ReactNode {
  const { target } = props;
  const { zone } = useSettings();
  const { job = '', instance = '' } = target.labels;
  const own = Object.entries(target.labels).filter(([k]) => k !== 'job' && k !== 'instance');
  const slow = target.interval_ms !== null && target.took_ms > target.interval_ms / 2;
  return (
    <tr>
      <th scope="row">
        <HealthDot health={target.health} />
        <Link className="mono" to={queryLink(`up{job=${quote(job)}, instance=${quote(instance)}}`)}>
          {target.url}
        </Link>
        {target.lastError === '' ? null : (
          <span className="row-note tone-text-error">{target.lastError}</span>
        )}
      </th>
      <td data-label="Labels" className="col-labels">
        {own.length === 0 ? <span className="dim">-</span> : null}
        {own.map(([name, value]) => (
          <span key={name} className="label mono">
            {name}=&quot;{value}&quot;
          </span>
        ))}
      </td>
      <td
        data-label="Last scrape"
        className="num"
        title={target.lastScrape_ms === null ? '' : printInstant(target.lastScrape_ms, zone)}
      >
        {target.lastScrape_ms === null ? (
          <span className="dim">not yet</span>
        ) : (
          printAgo(target.lastScrape_ms, props.now_ms)
        )}
      </td>
      <td
        data-label="Took"
        className={`num${slow ? ' tone-text-warning' : ''}`}
        title={target.interval_ms === null ? '' : `every ${printDuration(target.interval_ms)}`}
      >
        {target.lastScrape_ms === null ? <span className="dim">-</span> : printElapsed(target.took_ms)}
      </td>
    </tr>
  );
}
