import { describe, expect, it } from 'vitest';
import { printProblem } from '@munjigi/model';
import { parseMunjigiConfig } from './config.ts';

const read = (text: string, dataDir: string | null = null) =>
  parseMunjigiConfig('munjigi.yaml', text, '/etc/m', dataDir);

describe('munjigi.yaml', () => {
  it('takes defaults and resolves paths from its own folder', () => {
    const { config, problems } = read(
      'gateway: { sources: { files: [./gw, /abs] } }\nmetrics: { config: ./prometheus.yml }\n',
    );
    expect(problems).toEqual([]);
    expect(config).toEqual({
      gateway: {
        listen: [{ address: '0.0.0.0', port: 8000 }],
        files: ['/etc/m/gw', '/abs'],
        workers: 0,
        accessLog: '-',
      },
      metrics: {
        config: '/etc/m/prometheus.yml',
        path: '/etc/m/data/metrics',
        retention_ms: 15 * 86400e3,
        retention_bytes: 0,
        retention_percentage: 0,
        retentionBy: [],
        walSync_ms: 1000,
        walCompression: 'snappy',
        snapshotInterval_ms: 900_000,
        outOfOrderWindow_ms: 0,
        floatEncoding: 'xor',
        maxExemplars: 10_000,
        maxSeries: 0,
        maxSeriesPerTarget: 0,
        minBlock_ms: 7_200_000,
        maxBlock_ms: 1.5 * 86400e3,
        adminApi: false,
        delayCompactFile: null,
        readOnly: false,
      },
      query: {
        workers: 0,
        timeout_ms: 120000,
        maxConcurrency: 20,
        maxSamples: 5e7,
        lookback_ms: 300000,
        maxMemory: null,
        maxMemoryTotal: null,
        slow_ms: 0,
        features: [],
      },
      console: { listen: { address: '127.0.0.1', port: 9090 }, allowReload: true },
    });
  });

  const good: readonly (readonly [text: string, path: string, expected: unknown])[] = [
    ['console: { listen: 9191 }', 'console.listen', { address: '127.0.0.1', port: 9191 }],
    ['console: { listen: "0.0.0.0:9191" }', 'console.listen', { address: '0.0.0.0', port: 9191 }],
    ['console: { listen: "[::1]:9191" }', 'console.listen', { address: '::1', port: 9191 }],
    ['metrics: { storage: { wal_sync: always } }', 'metrics.walSync_ms', 'always'],
    ['metrics: { storage: { wal_sync: 250ms } }', 'metrics.walSync_ms', 250],
    [
      'gateway: { listen: [8080, { port: 8081, address: 127.0.0.1 }] }',
      'gateway.listen',
      [
        { address: '0.0.0.0', port: 8080 },
        { address: '127.0.0.1', port: 8081 },
      ],
    ],
    ['gateway: { access_log: ./access.log }', 'gateway.accessLog', '/etc/m/access.log'],
    ['gateway: { sources: { database: off } }', 'gateway.files', []],
  ];
  it.each(good)('%s', (text, path, expected) => {
    const { config, problems } = read(text);
    expect(problems.map(printProblem)).toEqual([]);
    expect(
      path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], config),
    ).toEqual(expected);
  });

  const bad: readonly (readonly [text: string, expected: RegExp])[] = [
    ['gatway: {}', /^munjigi\.yaml:1:1: error: gatway: unknown field: did you mean gateway\?/],
    ['gateway: { listen: [{ port: 0 }] }', /:1:\d+: error: gateway\.listen\[0\]\.port: must be at least 1/],
    [
      'gateway: { listen: [{ port: 8443, tls: { certificates: [] } }] }',
      /TLS on the gateway is not supported yet/,
    ],
    ['gateway: { sources: { database: postgres://x } }', /a configuration database is not supported yet/],
    ['gateway: { sources: { kubernetes: on } }', /Kubernetes as a source is not supported yet/],
    ['console: { auth: ./web.yml }', /authentication of the console is not supported yet/],
    ['console: { listen: here }', /wants address:port/],
    ['metrics: { storage: { wal_sync: 5m } }', /at most 60000ms/],
    ['', /the file is empty/],
    ['a: [', /error/],
    ['console: {}\n---\nconsole: {}\n', /wants one document/],
  ];
  it.each(bad)('refuses %s', (text, expected) => {
    const { config, problems } = read(text);
    expect(config).toBeNull();
    expect(problems.map(printProblem).join('\n')).toMatch(expected);
  });

  it('puts the data where it is told', () => {
    expect(read('metrics: {}', '/var/d').config?.metrics.path).toBe('/var/d/metrics');
  });
});
