// An instant result as a table.
import { Button } from '@mantine/core';
import { useState, type ReactNode } from 'react';
import { after, copyText } from '../browser.ts';
import { Icon } from '../icons.tsx';
import { printInstant } from '../instant.ts';
import { printCount } from '../number.ts';
import { printSeries, type HistogramJson, type LabelMap, type QueryData } from '../series.ts';
import { useSettings } from '../settings.tsx';
import type { Outcome } from './run.ts';

/** Rows shown at first; the browser stays quick. */
const ROWS_LIMIT = 500;
/** Rows shown when asked for more. */
const ROWS_LIMIT_ALL = 10_000;
/** Samples shown of one series (`up[1h]`). */
const SAMPLES_LIMIT = 50;

interface TableRow {
  readonly metric: LabelMap | null;
  readonly values: readonly string[];
}

export function TableView(props: { outcome: Outcome }): ReactNode {
  const { zone } = useSettings();
  const [all, setAll] = useState(false);
  const [copied, setCopied] = useState<'' | 'yes' | 'no'>('');
  const rows = tableRows(props.outcome.reply.data, (t_s) => printInstant(t_s * 1000, zone, true));
  const limit = all ? ROWS_LIMIT_ALL : ROWS_LIMIT;
  const copy = async (): Promise<void> => {
    const done = await copyText(
      rows.map((r) => `${r.metric === null ? '' : printSeries(r.metric)}\t${r.values.join(' ')}`).join('\n'),
    );
    setCopied(done ? 'yes' : 'no');
    after(2000, () => setCopied(''));
  };
  return (
    <>
      {rows.length > ROWS_LIMIT ? (
        <div className="note note-info note-row">
          <span>
            {rows.length > limit
              ? `The first ${printCount(limit)} of ${printCount(rows.length)} series are shown.`
              : `All ${printCount(rows.length)} series are shown.`}{' '}
            Aggregate, or use topk(), to see what matters.
          </span>
          {all ? null : (
            <Button size="compact-xs" variant="default" onClick={() => setAll(true)}>
              Show {rows.length > ROWS_LIMIT_ALL ? printCount(ROWS_LIMIT_ALL) : 'all'}
            </Button>
          )}
        </div>
      ) : null}
      <table className="table results">
        <thead>
          <tr>
            <th scope="col">Series</th>
            <th scope="col" className="num">
              <span className="results-head">
                Value
                <button type="button" className="text-button" onClick={() => void copy()}>
                  <Icon name={copied === 'yes' ? 'check' : 'copy'} size={13} />
                  <span aria-live="polite">
                    {copied === '' ? 'Copy' : copied === 'yes' ? 'Copied' : 'Refused'}
                  </span>
                </button>
              </span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, limit).map((row, i) => (
            <tr key={i}>
              <th scope="row" className="mono">
                {row.metric === null ? (
                  <span className="dim">{props.outcome.reply.data.resultType}</span>
                ) : (
                  <SeriesName metric={row.metric} />
                )}
              </th>
              <td className="num mono">
                {row.values.slice(0, SAMPLES_LIMIT).map((v, at) => (
                  <div key={at}>{v}</div>
                ))}
                {row.values.length > SAMPLES_LIMIT ? (
                  <div className="dim">and {printCount(row.values.length - SAMPLES_LIMIT)} more</div>
                ) : null}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

/** The series with its label names set off, so that values are found by eye. */
function SeriesName(props: { metric: LabelMap }): ReactNode {
  const { metric } = props;
  const labels = Object.keys(metric)
    .filter((k) => k !== '__name__')
    .toSorted();
  const name = metric['__name__'] ?? '';
  return (
    <>
      {name}
      {labels.length > 0 || name === '' ? '{' : ''}
      {labels.map((label, i) => (
        <span key={label}>
          {i > 0 ? ', ' : ''}
          <span className="label-name">{label}</span>=
          <span className="label-value">&quot;{metric[label]}&quot;</span>
        </span>
      ))}
      {labels.length > 0 || name === '' ? '}' : ''}
    </>
  );
}

function tableRows(data: QueryData, time: (t_s: number) => string): TableRow[] {
  switch (data.resultType) {
    case 'scalar':
    case 'string':
      return [{ metric: null, values: [data.result[1]] }];
    case 'vector':
      return data.result.map((e) => ({
        metric: e.metric,
        values: [
          e.value !== undefined
            ? e.value[1]
            : e.histogram !== undefined
              ? printHistogram(e.histogram[1])
              : '-',
        ],
      }));
    case 'matrix':
      return data.result.map((s) => ({
        metric: s.metric,
        values: [
          ...(s.values ?? []).map(([t, v]) => `${v}  @ ${time(t)}`),
          ...(s.histograms ?? []).map(([t, h]) => `${printHistogram(h)}  @ ${time(t)}`),
        ],
      }));
  }
}

/** How the ends of a native histogram's bucket are, by the API's number. */
const BRACKETS: readonly (readonly [string, string])[] = [
  ['(', ']'],
  ['[', ')'],
  ['(', ')'],
  ['[', ']'],
];
const BUCKETS_LIMIT = 12;

function printHistogram(h: HistogramJson): string {
  const buckets = (h.buckets ?? []).slice(0, BUCKETS_LIMIT).map(([kind, from, to, n]) => {
    const [open, close] = BRACKETS[kind] ?? ['(', ']'];
    return `${open}${from}, ${to}${close} ${n}`;
  });
  const rest = (h.buckets?.length ?? 0) - buckets.length;
  return [
    `count ${h.count}, sum ${h.sum}`,
    ...buckets,
    ...(rest > 0 ? [`and ${rest} buckets more`] : []),
  ].join('; ');
}
