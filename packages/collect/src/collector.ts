// The scrape manager: takes prometheus.yml as it changes, and keeps one pool of loops a job.
import { EnvError, type Env } from '@munjigi/env';
import {
  labelsKey,
  RegExpError,
  type Appendable,
  type Applied,
  type Labels,
  type MetricFamily,
  type Part,
  type Problem,
} from '@munjigi/model';
import { Rows } from './append.ts';
import type { PrometheusConfig } from './configuration/prometheus.ts';
import { createCounters } from './counters.ts';
import { hashText, type Health, type LoopTools, type ScrapeLoop } from './loop.ts';
import { compileJob, ScrapePool, type CompiledJob } from './pool.ts';
import { tlsOf } from './request.ts';

export interface CollectorOptions {
  /** User-Agent of scrapes. */
  readonly userAgent: string;
  /** How many series one target may have: known ones go on, further ones are left out; 0 or absent: any number. */
  readonly maxSeriesPerTarget?: number;
}

/** One active target, as plain data. */
export interface TargetView {
  readonly scrapePool: string;
  readonly discoveredLabels: Labels;
  readonly labels: Labels;
  readonly scrapeUrl: string;
  readonly globalUrl: string;
  /** '' after a good scrape. */
  readonly lastError: string;
  /** ms since 1970; 0: never. */
  readonly lastScrape_ms: number;
  readonly lastScrapeDuration_ms: number;
  readonly health: Health;
  readonly scrapeInterval_ms: number;
  readonly scrapeTimeout_ms: number;
  /** New series that its last scrape left out because it has as many as it may. */
  readonly seriesRefused: number;
}

export interface DroppedTargetView {
  readonly scrapePool: string;
  readonly discoveredLabels: Labels;
}

export interface TargetsView {
  readonly active: readonly TargetView[];
  readonly dropped: readonly DroppedTargetView[];
  /** Names of all jobs, also of those without targets. */
  readonly pools: readonly string[];
}

/** What was refused of new series, as plain data. `refused` counts a series again with each scrape that has it. */
export interface RefusedView {
  /** By the storage, of all targets: for its own cap, or for labels that it does not take. */
  readonly storage: { readonly refused: number; readonly newestNames: readonly string[] };
  /** Of one target; 0: no cap. */
  readonly maxSeriesPerTarget: number;
  /** By the cap of a target: those that refused most of late first. */
  readonly targets: readonly RefusedOfTarget[];
}

export interface RefusedOfTarget {
  readonly scrapePool: string;
  readonly labels: Labels;
  readonly scrapeUrl: string;
  /** Series that go on. */
  readonly series: number;
  readonly refused: number;
  /** Of the last scrape. */
  readonly refusedNow: number;
  /** Metrics that something was refused of, newest first. */
  readonly newestNames: readonly string[];
}

export interface Collector extends Part<PrometheusConfig> {
  targets(): TargetsView;
  /** What was refused; of targets the first `limit`. */
  refused(limit: number): RefusedView;
  /** Its own metrics. */
  families(): MetricFamily[];
  /** Ends all scraping. No staleness markers are written: the program may be back before the next scrape. */
  close(): Promise<void>;
}

/** Makes a collector that scrapes nothing until a configuration is committed. */
export function createCollector(env: Env, storage: Appendable, options: CollectorOptions): Collector {
  const counters = createCounters();
  const rows = new Rows();
  const maxSeriesPerTarget = options.maxSeriesPerTarget ?? 0;
  const pools = new Map<string, ScrapePool>();
  /** Jobs that are gone but have series to end. */
  let leaving: ScrapePool[] = [];
  let prepared: { readonly config: PrometheusConfig; readonly jobs: CompiledJob[] } | null = null;
  let version = 0;

  const scraped = (labels: Labels): boolean => {
    const key = labelsKey(labels);
    for (const pool of pools.values()) {
      for (const loop of pool.loops()) if (labelsKey(loop.spec.labels) === key) return true;
    }
    return false;
  };

  const apply = (config: PrometheusConfig, jobs: readonly CompiledJob[]): void => {
    const tools: LoopTools = {
      env,
      storage,
      rows,
      counters,
      userAgent: options.userAgent,
      maxSeriesPerTarget,
      // As Prometheus: external labels tell replicas apart.
      seed: hashText(config.global.external_labels.join('\u0000')),
    };
    leaving = leaving.filter((pool) => pool.ending);
    const names = new Set(jobs.map(({ job }) => job.job_name));
    for (const [name, pool] of pools) {
      if (names.has(name)) continue;
      pool.remove();
      pools.delete(name);
      leaving.push(pool);
    }
    for (const compiled of jobs) {
      const name = compiled.job.job_name;
      const pool = pools.get(name);
      if (pool === undefined) pools.set(name, new ScrapePool(tools, compiled, scraped));
      else pool.change(compiled);
    }
  };

  return {
    prepare(next): Promise<Problem[]> {
      const problems: Problem[] = [];
      const jobs: CompiledJob[] = [];
      for (const job of next.scrape_configs) {
        try {
          tlsOf(env, job);
          jobs.push(compileJob(job));
        } catch (error) {
          if (!(error instanceof EnvError) && !(error instanceof RegExpError)) throw error;
          const field = `scrape_configs[${job.job_name}]`;
          problems.push({
            severity: 'error',
            file: 'prometheus.yml',
            line: 0,
            column: 0,
            field,
            message: error.message,
          });
        }
      }
      prepared = problems.length === 0 ? { config: next, jobs } : null;
      return Promise.resolve(problems);
    },
    commit(): Promise<Applied> {
      if (prepared !== null) apply(prepared.config, prepared.jobs);
      prepared = null;
      return Promise.resolve({ ok: true, version: ++version, problems: [] });
    },
    abort(): void {
      prepared = null;
    },
    targets(): TargetsView {
      const active: TargetView[] = [];
      const dropped: DroppedTargetView[] = [];
      for (const pool of pools.values()) {
        for (const loop of pool.loops()) active.push(viewOf(pool.name, loop));
        for (const discoveredLabels of pool.dropped)
          dropped.push({ scrapePool: pool.name, discoveredLabels });
      }
      return { active, dropped, pools: [...pools.keys()] };
    },
    refused(limit): RefusedView {
      const targets: { pool: string; loop: ScrapeLoop }[] = [];
      for (const pool of pools.values())
        for (const loop of pool.loops()) if (loop.refusals.total > 0) targets.push({ pool: pool.name, loop });
      targets.sort(
        ({ loop: { refusals: a } }, { loop: { refusals: b } }) => b.now - a.now || b.total - a.total,
      );
      return {
        storage: { refused: counters.refusals.total, newestNames: counters.refusals.newestNames() },
        maxSeriesPerTarget,
        targets: targets.slice(0, limit).map(({ pool, loop }) => refusedOf(pool, loop)),
      };
    },
    families: () => counters.families(),
    async close(): Promise<void> {
      const all = [...pools.values(), ...leaving];
      pools.clear();
      leaving = [];
      await Promise.all(all.map((pool) => pool.close()));
    },
  };
}

function viewOf(scrapePool: string, loop: ScrapeLoop): TargetView {
  const { spec } = loop;
  return {
    scrapePool,
    discoveredLabels: spec.discoveredLabels,
    labels: spec.labels,
    scrapeUrl: spec.url,
    globalUrl: spec.url,
    lastError: loop.lastError,
    lastScrape_ms: loop.lastScrape_ms,
    lastScrapeDuration_ms: loop.lastDuration_ms,
    health: loop.health,
    scrapeInterval_ms: spec.interval_ms,
    scrapeTimeout_ms: spec.timeout_ms,
    seriesRefused: loop.refusals.now,
  };
}

function refusedOf(scrapePool: string, loop: ScrapeLoop): RefusedOfTarget {
  const { spec, refusals } = loop;
  return {
    scrapePool,
    labels: spec.labels,
    scrapeUrl: spec.url,
    series: loop.series(),
    refused: refusals.total,
    refusedNow: refusals.now,
    newestNames: refusals.newestNames(),
  };
}
