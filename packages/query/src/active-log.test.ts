import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeEnv } from '@munjigi/env/node';
import { expect, test } from 'vitest';
import { NO_ACTIVE_LOG, openActiveLog, readActiveLog } from './active-log.ts';

test('what runs stands in the file, and the next run reports it', () => {
  const dir = mkdtempSync(join(tmpdir(), 'active-log-'));
  const path = join(dir, 'queries.active');
  const lines: string[] = [];
  const env = nodeEnv({ logWrite: (line) => lines.push(line) });
  const long = `"\u{1f600}\\${'x\n'.repeat(2000)}`;
  const first = openActiveLog(env, path, 2);
  const leave = first.enter('up');
  first.enter(long);
  first.enter('one too many: not noted')();
  expect(readActiveLog(readFileSync(path)).map(({ query }) => query.slice(0, 5))).toEqual([
    'up',
    long.slice(0, 5),
  ]);
  expect(readFileSync(path).length).toBe(2001);
  leave();
  first.close();
  expect(readActiveLog(readFileSync(path)).length).toBe(1);
  openActiveLog(env, path, 2).close();
  expect(lines.filter((line) => line.includes('did not finish')).length).toBe(1);
  expect(readActiveLog(readFileSync(path))).toEqual([]);
  rmSync(dir, { recursive: true });
});

test('a place that cannot be written costs only the log', () => {
  const env = nodeEnv({ logWrite: () => {} });
  expect(openActiveLog(env, '/nonexistent/queries.active', 2)).toBe(NO_ACTIVE_LOG);
});

test('damage is skipped', () => {
  const bytes = new Uint8Array(3001);
  new TextEncoder().encodeInto('[{"query":"a","timest', bytes);
  new TextEncoder().encodeInto('{"query":"b","timestamp_sec":7},', bytes.subarray(1001));
  new TextEncoder().encodeInto('{"query":1},', bytes.subarray(2001));
  expect(readActiveLog(bytes)).toEqual([{ query: 'b', timestamp_sec: 7 }]);
});
