import { expect, it } from 'vitest';
import type { Problem } from '@munjigi/model';
import type { Clock, Log } from '@munjigi/env';
import { createPublisher, type Candidate, type Step } from './publisher.ts';

const clock = { now: () => 1000, monotonic: () => 0 } as Clock;
const log = { info() {}, warn() {}, error() {} } as unknown as Log;
const error = (message: string): Problem => ({
  severity: 'error',
  file: 'f',
  line: 1,
  column: 2,
  field: '',
  message,
});
const warning: Problem = { ...error('odd'), severity: 'warning' };

interface Case {
  readonly name: string;
  readonly read: readonly Problem[] | Error;
  readonly gatewayPrepare?: readonly Problem[] | Error;
  readonly watchPrepare?: readonly Problem[];
  readonly ok: boolean;
  readonly version: number;
  readonly calls: string;
}

const WARNED: readonly Problem[] = [warning];

const cases: readonly Case[] = [
  {
    name: 'all good',
    read: [],
    ok: true,
    version: 7,
    calls: 'g.prepare w.prepare g.commit w.commit settled',
  },
  {
    name: 'warnings do not refuse',
    read: WARNED,
    ok: true,
    version: 7,
    calls: 'g.prepare w.prepare g.commit w.commit settled',
  },
  { name: 'a fault in reading touches nothing', read: [error('bad')], ok: false, version: 0, calls: '' },
  { name: 'reading broke', read: new Error('EIO'), ok: false, version: 0, calls: '' },
  {
    name: 'first part refuses',
    read: [],
    gatewayPrepare: [error('port')],
    ok: false,
    version: 0,
    calls: 'g.prepare w.prepare g.abort w.abort',
  },
  {
    name: 'second part refuses',
    read: [],
    watchPrepare: [error('job')],
    ok: false,
    version: 0,
    calls: 'g.prepare w.prepare g.abort w.abort',
  },
  {
    name: 'a part throws',
    read: [],
    gatewayPrepare: new Error('dead'),
    ok: false,
    version: 0,
    calls: 'g.prepare w.prepare g.abort w.abort',
  },
];

it.each(cases)('$name', async ({ read, gatewayPrepare = [], watchPrepare = [], ok, version, calls }) => {
  const seen: string[] = [];
  const step = (name: string, answer: readonly Problem[] | Error): Step<never> => ({
    name,
    prepare: async () => {
      seen.push(`${name}.prepare`);
      if (answer instanceof Error) throw answer;
      return answer;
    },
    commit: async () => {
      seen.push(`${name}.commit`);
      return [];
    },
    abort: () => void seen.push(`${name}.abort`),
  });
  const publisher = createPublisher(clock, log, {
    read: async (): Promise<Candidate<string, string>> => {
      if (read instanceof Error) throw read;
      return { problems: read, gateway: { version: 7, content: 'x' }, watch: 'y' };
    },
    gateway: step('g', gatewayPrepare),
    watch: step('w', watchPrepare),
    settled: () => void seen.push('settled'),
  });
  const applied = await publisher.submit('test');
  expect({ ok: applied.ok, version: applied.version, calls: seen.join(' ') }).toEqual({ ok, version, calls });
  expect(publisher.last()?.ok).toBe(ok);
  expect(applied.problems.length > 0).toBe(!ok || read === WARNED);
});

it('groups what waits into one run', async () => {
  let reads = 0;
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (release = resolve));
  const nothing: Step<never> = {
    name: '',
    prepare: async () => [],
    commit: async () => [],
    abort: () => undefined,
  };
  const publisher = createPublisher(clock, log, {
    read: async () => {
      reads++;
      if (reads === 1) await gate;
      return { problems: [], gateway: null, watch: null };
    },
    gateway: nothing,
    watch: nothing,
    settled: () => undefined,
  });
  const first = publisher.submit('a');
  const others = [publisher.submit('b'), publisher.submit('c'), publisher.submit('d')];
  release();
  await Promise.all([first, ...others]);
  expect(reads).toBe(2);
});
