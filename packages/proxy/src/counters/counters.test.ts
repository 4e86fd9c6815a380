import { describe, expect, it } from 'vitest';
import { SharedCounters } from './families.ts';
import {
  CODE_COLUMN,
  CODE_LABELS,
  ENDPOINT,
  ROUTE,
  endpointCell,
  makeRegion,
  observe,
  routeCell,
} from './layout.ts';
import { ROW_GRACE_MS, Rows, rowKey } from './rows.ts';

describe('rows', () => {
  it('outlive their resource for a while, then are zeroed and given out again', () => {
    const rows = new Rows();
    const a = rows.take('route', 'a', 's');
    const b = rows.take('route', 'b', 's');
    expect([a, b, rows.take('route', 'a', 's'), rows.take('upstream', 'a')]).toEqual([1, 2, 1, 1]);
    rows.retain(new Set([rowKey('route', 'b', 's')]), 1000);
    const zeroed: unknown[] = [];
    const zero = (kind: string, row: number): void => void zeroed.push([kind, row]);
    expect(rows.sweep(999 + ROW_GRACE_MS, zero)).toEqual([]);
    // Wanted again in its grace: it keeps its row.
    expect(rows.take('upstream', 'a')).toBe(1);
    expect(rows.sweep(1000 + ROW_GRACE_MS, zero)).toEqual([rowKey('route', 'a', 's')]);
    expect(zeroed).toEqual([['route', 1]]);
    expect(rows.take('route', 'c', 's')).toBe(1);
    expect(rows.rowOf(rowKey('route', 'a', 's'))).toBe(0);
  });

  it('are limited: beyond them row 0 takes all', () => {
    const rows = new Rows();
    for (let i = 1; i < 4096; i++) expect(rows.take('upstream', String(i))).toBe(i);
    expect([rows.take('upstream', 'more'), rows.take('route', 'r', '')]).toEqual([0, 1]);
  });
});

describe('families', () => {
  it('sum over the workers', () => {
    const rows = new Rows();
    const regions = [new Float64Array(makeRegion()), new Float64Array(makeRegion())];
    const cell = routeCell(rows.take('route', 'r', 's'));
    for (const [i, r] of regions.entries()) {
      r[cell + ROUTE.codes + CODE_COLUMN[200]!]! += 1 + i;
      r[cell + ROUTE.codes + CODE_COLUMN[499]!]! += 1;
      observe(r, cell + ROUTE.buckets, 0.003);
      observe(r, cell + ROUTE.buckets, 99);
    }
    const families = new SharedCounters(regions, rows).families();
    const of = (name: string): [string, string, number][] =>
      families
        .find((f) => f.name === name)!
        .samples.map(({ suffix, labels, value }) => [suffix, labels.join(' '), value]);
    expect(of('munjigi_http_requests_total')).toEqual([
      ['', 'code 200 route r service s', 3],
      ['', 'code 499 route r service s', 2],
    ]);
    const seconds = of('munjigi_http_request_duration_seconds');
    expect(
      seconds.filter(([, labels]) => /le (0.0025|0.005|10|\+Inf)/.test(labels)).map(([, , v]) => v),
    ).toEqual([0, 2, 2, 4]);
    expect(seconds.slice(-2)).toEqual([
      ['_sum', 'route r', 198.006],
      ['_count', 'route r', 4],
    ]);
  });

  it('every status has a column of its class at least', () => {
    expect([200, 418, 299, 599, 101, 999, 0].map((s) => CODE_LABELS[CODE_COLUMN[s]!])).toEqual([
      '200',
      '4xx',
      '2xx',
      '5xx',
      '101',
      '5xx',
      '1xx',
    ]);
  });

  it('an endpoint is unhealthy from a failed connect to the next success', () => {
    const rows = new Rows();
    const regions = [new Float64Array(makeRegion()), new Float64Array(makeRegion())];
    const cell = endpointCell(rows.take('endpoint', 'u', 'h:1'));
    const counters = new SharedCounters(regions, rows);
    const health = (): unknown => counters.endpoints().map(({ health, reason }) => [health, reason]);
    expect(health()).toEqual([['unknown', '']]);
    regions[0]![cell + ENDPOINT.down] = 1;
    regions[0]![cell + ENDPOINT.lastFailure] = 1;
    regions[0]![cell + ENDPOINT.lastFailureAt] = 1000;
    expect(health()).toEqual([['unhealthy', 'the connection was refused']]);
    // Another worker got through since.
    regions[1]![cell + ENDPOINT.lastSuccessAt] = 2000;
    expect(health()).toEqual([['healthy', 'the connection was refused']]);
    rows.retain(new Set(), 0);
    expect(health()).toEqual([]);
  });
});
