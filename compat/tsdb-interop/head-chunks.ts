// The chunks of the head, ours and Prometheus': the same samples given to both, the files of chunks_head compared chunk by chunk.
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeEnv } from '@munjigi/env/node';
import { Prng } from '@munjigi/env/sim';
import { KIND, labelsFromObject } from '@munjigi/model';
import { openHead } from '@munjigi/tsdb';
import { randomHistory } from '../../packages/tsdb/src/testing/histories.ts';
import { scanHeadChunks } from '../../packages/tsdb/src/wal/head-chunk-scan.ts';
import { headChunkFile } from '../../packages/tsdb/src/wal/head-chunks.ts';
import { FROM_MS, OUT_OF_ORDER_MS, must, type CaseContext } from './acts.ts';
import { appendRows, findRows } from './ours.ts';
import { TsdbPeer } from './peer.ts';
import type { Selector } from './remote-read.ts';
import { STALE, hexOf, histogramOf, type FoundSeries, type Histogram, type Row } from './samples.ts';

export interface ChunkPlan {
  readonly seed: number;
  readonly step_ms: number;
  /** Start times are given, and the encodings that keep them. */
  readonly startTimes: boolean;
  readonly outOfOrder: boolean;
}

/** Rows in commits, each series in time order (but for what is late); null where a series has none. */
interface Commits {
  readonly labels: readonly Readonly<Record<string, string>>[];
  readonly rows: readonly (readonly Row[])[];
}

const RANGE_MS = 7_200_000;
const SERIES = 28;
const STEPS = 300;

/** Fails unless every histogram chunk in the files of both has the same samples, layout, header and bytes. */
export async function sameHeadChunks(c: CaseContext, plan: ChunkPlan): Promise<void> {
  const work = commitsOf(plan);
  const ours = join(c.dir, 'ours');
  const theirs = join(c.dir, 'theirs');
  mkdirSync(ours, { recursive: true });
  c.say('writing');
  const outOfOrder_ms = plan.outOfOrder ? OUT_OF_ORDER_MS : 0;
  const head = await openHead(nodeEnv({ logLevel: 'error' }), {
    path: ours,
    chunkRange_ms: RANGE_MS,
    sweepInterval_ms: 2 ** 31 - 1,
    xor2: plan.startTimes,
    outOfOrderWindow_ms: outOfOrder_ms,
  });
  let found: FoundSeries[];
  try {
    const labels = work.labels.map(labelsFromObject);
    for (const rows of work.rows) await appendRows(head, labels, rows);
    found = await findRows(head, EVERYTHING, layoutText);
    await head.flushChunks();
  } finally {
    await head.close();
  }
  const { startTimes } = plan;
  const options = {
    xor2: startTimes,
    st: startTimes,
    histogram_st: startTimes,
    out_of_order_ms: outOfOrder_ms,
  };
  const peer = await TsdbPeer.open(c.peers.tsdbPeer!, theirs, { range_ms: RANGE_MS, ...options });
  try {
    await peer.series(work.labels);
    for (const rows of work.rows) await peer.append(rows);
    must('what a query finds', found, await peer.dump(EVERYTHING.mint, EVERYTHING.maxt, layoutText));
    await peer.do('mmap');
    await peer.end();
  } finally {
    await peer.kill();
  }
  c.say('comparing');
  const got = await histogramChunks(ours);
  const want = await histogramChunks(theirs);
  if (want.size === 0) throw new Error('there are no chunks to compare');
  for (const [series, list] of want) {
    const mine = got.get(series) ?? [];
    list.forEach((chunk, i) => {
      if (mine[i] !== chunk)
        throw new Error(
          `chunk ${i} of ${JSON.stringify(work.labels[series - 1])}: is ${mine[i] ?? 'missing'}, should be ${chunk}`,
        );
    });
    // A full group of late samples is closed at once here, there when the next one comes.
    const more = mine.slice(list.length).find((chunk) => !chunk.startsWith(LATE));
    if (more !== undefined)
      throw new Error(`${JSON.stringify(work.labels[series - 1])}: ${more} should not be there`);
  }
}

const LATE = 'late ';

/** By series, a line for each chunk of histograms, in the order in which they ended. */
async function histogramChunks(dir: string): Promise<Map<number, string[]>> {
  const { files } = nodeEnv();
  const path = join(dir, 'chunks_head');
  const contents = new Map<number, Buffer>();
  const found: { ref: number; late: boolean; text: string }[] = [];
  const { problems } = await scanHeadChunks(
    files,
    path,
    ({ ref, mint, maxt, encoding, samples, file, offset, bytes, outOfOrder }) => {
      if (!HISTOGRAMS.has(encoding)) return '';
      let content = contents.get(file);
      if (content === undefined) contents.set(file, (content = readFileSync(headChunkFile(path, file))));
      const data = content.subarray(offset, offset + bytes);
      const late = outOfOrder ? LATE : '';
      // In its encodings with start times the first bits of the data count the samples.
      const text = `${late}${mint} to ${maxt}, ${samples} samples, encoding ${encoding}, ${bytes} bytes ${data.toString('hex')}`;
      found.push({ ref, late: outOfOrder, text });
      return '';
    },
    { repair: false, rest: () => Promise.resolve() },
  );
  if (problems.length > 0) throw new Error(`${path}: ${problems[0]!.message}`);
  found.sort((a, b) => a.ref - b.ref || Number(a.late) - Number(b.late));
  const by = new Map<number, string[]>();
  for (const { ref, text } of found) {
    const list = by.get(ref);
    if (list === undefined) by.set(ref, [text]);
    else list.push(text);
  }
  return by;
}

/** The schema of custom buckets. */
const CUSTOM = -53;

const EVERYTHING: Selector = {
  mint: FROM_MS,
  maxt: FROM_MS + 86_400_000,
  matchers: [{ name: '__name__', op: '=', value: 'h' }],
};

/** A sample with everything that a query sees of it: also its hint, how its spans are cut, and its empty buckets. */
function layoutText({ t, v, h }: Omit<Row, 's'>): string {
  if (h === undefined) return `${t} ${v}`;
  const { positive, negative, positive_spans, negative_spans, hint, sum } = h;
  return `${t} ${sum} hint ${hint} ${JSON.stringify([positive_spans ?? [], positive ?? [], negative_spans ?? [], negative ?? []])}`;
}

const HISTOGRAMS: ReadonlySet<number> = new Set([2, 3, 5, 6]);

function commitsOf(plan: ChunkPlan): Commits {
  const random = new Prng(plan.seed, 'head chunks');
  const labels: Record<string, string>[] = [];
  const rows: Row[][] = Array.from({ length: STEPS + 1 }, () => []);
  /** In commits of their own, after those of the step. */
  const lateRows: Row[][] = Array.from({ length: STEPS }, () => []);
  for (let s = 0; s < SERIES; s++) {
    const shape = SHAPES[s % SHAPES.length]!;
    labels.push({ __name__: 'h', shape: shape.name, n: String(s) });
    const next = shape.histograms(random);
    const marks = random.chance(0.5);
    const lossy = random.chance(0.3) ? 0.2 : 0;
    const jitter = random.chance(0.5) ? random.below(plan.step_ms / 2) : 0;
    const starts = plan.startTimes && random.chance(0.7);
    const late = plan.outOfOrder && random.chance(0.7);
    let st = FROM_MS - 1 - random.below(1e6);
    let floats = false;
    for (let i = 0; i < STEPS; i++) {
      // All series begin at once, so that both number them alike.
      const first = i === 0;
      if (!first && lossy > 0 && random.chance(lossy)) continue;
      const t = FROM_MS + i * plan.step_ms + (jitter > 0 ? random.below(jitter) : 0);
      if (!first && shape.mixed && random.chance(0.05)) floats = !floats;
      if (!first && marks && random.chance(0.02)) {
        // A staleness mark of a float stands for one of the newest sample's kind.
        rows[i]!.push({ s, t, v: STALE });
        continue;
      }
      if (random.chance(0.05)) st = t - random.below(plan.step_ms);
      const row = { s, t, ...(floats ? { v: hexOf(i) } : { h: next() }), ...(starts ? { st } : {}) };
      // Late ones wait for a while, and then come one in a commit, which takes floats first.
      const wait = 1 + random.below(Math.floor((OUT_OF_ORDER_MS * 0.8) / plan.step_ms));
      const commit = !first && late && random.chance(0.3) ? lateRows[i + wait] : undefined;
      if (commit === undefined || commit.some((other) => other.s === s)) rows[i]!.push(row);
      else commit.push(row);
    }
    // Ends the last chunk, and is not compared itself.
    rows[STEPS]!.push({ s, t: FROM_MS + STEPS * plan.step_ms + 2 * RANGE_MS, v: hexOf(0) });
  }
  return {
    labels,
    rows: rows.flatMap((step, i) => [step, lateRows[i] ?? []]).filter(({ length }) => length > 0),
  };
}

interface Shape {
  readonly name: string;
  readonly mixed?: true;
  readonly histograms: (random: Prng) => () => Histogram;
}

/** Everything happens all the time: schemas, thresholds, hints, gauges, custom bounds, wide counts, spans cut in odd ways. */
function wild(kind: number): Shape['histograms'] {
  return (random) => {
    const { h } = randomHistory(random, kind, STEPS, false);
    let at = 0;
    return () => {
      const { bounds = [], ...rest } = histogramOf(h, at++, kind);
      return rest.schema === CUSTOM ? { ...rest, bounds } : rest;
    };
  };
}

/** Grows as a counter does: seldom a new bucket, a reset, or an empty bucket more or less. */
function calm(float: boolean, hint: number, custom: boolean, size: number): Shape['histograms'] {
  return (random) => {
    let counts = new Map<number, number>();
    let schema = custom ? CUSTOM : random.below(5);
    let threshold = custom ? 0 : 0.001;
    let zero = 0;
    let sum = 0;
    const bounds = Array.from({ length: custom ? size : 0 }, (_, i) => i + 1);
    return () => {
      if (random.chance(0.01)) {
        counts = new Map();
        zero = 0;
        sum = 0;
      }
      if (!custom && random.chance(0.005)) schema = (schema + 1) % 5;
      if (!custom && random.chance(0.005)) threshold *= 2;
      for (let n = random.below(size); n >= 0; n--) {
        const index = Math.min(random.below(size), random.below(size), random.below(size));
        counts.set(index, (counts.get(index) ?? 0) + (random.chance(0.05) ? 0 : 1 + random.below(1000)));
      }
      if (hint === 3 && counts.size > 2 && random.chance(0.3)) counts.delete([...counts.keys()][0]!);
      for (const [index, count] of counts) if (count === 0 && random.chance(0.3)) counts.delete(index);
      if (!custom) zero += random.below(3);
      sum += random.between(0, 10);
      const spans: [number, number][] = [];
      const positive: number[] = [];
      let next = 0;
      for (const [index, count] of [...counts].sort(([a], [b]) => a - b)) {
        const last = spans.at(-1);
        if (last !== undefined && index === next) last[1]++;
        else spans.push([index - next, 1]);
        next = index + 1;
        positive.push(float ? count / 3 : count);
      }
      const count = positive.reduce((all, n) => all + n, zero);
      return {
        float,
        hint,
        schema,
        zero_threshold: threshold,
        zero_count: zero,
        count: hexOf(count),
        sum: hexOf(sum),
        positive_spans: spans,
        positive,
        ...(custom ? { bounds } : {}),
      };
    };
  };
}

const SHAPES: readonly Shape[] = [
  { name: 'wild', histograms: wild(KIND.histogram) },
  { name: 'wild float', histograms: wild(KIND.floatHistogram) },
  { name: 'wild mixed', mixed: true, histograms: wild(KIND.histogram) },
  { name: 'wild mixed float', mixed: true, histograms: wild(KIND.floatHistogram) },
  { name: 'calm', histograms: calm(false, 0, false, 8) },
  { name: 'calm float', histograms: calm(true, 0, false, 8) },
  { name: 'large', histograms: calm(false, 0, false, 150) },
  { name: 'large float', histograms: calm(true, 0, false, 150) },
  { name: 'custom', histograms: calm(false, 0, true, 12) },
  { name: 'custom float', histograms: calm(true, 0, true, 12) },
  { name: 'gauge', histograms: calm(false, 3, false, 12) },
  { name: 'gauge float', histograms: calm(true, 3, false, 12) },
  { name: 'mixed', mixed: true, histograms: calm(false, 0, false, 8) },
  { name: 'mixed float', mixed: true, histograms: calm(true, 0, false, 8) },
];
