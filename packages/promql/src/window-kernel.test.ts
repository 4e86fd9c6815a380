import { setStale } from '@munjigi/model';
import { expect, test } from 'vitest';
import { Dice } from './fuzz-parse.ts';
import { sharedColumn } from './window-kernel.ts';
import { dropStale, WINDOW_FUNCTIONS, type Samples } from './window.ts';

const FUNCTIONS = ['last', 'rate', 'increase', 'delta', 'sum_over_time', 'avg_over_time'];
const KINDS = ['counter', 'gauge', 'wild'] as const;

/** Samples with gaps, in every second series at a fixed interval otherwise, and, of counters, resets; wild ones hold infinities, NaN, zeros of both signs and sizes of all kinds. */
function series(random: Dice, kind: (typeof KINDS)[number], n: number): { t: number[]; v: number[] } {
  const t: number[] = [];
  const v: number[] = [];
  const jitter_ms = random.below(2) === 0 ? 200 : 1;
  let time = 0;
  let value = 0;
  for (let i = 0; i < n; i++) {
    time += random.below(20) === 0 ? random.below(400_000) + 1 : 15_000 + random.below(jitter_ms);
    if (kind === 'counter') value = random.below(30) === 0 ? random.below(5) : value + random.below(50);
    else if (kind === 'gauge') value = (random.below(2 ** 30) - 2 ** 29) / 7;
    else {
      const odd = [Infinity, -Infinity, NaN, 0, -0, 1e308, -1e308, 5e-324];
      value = random.below(4) === 0 ? odd[random.below(odd.length)]! : random.below(1000) ** 7;
    }
    t.push(time);
    v.push(value);
  }
  return { t, v };
}

function bitsOf(values: Float64Array, present: Uint8Array): string[] {
  const view = new DataView(values.buffer);
  return Array.from(present, (there, k) => {
    if (there === 0) return '';
    // NaN is NaN: which one is the machine's choice.
    return Number.isNaN(values[k]!) ? 'NaN' : view.getBigUint64(8 * k).toString(16);
  });
}

test.each(FUNCTIONS)('%s gives the same bits with and without the kernel', (func) => {
  const random = new Dice(7 + func.length);
  const f = WINDOW_FUNCTIONS.get(func)!;
  for (let round = 0; round < 150; round++) {
    const { t, v } = series(random, KINDS[round % 3]!, random.below(120));
    const n = t.length;
    const shared = sharedColumn();
    shared.t.set(t);
    shared.v.set(v);
    shared.n = n;
    const values = Float64Array.from(v);
    const plain: Samples = {
      n,
      t: Float64Array.from(t),
      v: values,
      bits: new Uint32Array(values.buffer),
      st: null,
    };
    if (func === 'last' && n > 3) for (const bits of [shared.bits, plain.bits]) setStale(bits, n >> 1);
    const steps = 1 + random.below(40);
    const step_ms = [15_000, 60_000, 7_001, 400_000][random.below(4)]!;
    const windows = {
      start_ms: random.below(200_000) - 50_000,
      step_ms,
      steps,
      range_ms: [60_000, 300_000, 1_800_000][random.below(3)]!,
    };
    const cells = [shared, plain].map((s) => {
      const out = new Float64Array(steps);
      const present = new Uint8Array(steps);
      f(s, windows, [], out, present, 0);
      return bitsOf(out, present);
    });
    expect(cells[0], `round ${round}`).toEqual(cells[1]);
  }
});

test('marks are found wherever they stand', () => {
  for (let n = 0; n < 12; n++) {
    for (let mark = -1; mark < n; mark++) {
      const s = sharedColumn();
      for (let i = 0; i < n; i++) {
        s.t[i] = i;
        s.v[i] = i;
      }
      s.n = n;
      if (mark >= 0) setStale(s.bits, mark);
      dropStale(s);
      expect(s.n).toBe(mark < 0 ? n : n - 1);
    }
  }
});

test('a series larger than the kernel holds is worked on without it', () => {
  const s = sharedColumn();
  expect(s.t.length).toBeGreaterThan(1000);
  const t = Float64Array.from({ length: s.t.length + 1 }, (_, i) => i * 1000);
  const out = new Float64Array(1);
  const present = new Uint8Array(1);
  const big: Samples = { n: t.length, t, v: t, bits: new Uint32Array(t.buffer), st: null };
  const windows = { start_ms: t.at(-1)!, step_ms: 1, steps: 1, range_ms: 60_000 };
  WINDOW_FUNCTIONS.get('increase')!(big, windows, [], out, present, 0);
  expect([present[0], out[0]]).toEqual([1, 60_000]);
});
