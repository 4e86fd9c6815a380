import { labelsFromObject } from '@munjigi/model';
import type { Result } from '@munjigi/promql';
import { expect, test } from 'vitest';
import { createBuffers } from './buffers.ts';
import { joined } from './request.ts';
import { answerPieces, copyRows, writeRows, type AnswerParts, type Writer } from './write-answer.ts';

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

async function writeAnswer(
  result: Result,
  parts: AnswerParts,
  pause: () => Promise<void>,
  writers: readonly Writer[] = [],
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of answerPieces(result, parts, pause, createBuffers(1e7), writers))
    pieces.push(piece);
  return joined(pieces);
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
  expect(pauses).toBe(9);
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

test('ten annotations of a kind are shown, and how many more there are', async () => {
  const annotations = Array.from({ length: 12 }, (_, i) => ({ severity: 'info' as const, message: `I${i}` }));
  const { answer } = await written({ ...matrix(), annotations }, 1);
  expect(answer.warnings).toEqual(['S', 'results truncated due to limit']);
  expect(answer.infos?.slice(8)).toEqual(['I8', 'I9', '2 more info annotations omitted']);
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
  // Long rows are cut inside.
  expect(pauses).toBe(13);
});

/** Rows of samples of a range selector. */
function samples(): Result {
  const first = Uint32Array.from({ length: 201 }, (_, i) => i * 1000);
  return {
    type: 'matrix',
    histograms: null,
    labels: Array.from({ length: 200 }, (_, i) => labelsFromObject({ i: String(i) })),
    values: Float64Array.from({ length: 200_000 }, (_, i) => i / 7),
    grid: null,
    first,
    times: Float64Array.from({ length: 200_000 }, (_, i) => i * 1000),
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
    async write(m, into) {
      const { rows, transfer, copiedBytes } = copyRows(m);
      moved += copiedBytes;
      return writeRows(structuredClone(rows, { transfer }), () => into);
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

test('answers at the same time use the same bytes, one after another', async () => {
  const now = (): Promise<void> => Promise.resolve();
  const options = { limit: 0, warnings: [], more: () => '' };
  const buffers = createBuffers(1e7);
  const results = [matrix(), samples(), matrix(), samples()];
  const wanted = await Promise.all(results.map((r) => writeAnswer(r, options, now)));
  const used = new Set<ArrayBuffer>();
  const got = results.map((): Uint8Array[] => []);
  const running = results.map((r) => answerPieces(r, options, now, buffers));
  for (let left = running.length; left > 0;) {
    left = 0;
    const taken = await Promise.all(running.map((pieces) => pieces.next()));
    for (const [i, { done, value }] of taken.entries()) {
      if (done === true) continue;
      left++;
      used.add(value.buffer);
      got[i]!.push(value.slice());
      // Whoever writes to what was given back must not change what is still looked at.
      value.fill(0);
      buffers.give(value);
    }
  }
  expect(got.map((pieces) => joined(pieces))).toEqual(wanted);
  expect(used.size).toBeLessThan(got.flat().length / 2);
});

test('an empty matrix', async () => {
  const empty: Result = { ...matrix(), labels: [] } as Result;
  expect((await written(empty, 0)).answer.data).toEqual({ resultType: 'matrix', result: [] });
});

test('no more is made than was taken, but for what each writer has at hand', async () => {
  let [made, taken, most] = [0, 0, 0];
  const writer: Writer = {
    async write(rows) {
      const bytes = writeRows(rows);
      made += bytes.length;
      most = Math.max(most, made - taken);
      return Promise.resolve(bytes);
    },
  };
  // 40 rows of 11,000 points: some 15 MB.
  const steps = 11_000;
  const rows: Result = {
    type: 'matrix',
    histograms: null,
    labels: Array.from({ length: 40 }, (_, i) => labelsFromObject({ i: String(i) })),
    values: Float64Array.from({ length: 40 * steps }, (_, i) => i / 3),
    present: new Uint8Array(40 * steps).fill(1),
    grid: { start_ms: 0, step_ms: 1000, steps },
    annotations: [],
    samplesRead: 0,
  };
  let total = 0;
  const parts = { limit: 0, warnings: [], more: () => '' };
  const now = (): Promise<void> => Promise.resolve();
  const pieces = answerPieces(rows, parts, now, createBuffers(1e7), [writer, writer]);
  for await (const piece of pieces) {
    total += piece.length;
    taken += piece.length;
    // A client that is slow: everything that can be made meanwhile is.
    await new Promise(setImmediate);
    expect(piece.length).toBeLessThan(4_000_000);
  }
  expect(total).toBeGreaterThan(10_000_000);
  expect(most).toBeLessThan(8_000_000);
});
