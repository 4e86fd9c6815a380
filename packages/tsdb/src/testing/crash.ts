// The crash test: a seeded history of commits, selects, sweeps, full disks and restarts on the simulated disk, crashed again and again
// at a random disk operation, and checked against a model that knows what was attempted, acknowledged and synced.
import { EnvError } from '@munjigi/env';
import { SimCrash, simWorld, type CrashKind, type Prng, type SimWorld } from '@munjigi/env/sim';
import {
  HIGH,
  LOW,
  STALE_HIGH,
  STALE_LOW,
  StorageError,
  SymbolReader,
  labelsFromObject,
  newColumn,
  type Labels,
} from '@munjigi/model';
import { openChunkReader, openHead, type Head, type PlantedFaults } from '../index.ts';

export interface CrashResult {
  readonly commits: number;
  readonly crashes: number;
  readonly samplesChecked: number;
  readonly checkpoints: number;
  readonly fullDisks: number;
}

const PATH = '/data/metrics';
const ROUNDS = 3;
const MAX_OPERATIONS = 32;

/** Throws with the seed in the message when a promise was broken. */
export async function runCrashSeed(
  seed: number,
  kind: CrashKind,
  plant: PlantedFaults = {},
): Promise<CrashResult> {
  try {
    return await new CrashRun(seed, kind, plant).run();
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    throw new Error(
      `crash seed ${seed} (${kind}): ${text}\nreplay it: runCrashSeed(${seed}, '${kind}', ${JSON.stringify(plant)})`,
      { cause: error },
    );
  }
}

/** What the model knows of one sample. */
interface Known {
  readonly high: number;
  readonly low: number;
  /** Acknowledged: a process crash must not lose it. */
  acked: boolean;
  /** Acknowledged and synced: a power failure must not lose it either. */
  durable: boolean;
  /** The reading that found it last. */
  seen: number;
}

/** What a series was found to have. */
interface Found {
  readonly t: Float64Array;
  readonly bits: Uint32Array;
}

interface Offer {
  readonly series: number;
  readonly t: number;
  readonly high: number;
  readonly low: number;
}

class CrashRun {
  readonly #world: SimWorld;
  readonly #random: Prng;
  readonly #kind: CrashKind;
  readonly #plant: PlantedFaults;
  readonly #walSync: number | 'always';
  readonly #retention_ms: number;
  readonly #segmentBytes: number;
  readonly #slice_ms: number;
  /** By series number, then time. */
  readonly #known = new Map<number, Map<number, Known>>();
  #head: Head | null = null;
  /** That this head has written. */
  #checkpoints = 0;
  #refs = new Map<number, number>();
  #series = 3;
  #firstSeries = 0;
  #now = 1_700_000_000_000;
  #maxt = -Infinity;
  #reading = 0;
  readonly #counts = { commits: 0, crashes: 0, samplesChecked: 0, checkpoints: 0, fullDisks: 0 };

  constructor(seed: number, kind: CrashKind, plant: PlantedFaults) {
    this.#world = simWorld(seed);
    this.#random = this.#world.random('crash');
    this.#kind = kind;
    this.#plant = plant;
    const r = this.#random;
    this.#walSync = r.chance(0.5) ? 'always' : 20 + r.below(500);
    this.#retention_ms = r.chance(0.85) ? 50_000 + r.below(400_000) : 1e12;
    this.#segmentBytes = 32 * 1024 * (1 + r.below(2));
    this.#slice_ms = r.chance(0.2) ? 0 : 5;
  }

  async run(): Promise<CrashResult> {
    for (let round = 0; round < ROUNDS; round++) {
      this.#world.disk.crashAt(this.#world.disk.operations + 1 + this.#random.below(120));
      try {
        await this.#open();
        await this.#check();
        // A timer's sync may have reached the crash point: nobody waited for it.
        for (let i = 0; i < MAX_OPERATIONS && !this.#world.disk.crashed; i++) await this.#operate();
      } catch (error) {
        if (!(error instanceof SimCrash)) throw error;
      }
      await this.#crash();
    }
    await this.#open();
    await this.#check();
    await this.#close();
    await this.#open();
    await this.#check();
    await this.#close();
    return this.#counts;
  }

  async #crash(): Promise<void> {
    this.#counts.crashes++;
    this.#world.disk.crashAt(0);
    this.#world.disk.full(Infinity);
    this.#world.disk.crash(this.#kind);
    this.#world.restart();
    this.#head = null;
  }

  async #open(): Promise<void> {
    this.#refs = new Map();
    this.#checkpoints = 0;
    const { env } = this.#world;
    this.#head = await this.#world.run(
      openHead(env, {
        path: PATH,
        retention_ms: this.#retention_ms,
        walSync_ms: this.#walSync,
        segmentBytes: this.#segmentBytes,
        slice_ms: this.#slice_ms,
        sweepInterval_ms: 3_600_000,
        faults: this.#plant,
      }),
    );
    // Whatever is there after a start has been synced by it.
    this.#reconcile(await this.#readAll());
  }

  async #close(): Promise<void> {
    const head = this.#head!;
    this.#head = null;
    await this.#world.run(head.close());
    this.#markSynced();
  }

  async #operate(): Promise<void> {
    const r = this.#random;
    const what = r.below(100);
    if (what < 50) await this.#commit(this.#batch());
    else if (what < 60) await this.#commitTogether();
    else if (what < 68) await this.#sync();
    else if (what < 76) await this.#world.advance(r.below(800));
    else if (what < 84) await this.#sweep();
    else if (what < 90) await this.#check();
    else if (what < 94) await this.#fullDisk();
    else if (what < 97) this.#now += r.below(200_000);
    else {
      await this.#close();
      await this.#open();
    }
  }

  // ---- writing

  #batch(): Offer[] {
    const r = this.#random;
    this.#now += 1 + r.below(15_000);
    if (r.chance(0.15)) this.#series += 1 + r.below(4);
    if (r.chance(0.15)) this.#firstSeries = Math.min(this.#series - 2, this.#firstSeries + r.below(4));
    const offers: Offer[] = [];
    const perSeries = r.chance(0.05) ? 10 + r.below(60) : 1 + r.below(3);
    for (let series = this.#firstSeries; series < this.#series; series++) {
      if (r.chance(0.3)) continue;
      for (let i = 0; i < perSeries; i++) {
        const [high, low] = randomValue(r);
        offers.push({ series, t: this.#now + i, high, low });
      }
    }
    this.#now += perSeries;
    return offers;
  }

  async #commit(offers: Offer[]): Promise<void> {
    await this.#world.run(this.#commitOne(offers));
  }

  async #commitTogether(): Promise<void> {
    const n = 2 + this.#random.below(3);
    const commits: Promise<void>[] = [];
    for (let i = 0; i < n; i++) commits.push(this.#commitOne(this.#batch()));
    await this.#world.run(Promise.all(commits));
  }

  async #commitOne(offers: Offer[]): Promise<void> {
    this.#counts.commits++;
    const head = this.#head!;
    const appender = head.appender();
    const n = offers.length;
    const refs = new Float64Array(n);
    const t = new Float64Array(n);
    const v = new Float64Array(n);
    const bits = new Uint32Array(v.buffer);
    for (let i = 0; i < n; i++) {
      const offer = offers[i]!;
      refs[i] = this.#ref(appender.series.bind(appender), offer.series);
      t[i] = offer.t;
      bits[2 * i + HIGH] = offer.high;
      bits[2 * i + LOW] = offer.low;
    }
    appender.floats(refs, t, v, null, n);
    if (this.#random.chance(0.1) && n > 0)
      appender.metadata(refs[0]!, { type: 'counter', help: `help ${this.#random.below(3)}`, unit: '' });
    // From here on a crash may leave them in the log.
    const mine = offers.map((offer) => this.#remember(offer));
    try {
      const result = await appender.commit();
      for (let i = 0; i < n; i++) {
        const fault = result.faults[i] ?? 0;
        if (fault === 0) {
          mine[i]!.acked = true;
          if (this.#walSync === 'always') mine[i]!.durable = true;
        } else this.#forget(offers[i]!, mine[i]!);
      }
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      for (let i = 0; i < n; i++) this.#forget(offers[i]!, mine[i]!);
    }
  }

  /** References are kept over sweeps on purpose: a stale one must give a fault, not another series' sample. */
  #ref(series: (labels: Labels) => number, number: number): number {
    let ref = this.#refs.get(number);
    if (ref === undefined || this.#random.chance(0.05))
      this.#refs.set(number, (ref = series(labelsOf(number))));
    return ref;
  }

  #remember(offer: Offer): Known {
    let times = this.#known.get(offer.series);
    if (times === undefined) this.#known.set(offer.series, (times = new Map()));
    const { high, low } = offer;
    const known = { high: high >>> 0, low: low >>> 0, acked: false, durable: false, seen: 0 };
    times.set(offer.t, known);
    this.#maxt = Math.max(this.#maxt, offer.t);
    return known;
  }

  /** A refused sample must never be seen. A stale reference is asked for again. */
  #forget(offer: Offer, known: Known): void {
    const times = this.#known.get(offer.series)!;
    if (times.get(offer.t) === known) times.delete(offer.t);
    this.#refs.delete(offer.series);
  }

  async #sync(): Promise<void> {
    const acked = this.#acked();
    await this.#world.run(this.#head!.sync());
    for (const known of acked) known.durable = true;
  }

  async #sweep(): Promise<void> {
    const head = this.#head!;
    try {
      await this.#world.run(head.sweep());
    } catch (error) {
      if (!(error instanceof StorageError) && !(error instanceof EnvError)) throw error;
    }
    const created = head.families().find((f) => f.name === 'prometheus_tsdb_checkpoint_creations_total');
    const now = created?.samples[0]?.value ?? 0;
    this.#counts.checkpoints += now - this.#checkpoints;
    this.#checkpoints = now;
  }

  async #fullDisk(): Promise<void> {
    this.#counts.fullDisks++;
    this.#world.disk.full(this.#world.disk.used + this.#random.below(3000));
    await this.#commit(this.#batch());
    await this.#commit(this.#batch());
    if (this.#random.chance(0.3)) await this.#sweep();
    this.#world.disk.full(Infinity);
    await this.#commit(this.#batch());
    await this.#check();
  }

  // ---- checking

  #acked(): Known[] {
    return [...this.#known.values()].flatMap((times) => [...times.values()].filter((k) => k.acked));
  }

  #markSynced(): void {
    for (const known of this.#acked()) known.durable = true;
  }

  /** Everything the head has, by series. */
  async #readAll(): Promise<Map<number, Found>> {
    const querier = this.#head!.querier();
    try {
      const selection = await this.#world.run(
        querier.select(-Infinity, Infinity, [{ name: '__name__', op: '=', value: 'm' }]),
      );
      const reader = openChunkReader(this.#world.env.files);
      const symbols = new SymbolReader(selection.symbols);
      const column = newColumn();
      const found = new Map<number, Found>();
      await reader.load(selection, 0, selection.count);
      for (let i = 0; i < selection.count; i++) {
        const flat: string[] = [];
        for (let w = selection.labelFirst[i]!; w < selection.labelFirst[i + 1]!; w++)
          flat.push(symbols.text(selection.labelSymbols[w]!));
        const series = Number(flat[flat.indexOf('number') + 1]);
        if (found.has(series)) throw new Error(`series ${series} is there twice`);
        if (JSON.stringify(flat) !== JSON.stringify(labelsOf(series)))
          throw new Error(`labels of series ${series} are ${flat.join(' ')}`);
        reader.series(selection, i, -Infinity, Infinity, column);
        for (let k = 1; k < column.n; k++)
          if (!(column.t[k]! > column.t[k - 1]!))
            throw new Error(`series ${series}: times out of order at ${k}`);
        found.set(series, { t: column.t.slice(0, column.n), bits: column.bits.slice(0, 2 * column.n) });
      }
      return found;
    } finally {
      querier.close();
    }
  }

  async #check(): Promise<void> {
    this.#compare(await this.#readAll(), (known) => known.acked);
  }

  /** After a start: what the crash had to leave is there; what is there counts as synced; what is gone stays gone. */
  #reconcile(found: Map<number, Found>): void {
    const afterPower = this.#kind === 'power';
    this.#compare(found, (known) => (afterPower ? known.durable : known.acked));
    for (const times of this.#known.values())
      for (const [t, known] of times) {
        // Older than the retention: the log may still have it at the next start.
        if (known.seen !== this.#reading && t >= this.#oldest()) times.delete(t);
        known.acked = known.seen === this.#reading;
        known.durable = known.acked;
      }
  }

  #oldest(): number {
    return this.#maxt - this.#retention_ms;
  }

  #compare(found: Map<number, Found>, required: (known: Known) => boolean): void {
    const reading = ++this.#reading;
    for (const [series, { t, bits }] of found) {
      const times = this.#known.get(series);
      for (let i = 0; i < t.length; i++) {
        const known = times?.get(t[i]!);
        if (known === undefined)
          throw new Error(`series ${series} has a sample at ${t[i]} that must not be there`);
        if (known.high !== bits[2 * i + HIGH] || known.low !== bits[2 * i + LOW])
          throw new Error(`series ${series} has another value at ${t[i]} than was written`);
        known.seen = reading;
      }
      this.#counts.samplesChecked += t.length;
    }
    const oldest = this.#oldest();
    for (const [series, times] of this.#known)
      for (const [t, known] of times)
        if (known.seen !== reading && t >= oldest && required(known))
          throw new Error(
            `series ${series}: the ${known.durable ? 'synced' : 'acknowledged'} sample at ${t} is lost`,
          );
  }
}

function labelsOf(number: number): Labels {
  return labelsFromObject({ __name__: 'm', number: String(number), zone: `z${number % 3}` });
}

function randomValue(r: Prng): [number, number] {
  const f = new Float64Array(1);
  const u = new Uint32Array(f.buffer);
  const lot = r.below(10);
  if (lot === 0) return [STALE_HIGH, STALE_LOW];
  if (lot === 1) return [r.u32(), r.u32()];
  if (lot === 2) return [0, 0];
  f[0] = r.below(1000) / (lot === 3 ? 7 : 1);
  return [u[HIGH]!, u[LOW]!];
}
