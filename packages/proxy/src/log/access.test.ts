import { EnvError, type Caller, type Env, type File } from '@munjigi/env';
import { expect, it } from 'vitest';
import { latin1 } from '../http1/bytes.ts';
import { AccessLog, BEGIN_BYTES, beginLine, isoSecond } from './access.ts';
import { fileSink, portSink } from './sink.ts';

const NOTHING = latin1('');

function write(log: AccessLog, path: string, wall = 1_795_372_870_007): void {
  const head = Buffer.from(`GET ${path} a.test`, 'latin1');
  const begun = Buffer.alloc(BEGIN_BYTES);
  const to = beginLine(begun, head, 0, 3, head.length - 6, head.length, 4, head.length - 7);
  log.line(
    wall,
    latin1(',"client":"::1"'),
    begun,
    to,
    200,
    latin1(',"route":"r"'),
    NOTHING,
    NOTHING,
    latin1(',"id":"x"'),
    9,
    7,
    1234567890123,
    0.0004,
    1234.5678,
  );
}

it('a line is JSON, whatever the client sent', () => {
  const lines: string[] = [];
  const log = new AccessLog(
    (b, n) => lines.push(b.toString('latin1', 0, n)) > 0,
    () => expect.unreachable(),
  );
  const nasty = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join('');
  write(log, '/a');
  write(log, `/${nasty}`);
  write(log, `/${'"'.repeat(9000)}`);
  log.flush();
  log.flush();
  const parsed = lines
    .join('')
    .trimEnd()
    .split('\n')
    .map((l) => JSON.parse(l) as Record<string, unknown>);
  expect(parsed[0]).toEqual({
    time: '2026-11-22T18:41:10.007Z',
    id: 'x',
    client: '::1',
    method: 'GET',
    host: 'a.test',
    path: '/a',
    status: 200,
    route: 'r',
    bytes_in: 7,
    bytes_out: 1_234_567_890_123,
    duration_ms: 0,
    upstream_ms: 1234.568,
  });
  expect(parsed[1]!['path']).toBe(`/${nasty}`);
  expect(parsed[2]!['path']).toBe(`/${'"'.repeat(2047)}`);
});

it('batches go out when they are large, and are counted when nobody takes them', () => {
  let taken = 0;
  let dropped = 0;
  let open = true;
  const log = new AccessLog(
    (b, n) => {
      if (open) taken += b.toString('latin1', 0, n).split('\n').length - 1;
      return open;
    },
    (lines) => {
      dropped += lines;
    },
  );
  for (let i = 0; i < 1000; i++) write(log, '/x');
  expect(taken).toBeGreaterThan(500);
  const before = taken;
  open = false;
  log.flush();
  expect([taken, taken + dropped]).toEqual([before, 1000]);
});

it('seconds are told as a calendar has them', () => {
  for (let s = -1e9; s < 5e9; s += 12_345_678)
    expect(`${isoSecond(s)}.000Z`).toBe(new Date(s * 1000).toISOString());
});

it('a disk that is full loses lines and nothing else, and is tried again', () => {
  let now = 0;
  let full = true;
  let opened = 0;
  let written = '';
  const file = {
    write(b: Buffer, from: number, to: number) {
      if (full) throw new EnvError('ENOSPC', '/log', 'no space left');
      written += b.toString('latin1', from, to);
    },
    close: () => undefined,
  } as unknown as File;
  const env = {
    clock: { monotonic: () => now },
    files: { open: () => (opened++, file) },
    log: { warn: () => undefined },
  } as unknown as Env;
  const sink = fileSink(env, '/log');
  expect([sink(latin1('a\n'), 2), sink(latin1('b\n'), 2), opened]).toEqual([false, false, 1]);
  now = 1000;
  full = false;
  expect([sink(latin1('c\n'), 2), sink(latin1('d\n'), 2), opened, written]).toEqual([
    true,
    true,
    2,
    'c\nd\n',
  ]);
});

it('a reader of standard output that is slow holds up no more than a bounded number of bytes', async () => {
  const waiting: (() => void)[] = [];
  const caller = { call: () => new Promise<void>((resolve) => waiting.push(resolve)) } as unknown as Caller;
  const sink = portSink(caller);
  const batch = Buffer.alloc(300_000);
  expect([1, 2, 3, 4].map(() => sink(batch, batch.length))).toEqual([true, true, true, false]);
  for (const done of waiting) done();
  await new Promise((resolve) => setImmediate(resolve));
  expect(sink(batch, batch.length)).toBe(true);
});
