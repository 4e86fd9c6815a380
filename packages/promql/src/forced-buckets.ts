// Classic histograms whose cumulative counts fall from one bucket to the next: what is told about them, and how often Prometheus counts them.
import { formatNumber } from '@munjigi/model';
import { DATE_FUNCTIONS } from './arithmetic.ts';

/** Falling buckets of all histograms of one name. */
export interface Forced {
  /** One less than what is told; a signed 64-bit number that wraps. */
  readonly count: bigint;
  /** Least and greatest bound of a bucket that was lifted, and the greatest lift. */
  readonly minBucket: number;
  readonly maxBucket: number;
  readonly maxDiff: number;
  readonly from_ms: number;
  readonly to_ms: number;
}

/** Both as one. */
export function joinForced(a: Forced, b: Forced): Forced {
  return {
    count: BigInt.asIntN(64, a.count + b.count + 1n),
    minBucket: Math.min(a.minBucket, b.minBucket),
    maxBucket: Math.max(a.maxBucket, b.maxBucket),
    maxDiff: Math.max(a.maxDiff, b.maxDiff),
    from_ms: Math.min(a.from_ms, b.from_ms),
    to_ms: Math.max(a.to_ms, b.to_ms),
  };
}

/** Which buckets, how much and when, as Prometheus tells it. */
export function forcedDetails(f: Forced): string {
  return (
    `from buckets ${formatNumber(f.minBucket, 'g')} to ${formatNumber(f.maxBucket, 'g')}, with a max diff of ` +
    `${twoDigits(f.maxDiff)}, over ${BigInt.asIntN(64, f.count + 1n)} samples from ${utcTime(f.from_ms)} to ${utcTime(f.to_ms)}`
  );
}

/** Collects the falling buckets of one name over the steps of one call. */
export class ForcedBuckets {
  readonly #perStep: Uint32Array;
  readonly #grid: { readonly start_ms: number; readonly step_ms: number };
  #seen: Omit<Forced, 'count' | 'from_ms' | 'to_ms'> | null = null;

  constructor(steps: number, grid: { readonly start_ms: number; readonly step_ms: number }) {
    this.#perStep = new Uint32Array(steps);
    this.#grid = grid;
  }

  see(k: number, minBucket: number, maxBucket: number, maxDiff: number): void {
    this.#perStep[k]!++;
    const s = this.#seen;
    this.#seen =
      s === null
        ? { minBucket, maxBucket, maxDiff }
        : {
            minBucket: Math.min(s.minBucket, minBucket),
            maxBucket: Math.max(s.maxBucket, maxBucket),
            maxDiff: Math.max(s.maxDiff, maxDiff),
          };
  }

  /** null where no bucket fell. `told`: the call's own arguments have said the same. */
  result(told: boolean): Forced | null {
    if (this.#seen === null) return null;
    const { start_ms, step_ms } = this.#grid;
    const timeOf = (k: number): number => start_ms + k * step_ms;
    return {
      ...this.#seen,
      count: told ? countInto(this.#perStep) : countAlone(this.#perStep),
      from_ms: timeOf(this.#perStep.findIndex((n) => n > 0)),
      to_ms: timeOf(this.#perStep.findLastIndex((n) => n > 0)),
    };
  }
}

/**
 * Prometheus 3.16 keeps a call's annotations in two sets that share one object, and merges one set into the other after each step: from the
 * second time on the object is added to itself, so that the count doubles at every later step, whether buckets fall there or not. We tell
 * the same number on purpose: answers are equal to the last character.
 */
function countAlone(perStep: Uint32Array): bigint {
  let count = -1n;
  let known = false;
  for (const n of perStep) {
    count += BigInt(n);
    if (known) count = BigInt.asIntN(64, 2n * count + 1n);
    known ||= n > 0;
  }
  return count;
}

/** The same where the second set has the annotation already from the call's arguments: what has been counted so far is added at each step. */
function countInto(perStep: Uint32Array): bigint {
  let own = 0n;
  let all = 0n;
  for (const n of perStep) {
    own += BigInt(n);
    all = BigInt.asIntN(64, all + own);
  }
  return all - 1n;
}

/** Go's %.2g: two digits, with an exponent from 100 on and below 0.0001. What lies in the middle becomes even. */
function twoDigits(value: number): string {
  const tie = /^(\d\.[02468])50*(e.*)$/.exec(value.toExponential(20));
  const x = tie === null ? value : Number(tie[1]! + tie[2]!);
  if (x < 100 && x >= 1e-4) return formatNumber(Number(x.toPrecision(2)));
  const [digits, exponent] = x.toExponential(1).split('e') as [string, string];
  const power = exponent.slice(1).padStart(2, '0');
  return `${digits.replace(/\.0$/, '')}e${exponent[0]}${power}`;
}

/** RFC 3339 without fractions. */
function utcTime(t_ms: number): string {
  const seconds = Math.floor(t_ms / 1000);
  const part = (name: string): string => String(DATE_FUNCTIONS.get(name)!(seconds)).padStart(2, '0');
  const second = String(((seconds % 60) + 60) % 60).padStart(2, '0');
  return `${part('year').padStart(4, '0')}-${part('month')}-${part('day_of_month')}T${part('hour')}:${part('minute')}:${second}Z`;
}
