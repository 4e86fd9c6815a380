// Windows of `anchored` and `smoothed` selectors: they see samples outside the range, as far as the look-back, and take their values at
// the range's bounds from them instead of extrapolating. Start timestamps are not looked at.
import type { Samples, WindowFunction, Windows } from './window.ts';

/** Where a window stands in the columns; indexes only go forward from step to step. */
class Place {
  /** Samples seen: [lo, hi), from start - look-back to end, under `smoothed` to end + look-back. */
  lo = 0;
  hi = 0;
  /** First sample after the range's start, and first at or after its end. */
  #afterStart = 0;
  #atEnd = 0;
  start = 0;
  end = 0;
  readonly #s: Samples;
  readonly #w: Windows;
  readonly #smoothed: boolean;

  constructor(s: Samples, w: Windows, smoothed: boolean) {
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
    const last = this.#smoothed ? this.end + lookback : this.end;
    while (this.hi < n && t[this.hi]! <= last) this.hi++;
    while (this.lo < this.hi && t[this.lo]! <= this.start - lookback) this.lo++;
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

/** The straight line between samples i and i + 1 at a time; a counter's reset between them counts from zero. */
function between(s: Samples, i: number, t_ms: number, isCounter: boolean): number {
  const y2 = s.v[i + 1]!;
  const y1 = isCounter && y2 < s.v[i]! ? 0 : s.v[i]!;
  return y1 + ((y2 - y1) * (t_ms - s.t[i]!)) / (s.t[i + 1]! - s.t[i]!);
}

function leftValue(s: Samples, p: Place, first: number, smoothed: boolean, isCounter: boolean): number {
  return smoothed && s.t[first]! < p.start ? between(s, first, p.start, isCounter) : s.v[first]!;
}

function rightValue(s: Samples, p: Place, last: number, smoothed: boolean, isCounter: boolean): number {
  if (s.t[last]! <= p.end || last === p.lo) return s.v[last]!;
  return smoothed ? between(s, last - 1, p.end, isCounter) : s.v[last - 1]!;
}

function extendedRate(smoothed: boolean, isCounter: boolean, isRate: boolean): WindowFunction {
  return (s, w, _args, out, present, at) => {
    const p = new Place(s, w, smoothed);
    for (let k = 0; k < w.steps; k++) {
      if (!p.move(k)) continue;
      const { first, last } = p;
      if (s.t[last]! <= p.start || (smoothed && s.t[first]! > p.end)) continue;
      const left = leftValue(s, p, first, smoothed, isCounter);
      const right = rightValue(s, p, last, smoothed, isCounter);
      let result = right - left;
      if (isCounter) result += resetsBetween(s, p, first, last, left, right);
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
  right: number,
): number {
  const from = s.t[first]! <= p.start ? first + 1 : first;
  const to = s.t[last]! >= p.end ? last - 1 : last;
  let lost = 0;
  let before = left;
  for (let i = from; i <= to; i++) {
    if (s.v[i]! < before) lost += before;
    before = s.v[i]!;
  }
  return right < before ? lost + before : lost;
}

/** resets and changes of an anchored range: the sample before the range counts as its beginning. */
function anchoredCount(counts: (before: number, now: number) => boolean): WindowFunction {
  return (s, w, _args, out, present, at) => {
    const p = new Place(s, w, false);
    for (let k = 0; k < w.steps; k++) {
      if (!p.move(k) || s.t[p.hi - 1]! <= p.start) continue;
      let count = 0;
      for (let i = p.first + 1; i < p.hi; i++) if (counts(s.v[i - 1]!, s.v[i]!)) count++;
      out[at + k] = count;
      present[at + k] = 1;
    }
  };
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
  ['resets anchored', anchoredCount((before, now) => now < before)],
  ['changes anchored', anchoredCount((a, b) => a !== b && !(Number.isNaN(a) && Number.isNaN(b)))],
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
