// The crash test: a seeded history of commits (in order and out of order, floats and histograms), deletions, selects, upkeep (cuts, merges,
// checkpoints, snapshots), full disks, clock jumps and restarts on the simulated disk, crashed again and again at a random disk operation, and
// checked against a model that knows what was attempted, acknowledged and synced.
import { EnvError } from '@munjigi/env';
import { SimCrash, simWorld, type CrashKind, type Prng, type SimWorld } from '@munjigi/env/sim';
import {
  HIGH,
  KIND,
  LOW,
  STALE_HIGH,
  STALE_LOW,
  StorageError,
  SymbolReader,
  clearHistograms,
  appendEmptyRows,
  growHistogramParts,
  labelsFromObject,
  newColumn,
  newHistogramColumns,
  type Column,
  type HistogramColumns,
  type Labels,
} from '@munjigi/model';
import { openChunkReader, openDb, withBlocks, type Db, type PlantedFaults } from '../index.ts';

export interface CrashResult {
  readonly commits: number;
  readonly crashes: number;
  readonly samplesChecked: number;
  readonly checkpoints: number;
  readonly cuts: number;
  readonly merges: number;
  readonly outOfOrder: number;
  readonly snapshots: number;
  readonly deletions: number;
  readonly fullDisks: number;
}

const PATH = '/data/metrics';
const ROUNDS = 3;
const MAX_OPERATIONS = 48;
const ALL = [{ name: '__name__', op: '=' as const, value: 'm' }];

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

/** What the model knows of one sample. Of a histogram the value is its sum. */
interface Known {
  readonly high: number;
  readonly low: number;
  /** Acknowledged: a process crash must not lose it. */
  acked: boolean;
  /** Acknowledged and synced: a power failure must not lose it either. */
  durable: boolean;
  /** Deletion was asked for: it may be there or not. */
  deleted: boolean;
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

interface Deletion {
  readonly series: number;
  readonly mint: number;
  readonly maxt: number;
}

class CrashRun {
  readonly #world: SimWorld;
  readonly #random: Prng;
  readonly #kind: CrashKind;
  readonly #plant: PlantedFaults;
  readonly #walSync: number | 'always';
  readonly #compression: 'none' | 'snappy' | 'zstd';
  readonly #retention_ms: number;
  readonly #range_ms: number;
  readonly #window_ms: number;
  readonly #xor2: boolean;
  readonly #segmentBytes: number;
  readonly #slice_ms: number;
  /** By series number, then time. */
  readonly #known = new Map<number, Map<number, Known>>();
  readonly #deletions: Deletion[] = [];
  readonly #row: HistogramColumns = newHistogramColumns();
  #db: Db | null = null;
  #refs = new Map<number, number>();
  #series = 3;
  #firstSeries = 0;
  #now = 1_700_000_000_000;
  #maxt = -Infinity;
  #reading = 0;
  readonly #counts = {
    commits: 0,
    crashes: 0,
    samplesChecked: 0,
    checkpoints: 0,
    cuts: 0,
    merges: 0,
    outOfOrder: 0,
    snapshots: 0,
    deletions: 0,
    fullDisks: 0,
  };

  constructor(seed: number, kind: CrashKind, plant: PlantedFaults) {
    this.#world = simWorld(seed);
    this.#random = this.#world.random('crash');
    this.#kind = kind;
    this.#plant = plant;
    const r = this.#random;
    this.#walSync = r.chance(0.5) ? 'always' : 20 + r.below(500);
    this.#compression = (['none', 'none', 'snappy', 'zstd'] as const)[r.below(4)]!;
    this.#range_ms = 60_000 * (1 + r.below(3));
    this.#retention_ms = r.chance(0.5) ? this.#range_ms * (3 + r.below(10)) : 0;
    this.#window_ms = r.chance(0.5) ? this.#range_ms * (1 + r.below(6)) : 0;
    this.#xor2 = r.chance(0.3);
    this.#segmentBytes = 32 * 1024 * (1 + r.below(2));
    this.#slice_ms = r.chance(0.2) ? 0 : 5;
  }

  async run(): Promise<CrashResult> {
    for (let round = 0; round < ROUNDS; round++) {
      this.#world.disk.crashAt(this.#world.disk.operations + 1 + this.#random.below(250));
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
    await this.#upkeep();
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
    this.#db = null;
  }

  async #open(): Promise<void> {
    this.#refs = new Map();
    const { env } = this.#world;
    this.#db = await this.#world.run(
      openDb(env, {
        path: PATH,
        retention_ms: this.#retention_ms,
        minBlock_ms: this.#range_ms,
        maxBlock_ms: 9 * this.#range_ms,
        outOfOrderWindow_ms: this.#window_ms,
        xor2: this.#xor2,
        walSync_ms: this.#walSync,
        walCompression: this.#compression,
        segmentBytes: this.#segmentBytes,
        slice_ms: this.#slice_ms,
        interval_ms: 24 * 3_600_000,
        snapshotInterval_ms: 30_000,
        faults: this.#plant,
      }),
    );
    // Whatever is there after a start has been synced by it.
    this.#reconcile(await this.#readAll());
  }

  async #close(): Promise<void> {
    this.#count();
    const db = this.#db!;
    this.#db = null;
    await this.#world.run(db.close());
    this.#markSynced();
  }

  async #operate(): Promise<void> {
    const r = this.#random;
    const what = r.below(100);
    if (what < 45) await this.#commit(this.#batch());
    else if (what < 52) await this.#commitTogether();
    else if (what < 59) await this.#sync();
    else if (what < 65) await this.#world.advance(r.below(800));
    else if (what < 79) await this.#upkeep();
    else if (what < 84) await this.#check();
    else if (what < 87) await this.#fullDisk();
    else if (what < 90) this.#now += r.below(2 * this.#range_ms);
    else if (what < 92) this.#world.jump(r.below(20_000_000) - 10_000_000);
    else if (what < 95) await this.#delete();
    else if (what < 96) await this.#admin((db) => db.cleanTombstones());
    else if (what < 97) await this.#admin((db) => db.snapshotHead());
    else {
      await this.#close();
      await this.#open();
    }
  }

  // ---- writing

  #batch(): Offer[] {
    const r = this.#random;
    if (this.#window_ms > 0 && r.chance(0.3)) return this.#lateBatch();
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

  /** Older samples, which the window takes or refuses; never where something is or was deleted. */
  #lateBatch(): Offer[] {
    const r = this.#random;
    const offers: Offer[] = [];
    const back = r.below(1.2 * this.#window_ms + 1);
    for (let series = Math.max(0, this.#firstSeries - 2); series < this.#series; series++) {
      if (r.chance(0.5)) continue;
      const t = this.#now - back - r.below(1000);
      if (this.#known.get(series)?.has(t) === true || this.#wasDeleted(series, t)) continue;
      const [high, low] = randomValue(r);
      offers.push({ series, t, high, low });
    }
    return offers;
  }

  #wasDeleted(series: number, t: number): boolean {
    return this.#deletions.some((d) => d.series === series && t >= d.mint && t <= d.maxt);
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
    const appender = this.#db!.appender();
    const v = new Float64Array(1);
    const bits = new Uint32Array(v.buffer);
    const one = new Float64Array(1);
    const at = new Float64Array(1);
    for (const offer of offers) {
      const ref = this.#ref(appender.series.bind(appender), offer.series);
      bits[HIGH] = offer.high;
      bits[LOW] = offer.low;
      one[0] = ref;
      at[0] = offer.t;
      if (isHistogram(offer.series)) {
        histogramRow(this.#row, bits);
        appender.histogram(ref, offer.t, KIND.histogram, this.#row, 0);
      } else appender.floats(one, at, v, null, 1);
    }
    const [first] = offers;
    if (first !== undefined && this.#random.chance(0.1)) {
      const ref = appender.series(labelsOf(first.series));
      if (ref !== 0)
        appender.metadata(ref, { type: 'counter', help: `help ${this.#random.below(3)}`, unit: '' });
    }
    // From here on a crash may leave them in the log.
    const mine = offers.map((offer) => this.#remember(offer));
    try {
      const result = await appender.commit();
      for (let i = 0; i < offers.length; i++) {
        const fault = result.faults[i] ?? 0;
        if (fault === 0) {
          mine[i]!.acked = true;
          if (this.#walSync === 'always') mine[i]!.durable = true;
          if (offers[i]!.t < this.#now - 100) this.#counts.outOfOrder++;
        } else this.#forget(offers[i]!, mine[i]!);
      }
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      for (let i = 0; i < offers.length; i++) this.#refused(offers[i]!, mine[i]!);
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
    const known = { high: high >>> 0, low: low >>> 0, acked: false, durable: false, deleted: false, seen: 0 };
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

  /** What a full disk took in part was cut off again; a power failure may bring it back until the next sync. */
  #refused(offer: Offer, known: Known): void {
    if (this.#kind === 'process') {
      this.#forget(offer, known);
      return;
    }
    known.deleted = true;
    this.#refs.delete(offer.series);
  }

  async #delete(): Promise<void> {
    const r = this.#random;
    const series = this.#firstSeries + r.below(this.#series - this.#firstSeries);
    const maxt = this.#now - r.below(3 * this.#range_ms);
    const deletion = { series, mint: maxt - r.below(2 * this.#range_ms), maxt };
    this.#deletions.push(deletion);
    const hidden: [number, Known][] = [];
    for (const [t, known] of this.#known.get(series) ?? [])
      if (t >= deletion.mint && t <= maxt) hidden.push([t, known]);
    for (const [, known] of hidden) known.deleted = true;
    const done = await this.#admin((db) =>
      db.deleteSeries([[...ALL, { name: 'number', op: '=', value: String(series) }]], deletion.mint, maxt),
    );
    if (!done) return;
    this.#counts.deletions++;
    // A power failure may bring back what was deleted since the last sync.
    if (this.#kind === 'process' || this.#walSync === 'always')
      for (const [t] of hidden) this.#known.get(series)!.delete(t);
  }

  async #sync(): Promise<void> {
    const acked = this.#acked();
    await this.#world.run(this.#db!.sync());
    for (const known of acked) known.durable = true;
    this.#forgetHidden();
  }

  /** After a sync no power failure brings back what was deleted or refused. */
  #forgetHidden(): void {
    for (const times of this.#known.values())
      for (const [t, known] of times) if (known.deleted) times.delete(t);
  }

  async #upkeep(): Promise<void> {
    await this.#admin((db) => db.upkeep());
  }

  /** Whether it was done: a full disk may stand in the way. */
  async #admin(work: (db: Db) => Promise<unknown>): Promise<boolean> {
    try {
      await this.#world.run(work(this.#db!));
      return true;
    } catch (error) {
      if (!(error instanceof StorageError) && !(error instanceof EnvError)) throw error;
      if (error.code === 'EFORMAT' && this.#plant !== undefined && Object.keys(this.#plant).length === 0)
        throw error;
      return false;
    }
  }

  #count(): void {
    const value = (name: string): number =>
      this.#db!.families().find((f) => f.name === name)?.samples[0]?.value ?? 0;
    this.#counts.checkpoints += value('prometheus_tsdb_checkpoint_creations_total');
    this.#counts.cuts += value('munjigi_tsdb_head_cuts_total');
    this.#counts.merges += value('munjigi_tsdb_block_merges_total');
    this.#counts.snapshots += value('munjigi_tsdb_head_snapshots_total');
  }

  async #fullDisk(): Promise<void> {
    this.#counts.fullDisks++;
    this.#world.disk.full(this.#world.disk.used + this.#random.below(3000));
    await this.#commit(this.#batch());
    await this.#commit(this.#batch());
    if (this.#random.chance(0.5)) await this.#upkeep();
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

  /** Everything the store has, by series. */
  async #readAll(): Promise<Map<number, Found>> {
    const { env } = this.#world;
    const querier = withBlocks(env, this.#db!, { cacheBytes: 1 << 20 }).querier();
    try {
      const selection = await this.#world.run(querier.select(-Infinity, Infinity, ALL));
      if (selection.warnings.length > 0) throw new Error(selection.warnings.join('; '));
      const reader = openChunkReader(env.files);
      const symbols = new SymbolReader(selection.symbols);
      const column = newColumn();
      const found = new Map<number, Found>();
      await this.#world.run(reader.load(selection, 0, selection.count));
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
        found.set(series, { t: column.t.slice(0, column.n), bits: valuesOf(series, column) });
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
        // A deletion that the power failure undid.
        if (known.acked) known.deleted = false;
      }
  }

  /** Ages count from the newest block's end, which lies less than a range after the newest sample. */
  #oldest(): number {
    return this.#retention_ms === 0 ? -Infinity : this.#maxt + this.#range_ms - this.#retention_ms;
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
        if (known.seen !== reading && t >= oldest && required(known) && !known.deleted)
          throw new Error(
            `series ${series}: the ${known.durable ? 'synced' : 'acknowledged'} sample at ${t} is lost`,
          );
  }
}

function labelsOf(number: number): Labels {
  return labelsFromObject({ __name__: 'm', number: String(number), zone: `z${number % 3}` });
}

function isHistogram(series: number): boolean {
  return series % 5 === 3;
}

/** A histogram whose sum has the bits; its buckets follow from them. */
function histogramRow(h: HistogramColumns, bits: Uint32Array): void {
  clearHistograms(h);
  appendEmptyRows(h, 1);
  new Uint32Array(h.sum.buffer).set(bits);
  h.zeroThreshold[0] = 0.001;
  const n = bits[LOW]! % 5;
  h.zeroCount[0] = n;
  h.count[0] = n;
  if (isStaleBits(bits)) {
    h.zeroCount[0] = 0;
    h.count[0] = 0;
    return;
  }
  growHistogramParts(h, 1, n + 1, 0);
  h.spanOffset[0] = bits[HIGH]! % 3;
  h.spanLength[0] = n + 1;
  h.spans = 1;
  h.positiveSpanEnd[0] = 1;
  for (let i = 0; i <= n; i++) h.bucket[i] = i + 1;
  h.buckets = n + 1;
  h.positiveEnd[0] = n + 1;
  h.negativeFirst[0] = n + 1;
  h.negativeEnd[0] = n + 1;
  h.negativeSpanFirst[0] = 1;
  h.negativeSpanEnd[0] = 1;
  h.count[0] += ((n + 1) * (n + 2)) / 2;
}

function isStaleBits(bits: Uint32Array): boolean {
  return bits[HIGH] === STALE_HIGH && bits[LOW] === STALE_LOW;
}

/** The bits that were written, after a look at the rest of a histogram. */
function valuesOf(series: number, c: Column): Uint32Array {
  if (!isHistogram(series) || c.n === 0) return c.bits.slice(0, 2 * c.n);
  const h = c.h!;
  const bits = new Uint32Array(h.sum.buffer, h.sum.byteOffset, 2 * c.n).slice();
  for (let i = 0; i < c.n; i++) {
    const n = bits[2 * i + LOW]! % 5;
    const stale = isStaleBits(bits.subarray(2 * i, 2 * i + 2));
    if (c.kind?.[i] !== KIND.histogram) throw new Error(`series ${series}: sample ${i} is no histogram`);
    if (!stale && (h.zeroCount[i] !== n || h.count[i] !== n + ((n + 1) * (n + 2)) / 2))
      throw new Error(`series ${series} has other buckets at ${c.t[i]} than were written`);
  }
  return bits;
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
