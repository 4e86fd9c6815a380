// What the writer writes in commit k, so that the reader knows it without being told: floats of series that come and go, late samples,
// histograms. And the reading of it.
import { nodeEnv } from '@munjigi/env/node';
import { KIND, SymbolReader, newColumn, type Column } from '@munjigi/model';
import { openChunkReader, openDb, withBlocks, type DbOptions } from '@munjigi/tsdb';

const FROM_MS = 1_700_006_400_000;
export const STEP_MS = 15_000;
export const FLOATS = 30;
/** Live through `LIFE` commits each. */
export const CHURNING = 6;
const LIFE = 50;
/** Get a sample of an earlier time with every fourth commit. */
export const LATE = 4;
export const LATE_EVERY = 4;
const LATE_BY_MS: number = 3 * STEP_MS - 1;
export const HISTOGRAMS = 2;

/** Small ranges and segments, so that cuts, merges, checkpoints and snapshots happen all the time. */
export function optionsOf(path: string): DbOptions {
  return {
    path,
    minBlock_ms: 20 * 60_000,
    maxBlock_ms: 180 * 60_000,
    retention_ms: 1e13,
    outOfOrderWindow_ms: 10 * 60_000,
    segmentBytes: 64 * 1024,
    snapshotInterval_ms: 250,
    interval_ms: 2 ** 31 - 1,
  };
}

export function timeOf(k: number): number {
  return FROM_MS + k * STEP_MS;
}

export function valueOf(series: number, k: number): number {
  return ((k * 31 + series * 7) % 1009) + (series % 2) / 2;
}

/** The name of churning series i at commit k. */
export function churnName(i: number, k: number): string {
  return `${i}-${Math.floor((k + i * 8) / LIFE)}`;
}

/** The time of the late sample of commit k; null: it has none. */
export function lateTime(k: number): number | null {
  return k % LATE_EVERY === 0 && k >= 3 ? timeOf(k) - LATE_BY_MS : null;
}

export interface Found {
  readonly samples: number;
  /** The commit to go on with. */
  readonly next: number;
  readonly problem: string | null;
}

/**
 * Starts on the folder, as its owner or as a reader that changes nothing: commits [0, acknowledged) must be there whole and once, those up to
 * `offered` whole or not at all (late samples have a log of their own, which is written first: they may be there alone), and nothing else.
 */
export async function verifyWritten(
  path: string,
  acknowledged: number,
  offered: number,
  readOnly: boolean,
): Promise<Found> {
  const env = nodeEnv({ logLevel: 'error' });
  const db = await openDb(env, { ...optionsOf(path), readOnly });
  try {
    const { problems } = db.walReplay();
    if (db.aside().length > 0) return wrong(`a block is unreadable: ${JSON.stringify(db.aside())}`);
    const querier = withBlocks(env, db, { cacheBytes: 8 * 1024 * 1024 }).querier();
    try {
      const selection = await querier.select(-Infinity, Infinity, [
        { name: '__name__', op: '!=', value: '' },
      ]);
      if (selection.warnings.length > 0) return wrong(selection.warnings.join('; '));
      const reader = openChunkReader(env.files);
      await reader.load(selection, 0, selection.count);
      const symbols = new SymbolReader(selection.symbols);
      const tally = newTally(offered);
      const column = newColumn();
      let before = '';
      for (let i = 0; i < selection.count; i++) {
        const labels: Record<string, string> = {};
        for (let at = selection.labelFirst[i]!; at < selection.labelFirst[i + 1]!; at += 2)
          labels[symbols.text(selection.labelSymbols[at]!)] = symbols.text(selection.labelSymbols[at + 1]!);
        const text = JSON.stringify(labels);
        if (text === before) return wrong(`${text} is there twice`);
        before = text;
        reader.series(selection, i, -Infinity, Infinity, column);
        const problem = tally.count(labels['__name__']!, labels['n']!, column);
        if (problem !== null) return wrong(`${text}: ${problem}`);
      }
      const { next, problem } = tally.judge(acknowledged);
      const torn = problems.find(({ severity }) => severity === 'error');
      return {
        samples: tally.samples(),
        next,
        problem: problem ?? (torn === undefined ? null : torn.message),
      };
    } finally {
      querier.close();
    }
  } finally {
    await db.close();
  }
}

function wrong(problem: string): Found {
  return { samples: 0, next: 0, problem };
}

interface Tally {
  /** null, or what is wrong with a sample of the series. */
  count(name: string, n: string, c: Column): string | null;
  judge(acknowledged: number): { next: number; problem: string | null };
  samples(): number;
}

function newTally(offered: number): Tally {
  const counts = new Uint32Array(offered);
  const lateCounts = new Uint32Array(offered);
  let samples = 0;
  return {
    samples: () => samples,
    count(name, n, c): string | null {
      for (let i = 0; i < c.n; i++) {
        const t = c.t[i]!;
        if (i > 0 && t <= c.t[i - 1]!) return `sample ${i} at ${t} is not after the one before`;
        const late = name === 'late' && (t - FROM_MS) % STEP_MS !== 0;
        const k = (t + (late ? LATE_BY_MS : 0) - FROM_MS) / STEP_MS;
        if (!Number.isInteger(k) || k < 0 || k >= offered) return `a sample at ${t} was never offered`;
        const problem = check(name, n, c, i, k);
        if (problem !== null) return `commit ${k}: ${problem}`;
        counts[k]!++;
        if (late) lateCounts[k]!++;
      }
      samples += c.n;
      return null;
    },
    judge(acknowledged): { next: number; problem: string | null } {
      let next = 0;
      for (let k = 0; k < offered; k++) {
        const whole = FLOATS + CHURNING + LATE + HISTOGRAMS + (lateTime(k) === null ? 0 : LATE);
        if (counts[k] === whole) {
          if (k !== next) return { next, problem: `commit ${k} is there, ${next} is not` };
          next = k + 1;
        } else if (k < acknowledged)
          return {
            next,
            problem: `commit ${k} of ${acknowledged} acknowledged ones has ${counts[k]} of ${whole} samples`,
          };
        else if (counts[k] !== 0 && (counts[k] !== LATE || lateCounts[k] !== LATE))
          return { next, problem: `commit ${k} is there in part: ${counts[k]} of ${whole} samples` };
      }
      return { next, problem: null };
    },
  };
}

function check(name: string, n: string, c: Column, i: number, k: number): string | null {
  const histogram = c.kind !== null && c.kind[i] !== KIND.float;
  if (histogram !== (name === 'histogram')) return `it is ${histogram ? 'a' : 'no'} histogram`;
  if (histogram) {
    const { h } = c;
    const is = h!.bucket[h!.positiveFirst[i]!];
    return h!.count[i] === k + 1 && is === k + 1
      ? null
      : `a histogram of ${h!.count[i]}, ${is} in its first bucket, instead of ${k + 1}`;
  }
  if (name === 'churn' && churnName(Number.parseInt(n, 10), k) !== n) return `series ${n} did not live then`;
  const want = valueOf(Number.parseInt(n, 10), k);
  return c.v[i] === want ? null : `its value is ${c.v[i]}, ${want} was written`;
}
