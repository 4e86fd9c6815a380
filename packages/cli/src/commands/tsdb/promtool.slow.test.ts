// What this program and promtool print of the same folders, and make of the same text.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { nodeEnv } from '@munjigi/env/node';
import { labelsFromObject, setStale } from '@munjigi/model';
import { openDb } from '@munjigi/tsdb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const PROMTOOL = '/usr/bin/promtool';
const missing = !existsSync(PROMTOOL);
if (missing) console.log(`skipped: ${PROMTOOL} is missing; sudo apt-get install prometheus`);

const MUNJIGI = fileURLToPath(new URL('../../../bin/munjigi.mjs', import.meta.url));
const T0 = 1_700_000_000_000;

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'munjigi-promtool-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const BIG = { maxBuffer: 1 << 28 };
const theirs = (...args: string[]): string => execFileSync(PROMTOOL, ['tsdb', ...args], BIG).toString();
const ours = (...args: string[]): string =>
  execFileSync(process.execPath, [MUNJIGI, 'tsdb', ...args], BIG).toString();
const sorted = (text: string): string[] => text.split('\n').sort();

/** Many series with all that is difficult in text and values. */
function writeText(path: string): void {
  const lines = ['# HELP a_total A.', '# TYPE a_total counter'];
  const values = ['1', '-0', 'NaN', '+Inf', '-Inf', '2.5e+06', '1e-300', '123456789', '0.1'];
  for (let s = 0; s < 40; s++)
    for (let i = 0; i < 300; i++)
      lines.push(
        `a_total{s="${s}",q="a\\"b\\\\c\\nd é😀"} ${values[(s * 7 + i) % values.length]!} ${(T0 + s * 7 + i * 60_000) / 1000}`,
      );
  writeFileSync(path, `${lines.join('\n')}\n# EOF\n`);
}

describe.skipIf(missing)('beside promtool', () => {
  beforeAll(() => {
    writeText(join(dir, 'in.om'));
    for (const name of ['ours', 'theirs']) mkdirSync(join(dir, name, 'wal'), { recursive: true });
    ours('create-blocks-from', 'openmetrics', '-q', join(dir, 'in.om'), join(dir, 'ours'));
    theirs('create-blocks-from', 'openmetrics', join(dir, 'in.om'), join(dir, 'theirs'));
  });

  test('blocks of the same text hold the same', () => {
    const dump = theirs('dump', join(dir, 'theirs'));
    expect(dump.split('\n')).toHaveLength(12_001);
    expect(theirs('dump', join(dir, 'ours'))).toBe(dump);
    const columns = (text: string): string[] =>
      text.split('\n').map((line) => line.replace(/^\S+|\d+ *$/g, ''));
    expect(columns(theirs('list', join(dir, 'ours')))).toEqual(columns(theirs('list', join(dir, 'theirs'))));
  });

  test.each(['ours', 'theirs'])('blocks that are %s', (name) => {
    const path = join(dir, name);
    expect(ours('dump', path)).toBe(theirs('dump', path));
    const range = [
      '--min-time',
      String(T0 + 5),
      '--max-time',
      String(T0 + 3_600_000),
      '--match',
      'a_total{s=~"1.*"}',
    ];
    expect(ours('dump', ...range, path)).toBe(theirs('dump', ...range, path));
    expect(ours('list', path)).toBe(theirs('list', path));
    expect(ours('list', '-r', path)).toBe(theirs('list', '-r', path));
    expect(sorted(ours('analyze', '--limit', '1000', path))).toEqual(
      // 3.16 has another word there.
      sorted(theirs('analyze', '--limit', '1000', path).replace(/^Series: /m, 'Total Series: ')),
    );
    expect(ours('verify', path)).toMatch(/^ok: \d+ blocks/);
  });

  test('what is dumped as OpenMetrics makes the same blocks again', () => {
    const text = join(dir, 'again.om');
    writeFileSync(text, ours('dump-openmetrics', join(dir, 'theirs')));
    const again = join(dir, 'again');
    mkdirSync(join(again, 'wal'), { recursive: true });
    ours('create-blocks-from', 'openmetrics', '-q', text, again);
    expect(theirs('dump', again)).toBe(theirs('dump', join(dir, 'theirs')));
  });

  test('the head and its logs, while they are written and after a clean end', async () => {
    const path = join(dir, 'store');
    const env = nodeEnv({ logLevel: 'error' });
    const db = await openDb(env, { path, retention_ms: 0, walCompression: 'snappy' });
    const n = 50;
    const t = new Float64Array(n);
    const v = new Float64Array(n);
    const bits = new Uint32Array(v.buffer);
    const now = Math.floor(env.clock.now() / 1000) * 1000;
    for (let i = 0; i < 300; i++) {
      const appender = db.appender();
      const refs = Float64Array.from({ length: n }, (_, s) =>
        appender.series(labelsFromObject({ __name__: 'm', s: String(s) })),
      );
      t.fill(now - (300 - i) * 15_000);
      for (let s = 0; s < n; s++) v[s] = i * s;
      if (i === 200) setStale(bits, 3);
      appender.floats(refs, t, v, null, n);
      await appender.commit();
    }
    await db.sync();
    const running = { ours: sorted(ours('dump', path)), theirs: sorted(theirs('dump', path)) };
    expect(running.ours).toEqual(running.theirs);
    expect(running.ours).toHaveLength(300 * n + 1);
    await db.close();
    expect(sorted(ours('dump', path))).toEqual(running.theirs);
    expect(sorted(theirs('dump', path))).toEqual(running.theirs);
    expect(ours('verify', path)).toMatch(/^ok: /m);
  });

  test('what Prometheus wrote before it was killed', async () => {
    const path = join(dir, 'killed');
    writeFileSync(
      join(dir, 'p.yml'),
      'global: { scrape_interval: 1s }\nscrape_configs: [{ job_name: self, static_configs: [{ targets: ["127.0.0.1:39417"] }] }]\n',
    );
    const child = spawn(
      '/usr/bin/prometheus',
      [
        `--config.file=${join(dir, 'p.yml')}`,
        `--storage.tsdb.path=${path}`,
        '--web.listen-address=127.0.0.1:39417',
      ],
      { stdio: 'ignore' },
    );
    const log = join(path, 'wal', '00000000');
    for (let i = 0; i < 600 && !(existsSync(log) && statSync(log).size > 16_384); i++) await sleep(100);
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    const dump = sorted(theirs('dump', path));
    expect(dump.length).toBeGreaterThan(200);
    expect(sorted(ours('dump', path))).toEqual(dump);
    expect(ours('verify', path)).toMatch(/^ok: /m);
  });
});
