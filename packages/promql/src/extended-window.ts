// Windows of `anchored` and `smoothed` selectors: they see samples outside the range, as far as the look-back, and take their values at
// the range's bounds from them instead of extrapolating.
import { beganAfter, beganAnew, startOf } from './start-time.ts';
import type { Samples, WindowFunction, Windows } from './window.ts';

/** Where a window stands in the columns; indexes only go forward from step to step. */
export class Place {
  /** Samples seen: [lo, hi), from start - look-back to end, under `smoothed` to end + look-back. */
  lo = 0;
  hi = 0;
  /** First sample after the range's start, and first at or after its end. */
  #afterStart = 0;
  #atEnd = 0;
  start = 0;
  end = 0;
  /** Where the look-back before the range's start begins. */
  lookback = 0;
  readonly #s: Pick<Samples, 'n' | 't'>;
  readonly #w: Windows;
  readonly #smoothed: boolean;

  constructor(s: Pick<Samples, 'n' | 't'>, w: Windows, smoothed: boolean) {
    this.#s = s;
    this.#w = w;
    this.#smoothed = smoothed;
  }

  /** Moves to step k; false where no sample is seen. */
  move(k: number): boolean {
    const { t, n } = this.#s;
    const { start_ms, step_ms, range_ms } = this.#w;
    const lookback = this.#w.lookback_ms ?? 0;
    this.end = start_ms + k * step_ms;
    this.start = this.end - range_ms;
    this.lookback = this.start - lookback;
    const last = this.#smoothed ? this.end + lookback : this.end;
    while (this.hi < n && t[this.hi]! <= last) this.hi++;
    while (this.lo < this.hi && t[this.lo]! <= this.lookback) this.lo++;
    while (this.#afterStart < n && t[this.#afterStart]! <= this.start) this.#afterStart++;
    while (this.#atEnd < n && t[this.#atEnd]! < this.end) this.#atEnd++;
    return this.hi > this.lo;
  }

  /** The sample to begin with: the last one at or before the range's start, else the first seen. */
  get first(): number {
    return Math.max(this.lo, Math.min(this.#afterStart, this.hi - 1) - 1);
  }

  /** The sample to end with: under `smoothed` the first at or after the range's end, else the last seen. */
  get last(): number {
    return this.#smoothed ? Math.max(this.lo, Math.min(this.#atEnd, this.hi - 1)) : this.hi - 1;
  }
}

/** The straight line from (t1, y1) to (t2, y2) at a time; a counter's reset between them counts from zero. */
function line(t1: number, y1: number, t2: number, y2: number, t_ms: number, isCounter: boolean): number {
  const from = isCounter && y2 < y1 ? 0 : y1;
  return from + ((y2 - from) * (t_ms - t1)) / (t2 - t1);
}

/** The straight line between samples i and i + 1 at a time. */
function between(s: Samples, i: number, t_ms: number, isCounter: boolean): number {
  return line(s.t[i]!, s.v[i]!, s.t[i + 1]!, s.v[i + 1]!, t_ms, isCounter);
}

/** Start timestamp that belongs to the value which leftValue or rightValue gave last. */
const boundary = { start_ms: 0 };

/** The value with which a range begins. A counter that, by its start timestamp, began anew near the bound is seen from zero there. */
function leftValue(s: Samples, p: Place, first: number, smoothed: boolean, isCounter: boolean): number {
  const { t, v, st } = s;
  const start_ms = startOf(st, first);
  boundary.start_ms = start_ms > p.start ? 0 : start_ms;
  if (t[first] === p.start) {
    boundary.start_ms = start_ms;
    return v[first]!;
  }
  if (t[first]! > p.start) {
    if (!isCounter || !beganAfter(p.lookback, start_ms, t[first]!)) return v[first]!;
    if (!smoothed || beganAfter(p.start, start_ms, t[first]!)) return 0;
    return line(start_ms, 0, t[first]!, v[first]!, p.start, true);
  }
  const next = startOf(st, first + 1);
  let [t1, y1, t2, y2] = [t[first]!, v[first]!, t[first + 1]!, v[first + 1]!];
  if (isCounter && beganAfter(p.start, next, t2)) [t2, y2] = [next, 0];
  else if (isCounter && beganAnew(start_ms, t1, next, t2)) {
    [t1, y1] = [next, 0];
    boundary.start_ms = next;
  }
  return smoothed ? line(t1, y1, t2, y2, p.start, isCounter) : y1;
}

/** The value with which a range ends, alike. */
function rightValue(s: Samples, p: Place, last: number, smoothed: boolean, isCounter: boolean): number {
  const { t, v, st } = s;
  const start_ms = startOf(st, last);
  boundary.start_ms = start_ms > p.end ? 0 : start_ms;
  if (t[last]! <= p.end) return v[last]!;
  if (last === p.lo) {
    if (!isCounter || !beganAfter(p.lookback, start_ms, t[last]!)) return v[last]!;
    if (!smoothed || beganAfter(p.end, start_ms, t[last]!)) return 0;
    return line(start_ms, 0, t[last]!, v[last]!, p.end, true);
  }
  const before = startOf(st, last - 1);
  let [t1, y1, t2, y2] = [t[last - 1]!, v[last - 1]!, t[last]!, v[last]!];
  if (isCounter && beganAfter(p.end, start_ms, t2)) {
    [t2, y2] = [start_ms, 0];
    boundary.start_ms = before;
  } else if (isCounter && beganAnew(before, t1, start_ms, t2)) [t1, y1] = [start_ms, 0];
  return smoothed ? line(t1, y1, t2, y2, p.end, isCounter) : y1;
}

function extendedRate(smoothed: boolean, isCounter: boolean, isRate: boolean): WindowFunction {
  return (s, w, _args, out, present, at) => {
    const p = new Place(s, w, smoothed);
    for (let k = 0; k < w.steps; k++) {
      if (!p.move(k)) continue;
      const { first, last } = p;
      if (s.t[last]! <= p.start) continue;
      if (smoothed && s.t[first]! > p.end) {
        // Nothing before the range's end: only a start timestamp inside the look-back tells how the counter rose to here.
        const start_ms = startOf(s.st, first);
        if (!isCounter || !beganAfter(p.lookback, start_ms, s.t[first]!)) continue;
        if (beganAfter(p.end, start_ms, s.t[first]!)) continue;
      }
      const left = leftValue(s, p, first, smoothed, isCounter);
      const leftStart_ms = boundary.start_ms;
      const right = rightValue(s, p, last, smoothed, isCounter);
      let result = right - left;
      if (isCounter) result += resetsBetween(s, p, first, last, left, leftStart_ms, right, boundary.start_ms);
      out[at + k] = isRate ? result / (w.range_ms / 1000) : result;
      present[at + k] = 1;
    }
  };
}

/** What the counter lost in resets strictly inside the range. */
function resetsBetween(
  s: Samples,
  p: Place,
  first: number,
  last: number,
  left: number,
  leftStart_ms: number,
  right: number,
  rightStart_ms: number,
): number {
  const from = s.t[first]! <= p.start ? first + 1 : first;
  const to = s.t[last]! >= p.end ? last - 1 : last;
  let lost = 0;
  let before = left;
  let before_ms = p.start;
  let beforeStart_ms = leftStart_ms;
  for (let i = from; i <= to; i++) {
    const start_ms = startOf(s.st, i);
    if (s.v[i]! < before || beganAnew(beforeStart_ms, before_ms, start_ms, s.t[i]!)) lost += before;
    before = s.v[i]!;
    before_ms = s.t[i]!;
    beforeStart_ms = start_ms;
  }
  return right < before || beganAnew(beforeStart_ms, before_ms, rightStart_ms, p.end) ? lost + before : lost;
}

/** resets and changes of an anchored range: the sample before the range counts as its beginning. */
function anchoredCount(counts: (s: Samples, i: number) => boolean): WindowFunction {
  return (s, w, _args, out, present, at) => {
    const p = new Place(s, w, false);
    for (let k = 0; k < w.steps; k++) {
      if (!p.move(k) || s.t[p.hi - 1]! <= p.start) continue;
      let count = 0;
      for (let i = p.first + 1; i < p.hi; i++) if (counts(s, i)) count++;
      out[at + k] = count;
      present[at + k] = 1;
    }
  };
}

function isReset({ t, v, st }: Samples, i: number): boolean {
  return v[i]! < v[i - 1]! || beganAnew(startOf(st, i - 1), t[i - 1]!, startOf(st, i), t[i]!);
}

function isChange({ v }: Samples, i: number): boolean {
  return v[i] !== v[i - 1] && !(Number.isNaN(v[i]!) && Number.isNaN(v[i - 1]!));
}

/** An instant selector between its neighbours: the straight line where there are two, else the one before. */
const smoothedInstant: WindowFunction = (s, w, _args, out, present, at) => {
  const { t, v, n } = s;
  const { range_ms } = w;
  let i = 0;
  for (let k = 0; k < w.steps; k++) {
    const time = w.start_ms + k * w.step_ms;
    while (i < n && t[i]! < time) i++;
    const next = i < n && t[i]! <= time + range_ms;
    const before = i > 0 && t[i - 1]! > time - range_ms;
    if (next && t[i] === time) out[at + k] = v[i]!;
    else if (!before) continue;
    else out[at + k] = next ? between(s, i - 1, time, false) : v[i - 1]!;
    present[at + k] = 1;
  }
};

/** Functions of extended windows by name; `smoothed` alone is the instant selector. */
export const EXTENDED_FUNCTIONS: ReadonlyMap<string, WindowFunction> = new Map<string, WindowFunction>([
  ['rate anchored', extendedRate(false, true, true)],
  ['increase anchored', extendedRate(false, true, false)],
  ['delta anchored', extendedRate(false, false, false)],
  ['rate smoothed', extendedRate(true, true, true)],
  ['increase smoothed', extendedRate(true, true, false)],
  ['delta smoothed', extendedRate(true, false, false)],
  ['resets anchored', anchoredCount(isReset)],
  ['changes anchored', anchoredCount(isChange)],
  ['last smoothed', smoothedInstant],
]);

/** The samples of an extended range as a whole query shows them: those inside, and one at each bound. In place. */
export function extendSamples(s: Samples, w: Windows, smoothed: boolean): void {
  const p = new Place(s, w, smoothed);
  const seen = p.move(0);
  const { first, last } = p;
  if (!seen || s.t[last]! <= p.start) {
    s.n = 0;
    return;
  }
  const left = leftValue(s, p, first, smoothed, false);
  const right = rightValue(s, p, last, smoothed, false);
  const from = s.t[first]! <= p.start ? first + 1 : first;
  const to = s.t[last]! >= p.end ? last - 1 : last;
  const inside = Math.max(0, to - from + 1);
  const t = [p.start, ...s.t.subarray(from, from + inside), p.end];
  const v = [left, ...s.v.subarray(from, from + inside), right];
  s.t = Float64Array.from(t);
  s.v = Float64Array.from(v);
  s.bits = new Uint32Array(s.v.buffer);
  s.n = t.length;
}
