// Writes commit after commit and says so on standard output, while the store cuts, merges, checkpoints and takes snapshots without a rest:
// `o N` before commit N is offered, `a N` once it was acknowledged, `d WHAT` for what is done beside. It ends by being killed.
import { writeSync } from 'node:fs';
import { nodeEnv } from '@munjigi/env/node';
import {
  KIND,
  appendEmptyRows,
  clearHistograms,
  growHistogramParts,
  labelsFromObject,
  newHistogramColumns,
} from '@munjigi/model';
import { openDb, type Db } from '@munjigi/tsdb';
import {
  CHURNING,
  FLOATS,
  HISTOGRAMS,
  LATE,
  churnName,
  lateTime,
  optionsOf,
  timeOf,
  valueOf,
} from './written.ts';

/** Commits that are on their way at once. */
const IN_FLIGHT = 3;

const h = newHistogramColumns();
const [path, first] = process.argv.slice(2);
const db = await openDb(nodeEnv({ logLevel: 'error' }), optionsOf(path!));
void upkeep(db);
await write(db, Number(first));

/** Written before anything else happens, also when the pipe is full. */
function say(text: string): void {
  const bytes = Buffer.from(`${text}\n`);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}

async function upkeep(store: Db): Promise<void> {
  for (;;) {
    say('d nothing else was done');
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
    say('d upkeep looked around');
    await store.upkeep();
  }
}

async function write(store: Db, from: number): Promise<never> {
  const flying: Promise<void>[] = [];
  for (let k = from; ; k++) {
    say(`o ${k}`);
    flying.push(commit(store, k).then(() => say(`a ${k}`)));
    if (flying.length >= IN_FLIGHT) await flying.shift();
    // The upkeep must get its turns.
    if (k % 8 === 0)
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
  }
}

async function commit(store: Db, k: number): Promise<void> {
  const appender = store.appender();
  const n = FLOATS + CHURNING + 2 * LATE;
  const refs = new Float64Array(n);
  const t = new Float64Array(n);
  const v = new Float64Array(n);
  let at = 0;
  const put = (name: string, n: string, time: number): void => {
    refs[at] = appender.series(labelsFromObject({ __name__: name, n, job: 'soak' }));
    t[at] = time;
    v[at++] = valueOf(Number.parseInt(n, 10), k);
  };
  for (let i = 0; i < FLOATS; i++) put('float', String(i), timeOf(k));
  for (let i = 0; i < CHURNING; i++) put('churn', churnName(i, k), timeOf(k));
  for (let i = 0; i < LATE; i++) put('late', String(i), timeOf(k));
  const late = lateTime(k);
  if (late !== null) for (let i = 0; i < LATE; i++) put('late', String(i), late);
  appender.floats(refs, t, v, null, at);
  clearHistograms(h);
  for (let i = 0; i < HISTOGRAMS; i++) {
    appendEmptyRows(h, 1);
    growHistogramParts(h, 1, 1, 0);
    h.count[i] = k + 1;
    h.sum[i] = k;
    h.zeroThreshold[i] = 0.001;
    h.positiveSpanFirst[i] = h.spans;
    h.spanOffset[h.spans] = i;
    h.spanLength[h.spans++] = 1;
    h.positiveSpanEnd[i] = h.negativeSpanFirst[i] = h.negativeSpanEnd[i] = h.spans;
    h.positiveFirst[i] = h.buckets;
    h.bucket[h.buckets++] = k + 1;
    h.positiveEnd[i] = h.negativeFirst[i] = h.negativeEnd[i] = h.buckets;
    const ref = appender.series(labelsFromObject({ __name__: 'histogram', n: String(i), job: 'soak' }));
    appender.histogram(ref, timeOf(k), KIND.histogram, h, i, 0);
  }
  const { faults } = await appender.commit();
  const fault = faults.find((f) => f !== 0);
  if (fault !== undefined) throw new Error(`commit ${k}: fault ${fault} of sample ${faults.indexOf(fault)}`);
}
