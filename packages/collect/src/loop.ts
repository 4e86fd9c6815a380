// One target's loop: at which instants it is scraped, and what is known of it.
import type { Env, Timer } from '@munjigi/env';
import { ScrapeParser } from '@munjigi/exposition';
import { printDuration, StorageError, type Appendable, type Relabeler } from '@munjigi/model';
import { TargetWriter, type Dropped, type Report, type Rows, type Scraped } from './append.ts';
import type { ScrapeConfig } from './configuration/scrape.ts';
import type { Counters } from './counters.ts';
import type { Refusals } from './refusals.ts';
import { fetchPage, type Fetched } from './request.ts';
import type { TargetSpec } from './target.ts';

export type Health = 'unknown' | 'up' | 'down';

/** What all loops of a collector share. */
export interface LoopTools {
  readonly env: Env;
  readonly storage: Appendable;
  readonly rows: Rows;
  readonly counters: Counters;
  readonly userAgent: string;
  /** Series of one target; 0: any number. */
  readonly maxSeriesPerTarget: number;
  /** Differs between programs that scrape the same targets, so that they do it at different instants. */
  readonly seed: number;
}

/** A scrape that is at most this late (and at most 1% of the interval) has the time it was due: regular times compress better. */
const TOLERANCE_MS = 10;
/** What is logged of samples and series that were not taken. */
const DROPPED: Readonly<Record<keyof Dropped, string>> = {
  outOfOrder: 'samples of a scrape were dropped: out of order',
  tooOld: 'samples of a scrape were dropped: too old, before what the store still takes',
  tooFarAhead: 'samples of a scrape were dropped: too far in the future',
  duplicate: 'samples of a scrape were dropped: same timestamp, different value',
  overLimit: 'new series of a scrape were refused: the store has max_series, known ones go on',
  badLabels: 'new series of a scrape were refused: the store does not take their labels',
};
const KINDS = Object.keys(DROPPED) as (keyof Dropped)[];

/** The same trouble of a target is logged at most this often. */
const LOG_EVERY_MS = 60_000;

export class ScrapeLoop {
  readonly spec: TargetSpec;
  health: Health = 'unknown';
  lastError = '';
  /** ms since 1970; 0: never. */
  lastScrape_ms = 0;
  lastDuration_ms = 0;
  /** Set: the target is not fetched, every scrape fails with this reason. */
  forcedError = '';
  readonly #tools: LoopTools;
  readonly #writer: TargetWriter;
  readonly #offset_ms: number;
  #job: ScrapeConfig;
  #timer: Timer | null = null;
  #due_ms = 0;
  #stopped = false;
  readonly #abort = new AbortController();
  #running: Promise<void> = Promise.resolve();
  /** By what was said. */
  readonly #loggedAt_ms = new Map<string, number>();

  constructor(tools: LoopTools, spec: TargetSpec, job: ScrapeConfig, relabel: Relabeler) {
    this.spec = spec;
    this.#tools = tools;
    this.#job = job;
    this.#writer = new TargetWriter(tools.storage, tools.rows, tools.counters, new ScrapeParser(), {
      job,
      relabel,
      target: spec.labels,
      maxSeries: tools.maxSeriesPerTarget,
    });
    this.#offset_ms = (hashText(spec.key) ^ tools.seed) >>> 0;
  }

  start(): void {
    this.#schedule();
  }

  /** What the cap on its series left out. */
  get refusals(): Refusals {
    return this.#writer.refusals;
  }

  /** Series that are known of it. */
  series(): number {
    return this.#writer.series();
  }

  /** Takes other settings of the job; the rhythm stays. */
  change(job: ScrapeConfig, relabel: Relabeler): void {
    this.#job = job;
    this.#writer.change({
      job,
      relabel,
      target: this.spec.labels,
      maxSeries: this.#tools.maxSeriesPerTarget,
    });
  }

  /** No scrape begins any more; one that runs is awaited, or cut off with `now`. */
  async stop(now: boolean): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    if (now) this.#abort.abort();
    await this.#running;
  }

  /** Writes the markers that end all series of a target that is gone. `t_ms`: when its next scrape would have been. */
  async end(t_ms: number): Promise<void> {
    if (this.lastScrape_ms === 0) return;
    try {
      await this.#writer.end(t_ms);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#complain('staleness markers could not be written', error.message);
    }
  }

  /** When the next scrape is, or would be. */
  nextScrape_ms(): number {
    return this.#due_ms > this.#tools.env.clock.now() ? this.#due_ms : this.#due_ms + this.spec.interval_ms;
  }

  /** The next instant that belongs to the target, after now; never twice the same for a timer that fires early. */
  #nextDue(): number {
    const interval = this.spec.interval_ms;
    const now = this.#tools.env.clock.now();
    const offset = this.#offset_ms % interval;
    const next = offset + (Math.floor((now - offset) / interval) + 1) * interval;
    return next - this.#due_ms < interval / 2 ? next + interval : next;
  }

  #schedule(): void {
    if (this.#stopped) return;
    const before = this.#due_ms;
    this.#due_ms = this.#nextDue();
    const missed = before === 0 ? 0 : Math.round((this.#due_ms - before) / this.spec.interval_ms) - 1;
    if (missed > 0) this.#tools.counters.skipped.with().add(missed);
    const { clock } = this.#tools.env;
    this.#timer = clock.after(Math.max(0, this.#due_ms - clock.now()), () => {
      this.#running = this.#scrape().then(
        () => this.#schedule(),
        (error: unknown) => {
          // A bug, not an outage: it must be seen, and must not end the scraping of this target.
          this.#note(this.#tools.env.clock.now(), 0, `internal error: ${String(error)}`);
          this.#tools.env.log.error('a scrape failed unexpectedly', {
            url: this.spec.url,
            error: String(error),
          });
          this.#schedule();
        },
      );
    });
  }

  async #scrape(): Promise<void> {
    const { env, counters, userAgent } = this.#tools;
    const { interval_ms, timeout_ms, url } = this.spec;
    const start_ms = env.clock.now();
    const started = env.clock.monotonic();
    if (this.lastScrape_ms > 0)
      counters.intervals.observe(printDuration(interval_ms), (start_ms - this.lastScrape_ms) / 1000);
    const late_ms = start_ms - this.#due_ms;
    const t_ms = Math.abs(late_ms) <= Math.min(TOLERANCE_MS, interval_ms / 100) ? this.#due_ms : start_ms;
    const fetched: Fetched =
      this.forcedError === ''
        ? await fetchPage(env, this.#job, url, timeout_ms, userAgent, this.#abort.signal)
        : { error: this.forcedError, tooLarge: false };
    if (this.#abort.signal.aborted) return;
    if ('error' in fetched && fetched.tooLarge) counters.bodySizeLimit.with().add();
    const page = {
      body: 'body' in fetched ? fetched.body : NO_BYTES,
      format: 'body' in fetched ? fetched.format : ('text' as const),
      failure: 'error' in fetched ? fetched.error : '',
      t_ms,
      now_ms: env.clock.now(),
    };
    const size = 'body' in fetched ? fetched.body.length : fetched.tooLarge ? -1 : 0;
    const duration = (): number => env.clock.monotonic() - started;
    try {
      const scraped = await this.#writer.scrape(page, (s) => this.#report(s, duration(), size));
      this.#note(start_ms, duration(), scraped.error);
      for (const kind of KINDS) {
        const dropped = scraped.dropped[kind];
        if (dropped > 0) this.#warn(DROPPED[kind], { dropped });
      }
      if (this.refusals.now > 0)
        this.#complain(
          'new series of a target are refused, known ones go on',
          `${this.refusals.now} series more than max_series_per_target, the newest of ${this.refusals.newestNames()[0]}`,
        );
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      this.#note(start_ms, duration(), page.failure);
      // The target is well, the disk is not: whoever looks at the target must see that its samples are missing.
      if (page.failure === '') this.lastError = `its samples could not be stored: ${error.message}`;
      this.#complain('the samples of a scrape could not be written', error.message);
    }
  }

  #note(start_ms: number, duration_ms: number, error: string): void {
    this.lastScrape_ms = start_ms;
    this.lastDuration_ms = duration_ms;
    this.lastError = error;
    const health = error === '' ? 'up' : 'down';
    if (health === 'down' && this.health !== 'down') this.#complain('a target is down', error);
    this.health = health;
  }

  #report(scraped: Scraped, duration_ms: number, size: number): Report {
    return {
      up: scraped.error === '' ? 1 : 0,
      scrape_duration_seconds: duration_ms / 1000,
      scrape_samples_scraped: scraped.scraped,
      scrape_samples_post_metric_relabeling: scraped.added,
      scrape_series_added: scraped.seriesAdded,
      scrape_timeout_seconds: this.spec.timeout_ms / 1000,
      scrape_sample_limit: this.#job.sample_limit,
      scrape_body_size_bytes: size,
    };
  }

  #complain(what: string, reason: string): void {
    this.#warn(what, { reason });
  }

  /** Each thing once in a while, so that one does not hide another and none fills the log. */
  #warn(what: string, more: Readonly<Record<string, string | number>>): void {
    const now = this.#tools.env.clock.monotonic();
    if (now - (this.#loggedAt_ms.get(what) ?? -Infinity) < LOG_EVERY_MS) return;
    this.#loggedAt_ms.set(what, now);
    this.#tools.env.log.warn(what, { job: this.#job.job_name, url: this.spec.url, ...more });
  }
}

const NO_BYTES = new Uint8Array(0);

/** FNV-1a over UTF-16 units: spreads targets over their interval. */
export function hashText(text: string): number {
  let h = 0x811c9dc5 | 0;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h ^= h >>> 15;
  return (Math.imul(h, 0x85ebca6b) ^ (h >>> 13)) >>> 0;
}
