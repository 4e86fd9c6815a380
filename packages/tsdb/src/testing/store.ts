// What the tests of the head share: writing samples given as plain text and numbers, reading a selection back.
import type { Files } from '@munjigi/env';
import {
  SymbolReader,
  labelsFromObject,
  newColumn,
  type Appendable,
  type CommitResult,
  type Matcher,
  type Querier,
  type Selection,
} from '@munjigi/model';
import { openChunkReader, type Head } from '../index.ts';

/** name{...} as an object, time, value. */
export type Row = readonly [labels: Readonly<Record<string, string>>, t: number, v: number];

export async function write(head: Appendable, rows: readonly Row[]): Promise<CommitResult> {
  const appender = head.appender();
  const refs = new Float64Array(rows.length);
  const t = new Float64Array(rows.length);
  const v = new Float64Array(rows.length);
  rows.forEach(([labels, time, value], i) => {
    refs[i] = appender.series(labelsFromObject(labels));
    t[i] = time;
    v[i] = value;
  });
  appender.floats(refs, t, v, null, rows.length);
  return appender.commit();
}

export interface ReadSeries {
  readonly labels: string;
  readonly t: number[];
  readonly v: number[];
}

/** Labels are printed as `a=b,c=d`. `files`: where chunks may lie besides memory. */
export function readSelection(
  s: Selection,
  mint: number = -Infinity,
  maxt: number = Infinity,
  files?: Files,
): ReadSeries[] {
  const reader = openChunkReader(files);
  const symbols = new SymbolReader(s.symbols);
  const column = newColumn(1);
  const out: ReadSeries[] = [];
  for (let i = 0; i < s.count; i++) {
    const parts: string[] = [];
    for (let w = s.labelFirst[i]!; w < s.labelFirst[i + 1]!; w += 2)
      parts.push(`${symbols.text(s.labelSymbols[w]!)}=${symbols.text(s.labelSymbols[w + 1]!)}`);
    reader.series(s, i, mint, maxt, column);
    out.push({
      labels: parts.join(','),
      t: Array.from(column.t.subarray(0, column.n)),
      v: Array.from(column.v.subarray(0, column.n)),
    });
  }
  return out;
}

export async function query(
  head: { querier(): Querier },
  matchers: readonly Matcher[],
  mint: number = -Infinity,
  maxt: number = Infinity,
  files?: Files,
): Promise<ReadSeries[]> {
  return using(head.querier(), async (q) =>
    readSelection(await q.select(mint, maxt, matchers), mint, maxt, files),
  );
}

export async function using<T>(querier: Querier, fn: (q: Querier) => Promise<T>): Promise<T> {
  try {
    return await fn(querier);
  } finally {
    querier.close();
  }
}

export const NAMED: readonly Matcher[] = [{ name: '__name__', op: '!=', value: '' }];

export function metric(head: Head, name: string): number {
  return head.families().find((f) => f.name === name)?.samples[0]?.value ?? Number.NaN;
}
