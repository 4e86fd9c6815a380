// From replies to what the overview says.
import { describe, expect, test } from 'vitest';
import type { LabelMap, QueryData } from '../series.ts';
import { filterTargets, poolsOf, readTargets } from '../targets/read-targets.ts';
import { readGateway } from './gateway.ts';
import {
  downSince,
  firstPoint,
  headline,
  overviewExprs,
  rateWindow_s,
  routeExprs,
  routeRows,
  totalsOf,
  troublesOf,
  type Traffic,
} from './reduce.ts';
import { sparkPaths } from './sparkline.tsx';
import { parse } from '@munjigi/promql';

const GRID = { start_s: 1000, step_s: 15, points: 3 };
const NONE: Traffic = {
  grid: GRID,
  rate: null,
  errors: null,
  p95: null,
  p50: null,
  p99: null,
  upstream: null,
  alerts: null,
};

function matrix(...series: [LabelMap, (string | null)[]][]): QueryData {
  return {
    resultType: 'matrix',
    result: series.map(([metric, values]) => ({
      metric,
      values: values.flatMap((v, i) => (v === null ? [] : [[GRID.start_s + i * GRID.step_s, v] as const])),
    })),
  };
}

function vector(...series: [LabelMap, string][]): QueryData {
  return { resultType: 'vector', result: series.map(([metric, v]) => ({ metric, value: [1030, v] })) };
}

const GATEWAY = readGateway({
  version: 7,
  listeners: [{ address: '0.0.0.0', port: 8000 }],
  routes: [
    {
      name: 'kong/a',
      route: 'a',
      service: 's',
      hosts: ['x.example'],
      match: '/',
      split: [
        {
          cluster: 'a1',
          upstream: 'a1',
          weight: 90,
          endpoints: [{ address: '10.0.0.1', port: 80, health: 'down', reason: 'refused' }],
        },
        { cluster: 'a2', upstream: 'a2', weight: 10 },
      ],
    },
    { name: 'kong/a-2', route: 'a', service: 's', match: '/two', split: [{ cluster: 'a1', weight: 1 }] },
    { name: 'b', service: 't', match: '/b', split: [{ cluster: 'a2', upstream: 'a2', weight: 0 }] },
  ],
  lastChange: { ok: true, at_ms: 5, version: 7 },
});

describe('routes', () => {
  const traffic: Traffic = {
    ...NONE,
    rate: matrix(
      [{ service: 's', route: 'a' }, ['10', '20', '40']],
      [{ service: '', route: '' }, ['1', '1', null]],
      [{ service: 'q', route: 'old' }, ['0', '0', '0']],
    ),
    errors: matrix([{ service: 's', route: 'a' }, [null, '5', '2']]),
    p95: matrix([{ route: 'a' }, ['NaN', '0.2', '0.3']]),
    p50: vector([{ route: 'a' }, '0.1']),
    p99: vector([{ route: 'a' }, 'NaN']),
    upstream: vector([{ upstream: 'a1' }, '30'], [{ upstream: 'a2' }, '10']),
  };
  const rows = routeRows(GATEWAY, traffic);

  test('routes of one label are one row, what only has traffic comes last, what has none is left out', () => {
    expect(rows.map((r) => [r.service, r.name, r.routes.length])).toEqual([
      ['s', 'a', 2],
      ['t', 'b', 1],
      ['', '', 0],
    ]);
  });
  test('figures', () => {
    const [a, b, stray] = rows;
    expect(a).toMatchObject({
      rate: 40,
      errorShare: 0.05,
      errorLine: [0, 0.25, 0.05],
      p50_s: 0.1,
      p95_s: 0.3,
      p99_s: null,
      p95Line: [null, 0.2, 0.3],
    });
    expect(b).toMatchObject({ rate: 0, errorShare: null, p50_s: null });
    // The newest point may be missing for a moment.
    expect(stray).toMatchObject({ rate: 1, errorShare: 0 });
  });
  test('shares', () => {
    expect(rows[0]?.split).toEqual([
      { upstream: 'a1', weight: 0.9, actual: 0.75, shared: false, down: 1, endpoints: 1 },
      { upstream: 'a2', weight: 0.1, actual: 0.25, shared: true, down: 0, endpoints: 0 },
    ]);
    expect(rows[1]?.split[0]).toMatchObject({ weight: null, actual: 1 });
    expect(routeRows(GATEWAY, NONE)[0]?.split[0]).toMatchObject({ actual: null });
  });
  test('totals weigh errors by traffic', () => {
    expect(totalsOf(rows)).toEqual({ rate: 41, errorShare: 2 / 41, p99_s: null });
    expect(totalsOf([])).toEqual({ rate: 0, errorShare: null, p99_s: null });
  });
  test.each<[string, (number | null)[][], number]>([
    ['full', [Array.from({ length: 61 }, () => 1)], 0],
    [
      'one young, one old',
      [
        [...Array.from({ length: 30 }, () => null), ...Array.from({ length: 31 }, () => 1)],
        [null, ...Array.from({ length: 60 }, () => 1)],
      ],
      1,
    ],
    ['very young', [[...Array.from({ length: 60 }, () => null), 1]], 52],
    ['nothing at all', [[null, null]], 0],
    ['no rows', [], 0],
  ])('first point of lines: %s', (_, rateLines, first) => {
    const [row] = rows;
    expect(firstPoint(rateLines.map((rateLine) => ({ ...row, rateLine }) as NonNullable<typeof row>))).toBe(
      first,
    );
  });
  test('every expression that is asked for is valid', () => {
    const row = { ...rows[0], name: 'we"ird\\', service: '' } as NonNullable<(typeof rows)[0]>;
    const asked = [
      ...Object.values(overviewExprs(60)),
      ...Object.values(overviewExprs(90)),
      ...Object.values(routeExprs(row, 60)),
    ];
    expect(asked.filter((expr) => !('expr' in parse(expr)))).toEqual([]);
  });
});

describe('troubles', () => {
  const target = (health: string, error = ''): object => ({
    scrapePool: 'p',
    scrapeUrl: 'http://h/m',
    health,
    lastError: error,
    labels: { job: 'p', instance: 'h' },
  });
  const targets = readTargets({ activeTargets: [target('up'), target('down', 'refused')] });

  test('nothing wrong', () => {
    expect(troublesOf({ ...GATEWAY, endpoints: [] }, [], routeRows(GATEWAY, NONE), null)).toEqual([]);
  });
  test('each kind, errors first', () => {
    const gateway = readGateway({
      problems: [
        { severity: 'warning', file: 'a.yaml', line: 3, column: 0, message: 'w' },
        { severity: 'error', file: 'b.yaml', line: 3, column: 9, field: 'x.y', message: 'e' },
      ],
      endpoints: [{ upstream: 'u', endpoint: '1:2', health: 'down', reason: '', lastFailure_ms: 99 }],
      workers: [
        { id: 0, state: 'running' },
        { index: 1, name: 'proxy-1', state: 'closed', restarts: 2, lastEnd: 'out of memory' },
      ],
      lastChange: { ok: false, at_ms: 50, version: 8 },
    });
    const rows = routeRows(null, {
      ...NONE,
      rate: matrix([{ route: 'r', service: '' }, ['9', '9', '10']]),
      errors: matrix([{ route: 'r', service: '' }, ['0', '0', '0.2']]),
    });
    const alerts = vector(
      [{ __name__: 'ALERTS', alertname: 'Slow', severity: 'critical', job: 'x' }, '1'],
      [{ alertname: 'Hm', severity: 'warning' }, '1'],
    );
    const down = new Map([['p\nh', { since_ms: 7, atLeast: true }]]);
    const found = troublesOf(gateway, targets, rows, alerts, down);
    expect(found.map((t) => [t.severity, t.kind, t.what, t.why, t.since_ms])).toEqual([
      [
        'error',
        'config',
        'The last change of configuration was refused',
        'version 8 keeps running; nothing was changed',
        50,
      ],
      ['error', 'config', 'b.yaml:3:9', 'x.y: e', null],
      ['error', 'endpoint', 'u 1:2', 'no reason given', 99],
      ['error', 'target', 'p http://h/m', 'refused', 7],
      ['error', 'worker', 'proxy worker proxy-1', 'closed: out of memory', null],
      ['error', 'alert', 'Slow', 'firing: job=x', null],
      ['warning', 'config', 'a.yaml:3', 'w', null],
      ['warning', 'route', 'r', '2.0 % of its requests fail (5xx)', null],
      ['warning', 'alert', 'Hm', 'firing', null],
    ]);
    expect(headline(found, true)).toEqual({ tone: 'error', text: '6 problems and 3 warnings' });
    expect(headline(found.slice(6, 7), true)).toEqual({ tone: 'warning', text: 'Healthy, 1 warning' });
    expect(headline(found.slice(0, 1), false)).toEqual({ tone: 'error', text: '1 problem' });
  });
  test('what is not known is not called healthy', () => {
    expect(headline([], true).text).toBe('All healthy');
    expect(headline([], false).tone).toBe('unknown');
  });

  const at = (i: number): readonly [number, string] => [GRID.start_s + i * GRID.step_s, '0'];
  test.each<[string, (readonly [number, string])[], object | undefined]>([
    ['to the end', [at(1), at(2)], { since_ms: 1_015_000, atLeast: false }],
    ['over a gap', [at(0), at(2)], { since_ms: 1_030_000, atLeast: false }],
    ['from before the range', [at(0), at(1), at(2)], { since_ms: 1_000_000, atLeast: true }],
    ['and up again', [at(0)], undefined],
  ])('down %s', (_, values, since) => {
    const data: QueryData = {
      resultType: 'matrix',
      result: [{ metric: { job: 'p', instance: 'h' }, values }],
    };
    expect(downSince(data, GRID).get('p\nh')).toEqual(since);
  });
});

describe('a gateway that says little or nonsense', () => {
  test.each<unknown>([
    null,
    'x',
    {},
    { routes: 7, endpoints: [null], workers: [1], problems: [{}], listeners: ['a:1'] },
  ])('%j', (json) => {
    const gateway = readGateway(json);
    expect(gateway.routes).toEqual([]);
    expect(() => troublesOf(gateway, null, routeRows(gateway, NONE), null)).not.toThrow();
  });
  test('endpoints come from the routes when they are not listed', () => {
    expect(GATEWAY.endpoints).toMatchObject([
      { upstream: 'a1', endpoint: '10.0.0.1:80', health: 'down', reason: 'refused' },
    ]);
    expect(GATEWAY.listeners).toEqual(['0.0.0.0:8000']);
    expect(GATEWAY.routes[0]?.match).toBe('x.example /');
  });
});

describe('targets', () => {
  const targets = readTargets({
    activeTargets: [
      {
        scrapePool: 'b',
        scrapeUrl: 'http://2',
        health: 'up',
        lastScrape: '2026-11-22T18:30:00.5Z',
        lastScrapeDuration: 0.0123,
        scrapeInterval: '15s',
        labels: { zone: 'eu' },
      },
      {
        scrapePool: 'b',
        scrapeUrl: 'http://1',
        health: 'down',
        lastError: 'refused',
        lastScrape: '0001-01-01T00:00:00Z',
        scrapeInterval: '1m',
      },
      { scrapePool: 'a', globalUrl: 'http://3', health: 'strange' },
    ],
  });
  test('times', () => {
    expect(targets.map((t) => [t.lastScrape_ms, t.took_ms])).toEqual([
      [1_795_372_200_500, 12.3],
      [null, NaN],
      [null, NaN],
    ]);
  });
  test('pools by name, what is down first', () => {
    expect(poolsOf(targets).map((p) => [p.name, p.up, p.targets.map((t) => t.url)])).toEqual([
      ['a', 0, ['http://3']],
      ['b', 1, ['http://1', 'http://2']],
    ]);
  });
  test.each<[string, string, string[]]>([
    ['all', '', ['http://2', 'http://1', 'http://3']],
    ['down', '', ['http://1']],
    ['unknown', '', ['http://3']],
    ['all', 'REFUSED', ['http://1']],
    ['all', 'zone=eu', ['http://2']],
    ['all', 'zone="eu" http', ['http://2']],
    ['up', 'refused', []],
  ])('filter %s %s', (health, text, urls) =>
    expect(filterTargets(targets, health, text).map((t) => t.url)).toEqual(urls),
  );
  test('the window holds four scrapes of the slowest', () => {
    expect(rateWindow_s(targets)).toBe(240);
    expect(rateWindow_s([])).toBe(60);
    expect(rateWindow_s(readTargets({ activeTargets: [{ scrapeInterval: '10m' }] }))).toBe(300);
  });
});

describe('small lines', () => {
  test.each<[(number | null)[], string]>([
    [[0, 1, 2], 'M0 23L50 12.5L100 2'],
    [[1, null, 1, 1], 'M66.7 2L100 2'],
    [[null, null], ''],
    [[0, 0], 'M0 23L100 23'],
  ])('%j', (line, path) => expect(sparkPaths(line, 0).line).toBe(path));
});
