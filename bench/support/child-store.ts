// Our store in a process of its own: the side that works.
import { nodeEnv } from '@munjigi/env/node';
import { labelsFrom } from '@munjigi/model';
import { openDb, type Db } from '@munjigi/tsdb';
import { FROM_MS, INTERVAL_MS, labelsOf, nextValues } from './load.ts';
import type { StoreAnswer, StoreJob } from './store-child.ts';

let db: Db | null = null;
let refs = new Float64Array(0);
let values = new Float64Array(0);
let times = new Float64Array(0);

process.on('message', (job: StoreJob) => void answer(job));

async function answer(job: StoreJob): Promise<void> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  await carryOut(job);
  const used = process.cpuUsage(cpu);
  process.send!({
    cpu_ms: (used.user + used.system) / 1000,
    wall_ms: performance.now() - began,
    series: db?.stats().series ?? 0,
  } satisfies StoreAnswer);
  if (job.do === 'close') process.disconnect();
}

async function carryOut(job: StoreJob): Promise<void> {
  switch (job.do) {
    case 'open':
      db = await openDb(nodeEnv({ logLevel: 'error' }), { path: job.path, retention_ms: 1e13 });
      break;
    case 'append':
      await append(db!, job);
      break;
    case 'close':
      await db!.close();
      db = null;
      break;
  }
}

async function append(store: Db, job: Extract<StoreJob, { do: 'append' }>): Promise<void> {
  const { series, from, to, batch, upkeepEvery } = job;
  if (refs.length !== series) {
    refs = new Float64Array(series);
    values = new Float64Array(series);
    times = new Float64Array(batch);
  }
  for (let k = from; k < to; k++) {
    times.fill(FROM_MS + k * INTERVAL_MS);
    nextValues(values, k, 0, series);
    for (let at = 0; at < series; at += batch) {
      const n = Math.min(batch, series - at);
      const appender = store.appender();
      if (refs[at] === 0)
        for (let i = at; i < at + n; i++) refs[i] = appender.series(labelsFrom(labelsOf(i)));
      appender.floats(refs.subarray(at, at + n), times, values.subarray(at, at + n), null, n);
      const { accepted } = await appender.commit();
      if (accepted !== n) throw new Error(`${accepted} of ${n} samples were taken in scrape ${k}`);
    }
    if (upkeepEvery > 0 && k % upkeepEvery === upkeepEvery - 1) await store.upkeep();
    if (k % 8 === 0) process.send!({ part: (k - from) / (to - from) });
  }
}
