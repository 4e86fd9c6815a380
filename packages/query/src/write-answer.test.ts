import { labelsFromObject } from '@munjigi/model';
import type { Result } from '@munjigi/promql';
import { expect, test } from 'vitest';
import { copyRows, joined, writeAnswer, writeRows, type Writer } from './write-answer.ts';

const ROWS = 310;
const STEPS = 1000;

/** Cells that hold their own number, every third absent. */
function matrix(): Result {
  const cells = ROWS * STEPS;
  return {
    type: 'matrix',
    histograms: null,
    labels: Array.from({ length: ROWS }, (_, i) => labelsFromObject({ i: String(i) })),
    values: Float64Array.from({ length: cells }, (_, i) => i),
    present: Uint8Array.from({ length: cells }, (_, i) => (i % 3 === 0 ? 0 : 1)),
    grid: { start_ms: 0, step_ms: 1000, steps: STEPS },
    annotations: [
      { severity: 'warning', message: 'W' },
      { severity: 'info', message: 'I' },
    ],
    samplesRead: 0,
  };
}

interface Answer {
  readonly data: {
    readonly result: readonly { metric: { i: string }; values: [number, string][] }[];
    stats?: object;
  };
  readonly warnings?: string[];
  readonly infos?: string[];
}

async function written(
  result: Result,
  limit: number,
  more: string = '',
): Promise<{ answer: Answer; pauses: number }> {
  let pauses = 0;
  const pause = (): Promise<void> => {
    pauses++;
    return Promise.resolve();
  };
  const bytes = await writeAnswer(result, { limit, warnings: ['S'], more: () => more }, pause);
  return { answer: JSON.parse(new TextDecoder().decode(bytes)) as Answer, pauses };
}

test('a large matrix is written in pieces, and all of it', async () => {
  const { answer, pauses } = await written(matrix(), 0, ',"stats":{"a":1}');
  expect(pauses).toBe(2);
  expect(answer.data.result.map(({ metric }) => metric.i)).toEqual(
    Array.from({ length: ROWS }, (_, i) => String(i)),
  );
  for (const [row, { values }] of answer.data.result.entries()) {
    const cells = Array.from({ length: STEPS }, (_, k) => row * STEPS + k).filter((cell) => cell % 3 !== 0);
    expect(values).toEqual(cells.map((cell) => [cell % STEPS, String(cell)]));
  }
  expect([answer.data.stats, answer.warnings, answer.infos]).toEqual([{ a: 1 }, ['S', 'W'], ['I']]);
});

test('a limit cuts rows and says so', async () => {
  const { answer } = await written(matrix(), 2);
  expect(answer.data.result.length).toBe(2);
  expect(answer.warnings).toEqual(['S', 'W', 'results truncated due to limit']);
});

test('series of samples are cut at their own bounds', async () => {
  const counts = [120_000, 80_000, 0, 160_000, 1];
  const first = Uint32Array.from([
    0,
    ...counts.map((_, i) => counts.slice(0, i + 1).reduce((a, b) => a + b)),
  ]);
  const total = first.at(-1)!;
  const { answer, pauses } = await written(
    {
      type: 'matrix',
      histograms: null,
      labels: counts.map((_, i) => labelsFromObject({ i: String(i) })),
      values: Float64Array.from({ length: total }, (_, i) => i),
      grid: null,
      first,
      times: Float64Array.from({ length: total }, (_, i) => i * 1000),
      annotations: [],
      samplesRead: 0,
    },
    0,
  );
  expect(answer.data.result.map(({ values }) => [values.length, values[0]?.[0]])).toEqual([
    [120_000, 0],
    [80_000, 120_000],
    [0, undefined],
    [160_000, 200_000],
    [1, 360_000],
  ]);
  expect(pauses).toBe(3);
});

/** Rows of samples of a range selector. */
function samples(): Result {
  const first = Uint32Array.from({ length: 121 }, (_, i) => i * 1000);
  return {
    type: 'matrix',
    histograms: null,
    labels: Array.from({ length: 120 }, (_, i) => labelsFromObject({ i: String(i) })),
    values: Float64Array.from({ length: 120_000 }, (_, i) => i / 7),
    grid: null,
    first,
    times: Float64Array.from({ length: 120_000 }, (_, i) => i * 1000),
    annotations: [],
    samplesRead: 0,
  };
}

test.for<readonly [name: string, make: () => Result]>([
  ['cells', matrix],
  ['samples', samples],
])('rows of %s are shared out to other writers, also to one that has ended', async ([, make]) => {
  const now = (): Promise<void> => Promise.resolve();
  const options = { limit: 0, warnings: [], more: () => '' };
  let moved = 0;
  const good: Writer = {
    async write(m) {
      const { rows, transfer, copiedBytes } = copyRows(m);
      moved += copiedBytes;
      return joined(await writeRows(structuredClone(rows, { transfer }), now));
    },
  };
  const ended: Writer = { write: () => Promise.reject(Object.assign(new Error('gone'), { code: 'EPIPE' })) };
  const failing: Writer = { write: () => Promise.reject(new Error('a bug')) };
  const result = make();
  const alone = await writeAnswer(result, options, now);
  const shared = await writeAnswer(result, options, now, [good, ended, good]);
  expect(new TextDecoder().decode(shared)).toBe(new TextDecoder().decode(alone));
  expect(moved).toBeGreaterThan(0);
  await expect(writeAnswer(result, options, now, [failing])).rejects.toThrow('a bug');
});

test('an empty matrix', async () => {
  const empty: Result = { ...matrix(), labels: [] } as Result;
  expect((await written(empty, 0)).answer.data).toEqual({ resultType: 'matrix', result: [] });
});
