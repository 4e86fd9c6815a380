// Queries that want a hundred times what they may hold: each is refused by the limit that it passes, with the numbers and the selectors, and
// what it held is free again.
import { nodeEnv } from '@munjigi/env/node';
import { labelsFromObject } from '@munjigi/model';
import { newBudget, QueryError, takeBytes, closeBudget } from '@munjigi/promql';
import { openChunkReader, openMemoryHead } from '@munjigi/tsdb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { queryLocal, type LocalOptions } from './local.ts';
import type { QueryReply, QueryRequest } from './request.ts';

const env = nodeEnv({ logWrite: () => {} });
const head = openMemoryHead(env);
const SERIES = 6000;
const END_MS = 300_000;

/** Two metrics of 6,000 series with 20 samples each, and one series of another. */
beforeAll(async () => {
  const refs: number[] = [];
  for (let k = 1; k <= 20; k++) {
    const appender = head.appender();
    if (k === 1) {
      for (const name of ['wide', 'wider'])
        for (let i = 0; i < SERIES; i++)
          refs.push(
            appender.series(labelsFromObject({ __name__: name, i: String(i), group: String(i % 10) })),
          );
      refs.push(appender.series(labelsFromObject({ __name__: 'one', group: '1' })));
    }
    const t = new Float64Array(refs.length).fill(k * 15_000);
    appender.floats(
      Float64Array.from(refs),
      t,
      Float64Array.from(refs, (r) => r * 1.5 + k),
      null,
      refs.length,
    );
    await appender.commit();
  }
});

afterAll(() => head.close());

const INSTANT = { kind: 'instant', time_ms: END_MS, limit: 0, stats: '' } as const;
const RANGE = { kind: 'range', start_ms: 0, end_ms: END_MS, step_ms: 30, limit: 0, stats: '' } as const;
const EVER = { mint: 0, maxt: END_MS, limit: 0 };

function ask(request: QueryRequest, options: LocalOptions): Promise<QueryReply> {
  return queryLocal(env.clock, head, openChunkReader(), request, options);
}

const MEMORY = /query needs (\d+) bytes of memory and may hold (\d+) \(query\.max_memory\)/;

/** What the first table's queries may hold: each would need more than a hundred times as much. */
const LITTLE_BYTES = 5_000_000;
const SELECTION_BYTES = 4000;

/** The message of a refusal by memory that names numbers that fit; else what came instead. */
async function refusal(request: QueryRequest, maxBytes: number): Promise<string> {
  const { status, error } = await ask(request, { limits: { maxSamples: 0, maxBytes } });
  const [, needed, most] = MEMORY.exec(error?.message ?? '') ?? [];
  const fits =
    status === 422 &&
    error?.errorType === 'execution' &&
    Number(needed) > maxBytes &&
    Number(most) === maxBytes;
  return fits ? error.message : JSON.stringify([status, error]);
}

test.for<readonly [name: string, request: QueryRequest, selectors: string, maxBytes?: number]>([
  ['a wide selector', { ...INSTANT, query: 'wide' }, 'wide at 1:1', SELECTION_BYTES],
  ['all series there are', { ...INSTANT, query: '{i=~".+"}' }, '{i=~".+"} at 1:1', SELECTION_BYTES],
  ['series that are only counted', { ...INSTANT, query: 'count(wide)' }, 'wide at 1:7', SELECTION_BYTES],
  ['absent of what is wide', { ...INSTANT, query: 'absent(wide)' }, 'wide at 1:8', SELECTION_BYTES],
  ['samples of a long range', { ...INSTANT, query: 'wide[1h]' }, 'wide at 1:1', SELECTION_BYTES],
  ['series by their labels', { kind: 'series', match: ['wide'], ...EVER }, 'wide', SELECTION_BYTES],
  ['values of a label', { kind: 'values', label: 'i', match: [], ...EVER }, '', SELECTION_BYTES],
  ['federation', { kind: 'federate', match: ['wide'], time_ms: END_MS }, 'wide', SELECTION_BYTES],
  ['rows of a range query', { ...RANGE, query: 'wide' }, 'wide (6000 series) at 1:1'],
  ['a rate at every step', { ...RANGE, query: 'rate(wide[1m])' }, 'wide (6000 series) at 1:6'],
  ['a subquery of tiny steps', { ...INSTANT, query: 'max_over_time(wide[5m:1ms])' }, 'wide (6000 series)'],
  [
    'groups at tiny steps',
    { ...INSTANT, query: 'max_over_time(sum by (i) (wide)[5m:1ms])' },
    'wide (6000 series)',
  ],
  ['a union', { ...RANGE, query: 'wide or wider' }, '(6000 series)'],
  ['label_replace', { ...RANGE, query: 'label_replace(wide, "a", "$1", "i", "(.*)")' }, 'wide (6000 series)'],
  ['quantiles', { ...RANGE, query: 'quantile(0.9, wide)' }, 'wide (6000 series)'],
  ['topk', { ...RANGE, query: 'topk(3, wide)' }, 'wide (6000 series)'],
])('a hundred times the budget: %s', async ([, request, selectors, maxBytes = LITTLE_BYTES]) => {
  const message = await refusal(request, maxBytes);
  expect(message).toMatch(MEMORY);
  expect(message).toContain(selectors);
});

const FEW = { ...RANGE, step_ms: 300 } as const;

test.for<readonly [name: string, request: QueryRequest, maxBytes: number, selectors: string]>([
  ['samples', { ...INSTANT, query: 'wide[1h]' }, 4_000_000, 'wide (6000 series) at 1:1'],
  ['one time for all steps', { ...RANGE, query: 'wide @ 300' }, 6_000_000, 'wide (6000 series)'],
  [
    'a join',
    { ...FEW, query: 'wide{group="1"} * on (i) group_left () wider{group="1"}' },
    14_000_000,
    'wider{group="1"} (600 series)',
  ],
  [
    'a join with one',
    { ...FEW, query: 'wide{group="1"} + on (group) group_left () one' },
    8_000_000,
    'wide{group="1"} (600 series)',
  ],
  [
    'values as labels',
    { ...FEW, query: 'count_values("v", wide{group="1"})' },
    10_000_000,
    'wide{group="1"} (600 series)',
  ],
  [
    'a copy of what is shared',
    { ...FEW, query: 'wide{group="1"} > 5' },
    8_000_000,
    'wide{group="1"} (600 series)',
  ],
  ['groups', { ...FEW, query: 'stddev by (i) (wide{group="1"})' }, 8_000_000, 'wide{group="1"} (600 series)'],
  [
    'a window over a subquery',
    { ...FEW, query: 'max_over_time(wide{group="1"}[10s:1s])' },
    6_000_000,
    'wide{group="1"} (600 series)',
  ],
  ['the answer', { ...INSTANT, query: 'wide' }, 4_000_000, 'wide (6000 series)'],
])('what is computed above a selector: %s', async ([, request, maxBytes, selectors]) => {
  const message = await refusal(request, maxBytes);
  expect(message).toMatch(MEMORY);
  expect(message).toContain(selectors);
});

test.for<readonly [name: string, request: QueryRequest, message: RegExp]>([
  [
    'more samples than one query may hold',
    { ...RANGE, query: 'wide' },
    /^query processing would load too many samples into memory in query execution$/,
  ],
  ['samples of a matrix', { ...INSTANT, query: 'wide[1h]' }, /^query processing would load too many samples/],
  [
    'steps of a subquery',
    { ...INSTANT, query: 'sum_over_time(one[10y:1ms])' },
    /1:15: the subquery has \d+ steps, at most 50000000 are evaluated$/,
  ],
  [
    'label values',
    {
      ...INSTANT,
      query: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'].reduce(
        (inner) => `label_replace(${inner}, "x", "${'$1'.repeat(10)}", "x", "(.*)")`,
        'label_replace(one, "x", "0123456789", "", "")',
      ),
    },
    /^query needs \d+ bytes of memory and may hold|^label_replace\(\) would make a label value of \d+ characters/,
  ],
  [
    'nesting',
    { ...INSTANT, query: `${'('.repeat(100_000)}1` },
    /expression nested too deeply: more than 500 levels/,
  ],
  ['text', { ...INSTANT, query: `one${' '.repeat(300_000)}` }, /262144|262,144/],
])('%s', async ([, request, message]) => {
  const { error } = await ask(request, { limits: { maxSamples: 10_000, maxBytes: 0 } });
  expect(error?.message).toMatch(message);
});

test.for<readonly [name: string, request: QueryRequest, error: string | null]>([
  [
    'series',
    { ...INSTANT, query: 'wide' },
    'query would load too many series into memory in query execution',
  ],
  [
    'series of several selectors',
    { ...INSTANT, query: 'one + on () group_left () one or wide' },
    'query would load too many series into memory in query execution',
  ],
  [
    'samples',
    { ...INSTANT, query: 'sum_over_time(one[5m])' },
    'query would read too many samples in query execution',
  ],
  [
    'samples at each step',
    { ...RANGE, step_ms: 10_000, query: 'one' },
    'query would read too many samples in query execution',
  ],
  ['neither', { ...INSTANT, query: 'sum(sum_over_time(one[1m]))' }, null],
])('cost: %s', async ([, request, error]) => {
  const { status, error: got } = await ask(request, { cost: { maxSeries: 5, maxSamplesRead: 15 } });
  expect([status, got]).toEqual(
    error === null ? [200, null] : [422, { errorType: 'cost_limit', message: error }],
  );
});

test('all queries together: the one that asks is refused, and what it held is free', () => {
  const all = new Int32Array(new SharedArrayBuffer(4));
  const limits = { maxSamples: 0, maxBytes: 0, maxTotalBytes: 100 * 1024 };
  const [a, b] = [newBudget(limits), newBudget(limits)].map((budget) => ({ ...budget, all }));
  takeBytes(a!, 80 * 1024);
  expect(() => takeBytes(b!, 30 * 1024)).toThrow(
    'query needs 30720 bytes of memory, with which all queries would hold 112640 and may hold 102400 (query.max_memory_total)',
  );
  takeBytes(b!, 20 * 1024);
  expect(all[0]).toBe(100);
  closeBudget(a!);
  closeBudget(a!);
  expect(all[0]).toBe(20);
  // Another thread that still works for it.
  expect(() => takeBytes(a!, 1024)).toThrow(QueryError);
  expect(all[0]).toBe(20);
  closeBudget(b!);
  expect(all[0]).toBe(0);
});
