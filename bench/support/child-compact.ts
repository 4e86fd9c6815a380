// A store that is written to while it cuts, compacts, checkpoints and takes snapshots, and times of every commit: in a process of its own.
import { nodeEnv } from '@munjigi/env/node';
import { labelsFrom } from '@munjigi/model';
import { openDb, type Db } from '@munjigi/tsdb';
import { FROM_MS, labelsOf, nextValues } from './load.ts';

export interface CompactJob {
  readonly path: string;
  readonly series: number;
  readonly hours: number;
  readonly step_ms: number;
}

/** Times in ms. */
export interface Spread {
  readonly n: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export type CompactMessage =
  /** The part of all that is written, and whether upkeep goes on (its memory is watched then). */
  | { readonly part: number; readonly upkeep: boolean }
  | {
      /** Commits without and with upkeep beside. */
      readonly alone: Spread;
      readonly beside: Spread;
      /** How long the thread did not come to its next turn, beside upkeep, without commits of its own in between. */
      readonly holds: Spread;
      /** The same in CPU time of the thread: without what other processes and the disk kept it from. */
      readonly holdsCpu: Spread;
      readonly blocks: readonly string[];
      readonly upkeep_ms: number;
    };

const BATCH = 5000;
/** Beside upkeep a commit comes this often: a target with 5,000 series each, as many as real scrapes would bring in this time or more. */
const PACE_MS = 20;
const UPKEEP_EVERY_MS = 15 * 60_000;

process.on('message', (job: CompactJob) => void run(job));

function send(message: CompactMessage): void {
  process.send!(message);
}

async function run(job: CompactJob): Promise<void> {
  const db = await openDb(nodeEnv({ logLevel: 'warn' }), {
    path: job.path,
    retention_ms: 1e13,
    interval_ms: 2 ** 31 - 1,
  });
  const writer = new Writer(db, job);
  const alone: number[] = [];
  const beside: number[] = [];
  const holds: Holds = { wall: [], cpu: [] };
  let upkeep_ms = 0;
  const steps = Math.floor((job.hours * 3_600_000) / job.step_ms);
  let due = UPKEEP_EVERY_MS;
  while (writer.step < steps) {
    await writer.commit(alone);
    const now = writer.step * job.step_ms;
    if (now < due || writer.place !== 0) continue;
    due = now + UPKEEP_EVERY_MS;
    send({ part: writer.step / steps, upkeep: true });
    const began = performance.now();
    let busy = true;
    const done = db.upkeep().finally(() => {
      busy = false;
    });
    await turns(
      () => busy,
      holds,
      () => writer.commit(beside),
    );
    await done;
    upkeep_ms += performance.now() - began;
    send({ part: writer.step / steps, upkeep: false });
  }
  const blocks = db.blocks().map(({ meta }) => {
    const hours = (meta.maxTime - meta.minTime) / 3_600_000;
    return `${hours.toFixed(0)} h, ${meta.stats.numSamples} samples`;
  });
  send({
    alone: spread(alone),
    beside: spread(beside),
    holds: spread(holds.wall),
    holdsCpu: spread(holds.cpu),
    blocks,
    upkeep_ms,
  });
  await db.close();
  process.disconnect();
}

interface Holds {
  readonly wall: number[];
  readonly cpu: number[];
}

/** Takes turn after turn of the thread, with a commit now and then; the time between two turns without one is how long it was held. */
async function turns(busy: () => boolean, holds: Holds, commit: () => Promise<void>): Promise<void> {
  let next = performance.now();
  let last = next;
  let lastCpu = threadCpu_ms();
  while (busy()) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    const now = performance.now();
    const cpu = threadCpu_ms();
    holds.wall.push(now - last);
    holds.cpu.push(cpu - lastCpu);
    if (now >= next) {
      next = now + PACE_MS;
      await commit();
    }
    last = performance.now();
    lastCpu = threadCpu_ms();
  }
}

function threadCpu_ms(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Writes commit after commit: all series of a step, then the next step. */
class Writer {
  step = 0;
  place = 0;
  readonly #db: Db;
  readonly #job: CompactJob;
  readonly #refs: Float64Array;
  readonly #values: Float64Array;
  readonly #times = new Float64Array(BATCH);

  constructor(db: Db, job: CompactJob) {
    this.#db = db;
    this.#job = job;
    this.#refs = new Float64Array(job.series);
    this.#values = new Float64Array(job.series);
  }

  async commit(times: number[]): Promise<void> {
    const { series, step_ms } = this.#job;
    const at = this.place;
    const n = Math.min(BATCH, series - at);
    nextValues(this.#values, this.step, at, at + n);
    this.#times.fill(FROM_MS + this.step * step_ms);
    const known = this.#refs[at] !== 0;
    const began = performance.now();
    const appender = this.#db.appender();
    if (!known) for (let i = at; i < at + n; i++) this.#refs[i] = appender.series(labelsFrom(labelsOf(i)));
    appender.floats(this.#refs.subarray(at, at + n), this.#times, this.#values.subarray(at, at + n), null, n);
    const { accepted } = await appender.commit();
    // Making the series is another matter.
    if (known) times.push(performance.now() - began);
    if (accepted !== n) throw new Error(`${accepted} of ${n} samples were taken in step ${this.step}`);
    this.place = at + n;
    if (this.place < series) return;
    this.place = 0;
    this.step++;
  }
}

function spread(times: readonly number[]): Spread {
  const sorted = Float64Array.from(times).sort();
  const at = (q: number): number => sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? 0;
  return { n: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 };
}
