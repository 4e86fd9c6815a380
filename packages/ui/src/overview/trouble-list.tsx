// What isn't well, why, and since when.
import type { ReactNode } from 'react';
import { printAge } from '../duration.ts';
import { Icon } from '../icons.tsx';
import { printInstant } from '../instant.ts';
import { Link, queryLink } from '../router.tsx';
import { useSettings } from '../settings.tsx';
import { routeExprs, type Trouble } from './reduce.ts';

/** Rows shown; the rest is counted. */
const SHOWN_LIMIT = 50;

const KIND: Readonly<Record<Trouble['kind'], string>> = {
  route: 'Route',
  target: 'Target',
  endpoint: 'Endpoint',
  config: 'Configuration',
  worker: 'Worker',
  alert: 'Alert',
  server: 'Server',
};

export function TroubleList(props: {
  troubles: readonly Trouble[];
  now_ms: number;
  window_s: number;
}): ReactNode {
  if (props.troubles.length === 0) return null;
  const rest = props.troubles.length - SHOWN_LIMIT;
  return (
    <section className="card troubles" aria-label="Problems">
      <ul>
        {props.troubles.slice(0, SHOWN_LIMIT).map((t, i) => (
          <li key={`${t.kind} ${t.what} ${i}`} className={`trouble trouble-${t.severity}`}>
            <span className="trouble-mark">
              <Icon name="alert" size={15} />
              <span className="hidden">{t.severity}</span>
            </span>
            <span className="trouble-kind">{KIND[t.kind]}</span>
            <span className="trouble-what">
              {t.row === undefined ? (
                t.what
              ) : (
                <Link to={queryLink(routeExprs(t.row, props.window_s).errors)}>{t.what}</Link>
              )}
            </span>
            <span className="trouble-why">{t.why}</span>
            <Since trouble={t} now_ms={props.now_ms} />
          </li>
        ))}
      </ul>
      {rest > 0 ? <p className="dim card-foot">and {rest} more</p> : null}
    </section>
  );
}

function Since(props: { trouble: Trouble; now_ms: number }): ReactNode {
  const { zone } = useSettings();
  const { since_ms, atLeast } = props.trouble;
  if (since_ms === null) return <span className="trouble-since" />;
  const age = printAge(since_ms, props.now_ms) || '0 s';
  return (
    <span className="trouble-since dim" title={`since ${printInstant(since_ms, zone)}`}>
      {atLeast === true ? `over ${age}` : `for ${age}`}
    </span>
  );
}
