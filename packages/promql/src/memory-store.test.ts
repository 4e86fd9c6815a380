import { labelsFromObject, printLabels } from '@munjigi/model';
import { afterEach, expect, test, vi } from 'vitest';
import { eachPoint } from './index.ts';
import { MemoryStore, queryOnce } from './memory-store.ts';

afterEach(() => void vi.unstubAllGlobals());

/** The example of the README. */
async function example(): Promise<string[]> {
  const store = new MemoryStore();
  const labels = labelsFromObject({ __name__: 'requests_total', job: 'api' });
  store.add(labels, [0, 60_000, 120_000], Float64Array.of(0, 30, 90));
  const times = { start_ms: 0, end_ms: 120_000, step_ms: 60_000 };
  const result = await queryOnce(store, 'increase(requests_total[2m])', times);
  const lines: string[] = [];
  if (result.type === 'matrix')
    result.labels.forEach((labels, i) =>
      eachPoint(result, i, (t_ms, value) => lines.push(`${printLabels(labels)} ${value} @${t_ms}`)),
    );
  return lines;
}

const EXPECTED = ['{job="api"} 30 @60000', '{job="api"} 90 @120000'];

test('a query over plain arrays', async () => {
  expect(await example()).toEqual(EXPECTED);
});

test('a world without shared memory will do, as a page that is not cross-origin isolated', async () => {
  vi.stubGlobal('SharedArrayBuffer', undefined);
  expect(await example()).toEqual(EXPECTED);
});
