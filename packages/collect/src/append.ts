// A target's page into the storage: series references found once and remembered, samples as columns, staleness markers, the
// target's own series (up and its like). One scrape is one commit. Nothing is allocated for a sample that was there last time.
import { familyMetadata, type Format, type ScrapeParser } from '@munjigi/exposition';
import {
  FAULT,
  isLabelName,
  labelsFrom,
  labelValue,
  METRIC_NAME,
  setStale,
  StorageError,
  utf8Length,
  type Appendable,
  type Appender,
  type CommitResult,
  type Labels,
  type Relabeler,
} from '@munjigi/model';
import type { ScrapeConfig } from './configuration/scrape.ts';
import type { Counters } from './counters.ts';
import { Refusals } from './refusals.ts';
import { mergeTarget } from './target.ts';

/** Slot of a series that metric relabelling drops. */
const DROPPED = -1;
/** Slot of a series that came when its target had as many as it may. */
const REFUSED = -2;
/** Marks of an entry: the storage's newest sample of it is not a staleness marker, and one is due when it goes. */
const LIVE = 1;
/** Samples further in the future are refused. */
const MAX_AHEAD_MS = 600_000;

/** Rows of one batch; shared by all targets of a collector, as the storage reads them before `floats` returns. */
export class Rows {
  n = 0;
  refs: Float64Array = new Float64Array(4096);
  t: Float64Array = new Float64Array(4096);
  v: Float64Array = new Float64Array(4096);
  bits: Uint32Array = new Uint32Array(this.v.buffer);

  reserve(rows: number): void {
    if (this.n + rows <= this.refs.length) return;
    const size = Math.max(2 * this.refs.length, this.n + rows);
    const { refs, t, bits } = this;
    this.refs = new Float64Array(size);
    this.refs.set(refs);
    this.t = new Float64Array(size);
    this.t.set(t);
    this.v = new Float64Array(size);
    this.bits = new Uint32Array(this.v.buffer);
    this.bits.set(bits);
  }

  stale(ref: number, t: number): void {
    this.reserve(1);
    this.refs[this.n] = ref;
    this.t[this.n] = t;
    setStale(this.bits, this.n++);
  }

  value(ref: number, t: number, v: number): void {
    this.reserve(1);
    this.refs[this.n] = ref;
    this.t[this.n] = t;
    this.v[this.n++] = v;
  }
}

/** One page as it came. */
export interface ScrapedPage {
  readonly body: Uint8Array;
  readonly format: Format;
  /** Why there is no page; '' when there is one. */
  readonly failure: string;
  /** Time of samples without one of their own. */
  readonly t_ms: number;
  readonly now_ms: number;
}

/** What one scrape gave, for the target's state and its report. */
export interface Scraped {
  /** '' when all is well. */
  readonly error: string;
  readonly scraped: number;
  readonly added: number;
  readonly seriesAdded: number;
  /** Samples and series of the page that were not taken. */
  readonly dropped: Dropped;
}

/** How many, by kind. */
export interface Dropped {
  readonly outOfOrder: number;
  readonly tooOld: number;
  readonly tooFarAhead: number;
  readonly duplicate: number;
  /** New series that the storage refused: it has as many as it may. */
  readonly overLimit: number;
  /** New series that the storage refused for their labels. */
  readonly badLabels: number;
}

const NONE_DROPPED: Dropped = {
  outOfOrder: 0,
  tooOld: 0,
  tooFarAhead: 0,
  duplicate: 0,
  overLimit: 0,
  badLabels: 0,
};

const NOTHING: Scraped = { error: '', scraped: 0, added: 0, seriesAdded: 0, dropped: NONE_DROPPED };

export interface AppendSettings {
  readonly job: ScrapeConfig;
  readonly relabel: Relabeler;
  /** Public labels of the target. */
  readonly target: Labels;
  /** How many series the target may have: known ones go on, further ones are left out; 0: any number. */
  readonly maxSeries: number;
}

const REPORT = [
  'up',
  'scrape_duration_seconds',
  'scrape_samples_scraped',
  'scrape_samples_post_metric_relabeling',
  'scrape_series_added',
] as const;
const EXTRA_REPORT = ['scrape_timeout_seconds', 'scrape_sample_limit', 'scrape_body_size_bytes'] as const;

/** Writes the pages of one target. */
export class TargetWriter {
  readonly #storage: Appendable;
  readonly #rows: Rows;
  readonly #counters: Counters;
  readonly #parser: ScrapeParser;
  #settings: AppendSettings;
  #reportRefs = new Float64Array(REPORT.length + EXTRA_REPORT.length);
  #metadataVersion = 0;
  /** Samples of the page that lie too far in the future. */
  #tooFarAhead = 0;
  /** What its cap left out. */
  readonly refusals: Refusals = new Refusals();
  /** References that were live when settings changed: those that the next page does not write any more become stale. */
  #former: Set<number> | null = null;

  constructor(
    storage: Appendable,
    rows: Rows,
    counters: Counters,
    parser: ScrapeParser,
    settings: AppendSettings,
  ) {
    this.#storage = storage;
    this.#rows = rows;
    this.#counters = counters;
    this.#parser = parser;
    this.#settings = settings;
  }

  /** Takes other settings: all series are looked up again. */
  change(settings: AppendSettings): void {
    this.#settings = settings;
    const { slots, marks } = this.#parser;
    this.#former ??= new Set();
    for (let e = 0; e < this.#parser.entries.count; e++) {
      if (marks[e] === LIVE) this.#former.add(slots[e]!);
      slots[e] = 0;
      marks[e] = 0;
    }
    this.#reportRefs.fill(0);
  }

  /** Writes a page; or, when there is none (`failure` says why) or it cannot be used, the markers that say that its series ended. */
  async scrape(page: ScrapedPage, report: (s: Scraped) => Report): Promise<Scraped> {
    const first = await this.#attempt(page, report);
    if (!first.again) return first.scraped;
    // The storage has given up references (a target that was away for long): all are asked for again. What was taken is taken twice.
    this.#parser.slots.fill(0);
    this.#reportRefs.fill(0);
    const second = await this.#attempt(page, () => report(first.scraped));
    return { ...first.scraped, dropped: second.scraped.dropped };
  }

  async #attempt(
    page: ScrapedPage,
    report: (s: Scraped) => Report,
  ): Promise<{ scraped: Scraped; again: boolean }> {
    const rows = this.#rows;
    rows.n = 0;
    this.#tooFarAhead = 0;
    let appender = this.#storage.appender();
    let scraped: Scraped = { ...NOTHING, error: page.failure };
    if (page.failure === '') {
      scraped = this.#page(appender, page);
      if (scraped.error !== '') {
        appender.rollback();
        appender = this.#storage.appender();
        rows.n = 0;
      }
    }
    const samples = rows.n;
    if (scraped.error === '') this.#vanished(page.t_ms);
    else this.#allStale(page.t_ms);
    this.#report(appender, report(scraped), page.t_ms);
    appender.floats(rows.refs, rows.t, rows.v, null, rows.n);
    const { faults, refused } = await this.#commit(appender);
    const dropped = {
      ...NONE_DROPPED,
      tooFarAhead: this.#tooFarAhead,
      overLimit: refused[FAULT.limit] ?? 0,
      badLabels: refused[FAULT.bad_labels] ?? 0,
    };
    const again = faults.length > 0 && this.#count(faults, samples, dropped);
    return { scraped: { ...scraped, dropped }, again };
  }

  /** Ends all series of the target, its own too. */
  async end(t_ms: number): Promise<void> {
    const rows = this.#rows;
    rows.n = 0;
    const appender = this.#storage.appender();
    this.#allStale(t_ms);
    for (const ref of this.#reportRefs) if (ref > 0) rows.stale(ref, t_ms);
    appender.floats(rows.refs, rows.t, rows.v, null, rows.n);
    await this.#commit(appender);
  }

  async #commit(appender: Appender): Promise<CommitResult> {
    try {
      const result = await appender.commit();
      let refused = 0;
      for (const n of result.refused) refused += n;
      if (refused > 0) {
        this.#counters.refused.with().add(refused);
        this.#counters.refusals.total += refused;
      }
      return result;
    } catch (error) {
      if (error instanceof StorageError) this.#counters.failedCommits.with().add();
      throw error;
    }
  }

  #page(appender: Appender, { body, format, t_ms, now_ms }: ScrapedPage): Scraped {
    const parser = this.#parser;
    parser.parse(body, body.length === 0 ? 'text' : format);
    const first = parser.errors[0];
    if (first !== undefined) return { ...NOTHING, error: `line ${first.line}: ${first.message}` };
    const total = parser.n;
    const fresh = this.#findSeries(appender);
    if (typeof fresh === 'string') return { ...NOTHING, error: fresh, scraped: total };
    const added = this.#left();
    const limit = this.#settings.job.sample_limit;
    if (limit > 0 && added > limit) {
      this.#counters.sampleLimit.with().add();
      this.#forget(fresh);
      return { ...NOTHING, error: 'sample limit exceeded', scraped: total, added };
    }
    this.#fill(t_ms, now_ms);
    this.#describe(appender, fresh);
    parser.release();
    for (const { sample, exemplar } of parser.exemplars) {
      const ref = parser.slots[parser.entry[sample]!]!;
      const t = this.#timeOf(sample, t_ms);
      if (ref > 0) appender.exemplar(ref, exemplar.t_ms === 0 ? { ...exemplar, t_ms: t } : exemplar);
    }
    return { ...NOTHING, scraped: total, added, seriesAdded: fresh.length };
  }

  /** Finds references of series that have none yet; the entries that got one, or what is wrong with the page. */
  #findSeries(appender: Appender): number[] | string {
    const parser = this.#parser;
    const { slots, entry } = parser;
    this.refusals.now = 0;
    const unknown: number[] = [];
    for (let i = 0; i < parser.n; i++) {
      const slot = slots[entry[i]!]!;
      if (slot === 0 || slot === REFUSED) unknown.push(entry[i]!);
    }
    if (unknown.length === 0) return [];
    const fresh: number[] = [];
    const { maxSeries } = this.#settings;
    const room = maxSeries === 0 ? unknown.length : maxSeries - this.#known();
    const wrong =
      unknown.length <= room
        ? this.#ask(unknown, fresh, (labels) => this.#create(appender, labels))
        : this.#askUpTo(room, [...new Set(unknown)], fresh, appender);
    if (wrong === '') return fresh;
    this.refusals.now = 0;
    this.#forget(fresh);
    return wrong;
  }

  /** Lets `find` give the reference of each entry that has none (0: not now); those that got one are added to `fresh`. '' or what is wrong. */
  #ask(entries: readonly number[], fresh: number[], find: (labels: Labels) => number): string {
    const { slots } = this.#parser;
    for (const e of entries) {
      if (slots[e]! > 0 || slots[e] === DROPPED) continue;
      const labels = this.#labelsOf(e);
      if (labels === null) {
        slots[e] = DROPPED;
        continue;
      }
      const wrong = this.#check(labels);
      if (wrong !== '') return wrong;
      const ref = find(labels);
      if (ref === 0) continue;
      slots[e] = ref;
      fresh.push(e);
    }
    return '';
  }

  /** As `#ask` for a target that would pass its cap: known series all go on, new ones have what room is left. */
  #askUpTo(room: number, unknown: readonly number[], fresh: number[], appender: Appender): string {
    const { slots } = this.#parser;
    // Known ones first: a series that was away, or that a restart made us forget, must not find its place taken by a new one.
    const unasked = unknown.filter((e) => slots[e] === 0);
    let wrong = this.#ask(unasked, fresh, (labels) => appender.find?.(labels) ?? 0);
    let left = room - fresh.length;
    for (const e of unknown) {
      if (wrong !== '') return wrong;
      if (slots[e]! > 0 || slots[e] === DROPPED) continue;
      if (left > 0) {
        slots[e] = 0;
        const before = fresh.length;
        wrong = this.#ask([e], fresh, (labels) => this.#create(appender, labels));
        left -= fresh.length - before;
        continue;
      }
      this.refusals.now++;
      if (slots[e] === REFUSED) continue;
      slots[e] = REFUSED;
      this.refusals.name(labelValue(this.#parser.labels(e), METRIC_NAME));
    }
    if (this.refusals.now > 0) {
      this.refusals.total += this.refusals.now;
      const { job_name: scrape_job } = this.#settings.job;
      this.#counters.refusedByCap.with({ scrape_job }).add(this.refusals.now);
    }
    return wrong;
  }

  #create(appender: Appender, labels: Labels): number {
    const ref = appender.series(labels);
    if (ref === 0) this.#counters.refusals.name(labelValue(labels, METRIC_NAME));
    return ref;
  }

  /** Series of the page that have a reference. */
  #known(): number {
    const { entries, entry, n, slots } = this.#parser;
    const page = n === 0 ? 0 : entries.seen[entry[0]!]!;
    let known = 0;
    for (let e = 0; e < entries.count; e++) if (slots[e]! > 0 && entries.seen[e] === page) known++;
    return known;
  }

  /** Series that it has references of. */
  series(): number {
    const { entries, slots } = this.#parser;
    let known = 0;
    for (let e = 0; e < entries.count; e++) if (slots[e]! > 0) known++;
    return known;
  }

  #labelsOf(entry: number): Labels | null {
    const { job, relabel, target } = this.#settings;
    const labels = relabel(mergeTarget(this.#parser.labels(entry), target, job.honor_labels));
    return labels === null || labels.length === 0 ? null : labels;
  }

  /** References given in a batch that is rolled back are not used. */
  #forget(fresh: readonly number[]): void {
    for (const e of fresh) this.#parser.slots[e] = 0;
  }

  #check(labels: Labels): string {
    const { job } = this.#settings;
    const name = labelValue(labels, METRIC_NAME);
    if (name === '') return 'metric relabelling left a series without a name';
    const legacy = job.metric_name_validation_scheme === 'legacy';
    if (legacy && !/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name))
      return `invalid metric name ${JSON.stringify(name)}`;
    const {
      label_limit: count,
      label_name_length_limit: nameLength,
      label_value_length_limit: valueLength,
    } = job;
    let wrong = '';
    if (count > 0 && labels.length / 2 > count)
      wrong = `label_limit exceeded (metric: ${name}, number of labels: ${labels.length / 2}, limit: ${count})`;
    for (let i = 0; i < labels.length && wrong === ''; i += 2) {
      const label = labels[i]!;
      if (legacy && label !== METRIC_NAME && !isLabelName(label, 'legacy'))
        return `invalid label name ${JSON.stringify(label)}`;
      if (nameLength > 0 && utf8Length(label) > nameLength)
        wrong = `label_name_length_limit exceeded (metric: ${name}, label name: ${label}, limit: ${nameLength})`;
      else if (valueLength > 0 && utf8Length(labels[i + 1]!) > valueLength)
        wrong = `label_value_length_limit exceeded (metric: ${name}, label name: ${label}, limit: ${valueLength})`;
    }
    if (wrong !== '') this.#counters.labelLimits.with().add();
    return wrong;
  }

  /** How many samples of the page are left after metric relabelling. */
  #left(): number {
    const { slots, entry, n } = this.#parser;
    let left = n;
    for (let i = 0; i < n; i++) if (slots[entry[i]!] === DROPPED) left--;
    return left;
  }

  /** Samples of the page as rows. The hot loop. */
  #fill(t_ms: number, now_ms: number): void {
    const parser = this.#parser;
    const rows = this.#rows;
    rows.reserve(parser.n);
    const { slots, marks, entry, v, t: times, n: count } = parser;
    const { refs, t, v: values } = rows;
    const { honor_timestamps: honor, track_timestamps_staleness: track } = this.#settings.job;
    const former = this.#former;
    const latest = now_ms + MAX_AHEAD_MS;
    let n = 0;
    for (let i = 0; i < count; i++) {
      const e = entry[i]!;
      const ref = slots[e]!;
      // Dropped, or refused by the storage.
      if (ref <= 0) continue;
      const time = times[i]!;
      let at = t_ms;
      let mark = LIVE;
      // Not NaN: the line has a time of its own.
      if (honor && time === time) {
        at = time;
        if (!track) mark = 0;
        if (at > latest) {
          this.#counters.outOfBounds.with().add();
          this.#tooFarAhead++;
          continue;
        }
      }
      marks[e] = mark;
      refs[n] = ref;
      t[n] = at;
      values[n++] = v[i]!;
      if (former !== null) former.delete(ref);
    }
    rows.n = n;
  }

  #timeOf(sample: number, t_ms: number): number {
    const time = this.#parser.t[sample]!;
    return this.#settings.job.honor_timestamps && !Number.isNaN(time) ? time : t_ms;
  }

  /** Metadata of new series, and of all when a HELP, TYPE or UNIT line has changed. */
  #describe(appender: Appender, fresh: readonly number[]): void {
    const parser = this.#parser;
    const changed = parser.metadataVersion !== this.#metadataVersion;
    if (!changed && fresh.length === 0) return;
    this.#metadataVersion = parser.metadataVersion;
    const families = parser.families();
    if (families.size === 0) return;
    const entries = changed ? parser.entry.subarray(0, parser.n) : fresh;
    for (const e of entries) {
      const ref = parser.slots[e]!;
      if (ref <= 0) continue;
      const metadata = familyMetadata(families, labelValue(parser.labels(e), METRIC_NAME));
      if (metadata !== null) appender.metadata(ref, metadata);
    }
  }

  /** Markers for series that the page has no more. */
  #vanished(t_ms: number): void {
    const { slots, marks } = this.#parser;
    for (const e of this.#parser.vanished()) {
      if (marks[e] === LIVE) this.#rows.stale(slots[e]!, t_ms);
      marks[e] = 0;
      slots[e] = 0;
    }
    this.#staleFormer(t_ms);
  }

  #allStale(t_ms: number): void {
    const { slots, marks } = this.#parser;
    for (let e = 0; e < this.#parser.entries.count; e++) {
      if (marks[e] !== LIVE) continue;
      this.#rows.stale(slots[e]!, t_ms);
      marks[e] = 0;
    }
    this.#staleFormer(t_ms);
  }

  #staleFormer(t_ms: number): void {
    if (this.#former === null) return;
    for (const ref of this.#former) this.#rows.stale(ref, t_ms);
    this.#former = null;
  }

  #report(appender: Appender, report: Report, t_ms: number): void {
    const { job, target } = this.#settings;
    const names = job.extra_scrape_metrics ? [...REPORT, ...EXTRA_REPORT] : REPORT;
    names.forEach((name, i) => {
      let ref = this.#reportRefs[i]!;
      if (ref === 0) {
        ref = appender.series(reportLabels(name, target));
        this.#reportRefs[i] = ref;
      }
      if (ref !== 0) this.#rows.value(ref, t_ms, report[name]);
    });
  }

  /** Counts the samples that were not taken; true: because the storage has given up their references. */
  #count(faults: Uint8Array, samples: number, dropped: { -readonly [K in keyof Dropped]: number }): boolean {
    const counters = this.#counters;
    let again = false;
    for (let row = 0; row < faults.length; row++) {
      const fault = faults[row];
      if (fault === FAULT.stale_ref) again = true;
      // Markers come behind the samples; one that is late is not worth a word.
      else if (row >= samples) continue;
      else if (fault === FAULT.duplicate) dropped.duplicate++;
      else if (fault === FAULT.out_of_order) dropped.outOfOrder++;
      else if (fault === FAULT.too_old) dropped.tooOld++;
    }
    counters.duplicate.with().add(dropped.duplicate);
    counters.outOfOrder.with().add(dropped.outOfOrder);
    counters.outOfBounds.with().add(dropped.tooOld);
    return again;
  }
}

/** The target's own values of one scrape. */
export interface Report extends Record<(typeof REPORT)[number] | (typeof EXTRA_REPORT)[number], number> {}

function reportLabels(name: string, target: Labels): Labels {
  const pairs: [string, string][] = [[METRIC_NAME, name]];
  for (let i = 0; i < target.length; i += 2) pairs.push([target[i]!, target[i + 1]!]);
  return labelsFrom(pairs);
}
