// One job: its discovery, its targets and their loops.
import { discover, type Discovery, type TargetGroup } from '@munjigi/discovery';
import type { Timer } from '@munjigi/env';
import { compileRelabel, type Labels, type Relabeler } from '@munjigi/model';
import type { ScrapeConfig } from './configuration/scrape.ts';
import { ScrapeLoop, type LoopTools } from './loop.ts';
import { judgeTarget, type TargetSpec } from './target.ts';

/** Dropped targets remembered for display when the job sets no `keep_dropped_targets`. */
const DROPPED_MAX = 10_000;

/** Compiled parts of a job; making them is what can fail. */
export interface CompiledJob {
  readonly job: ScrapeConfig;
  readonly relabel: Relabeler;
  readonly metricRelabel: Relabeler;
}

/** Throws RegExpError for rules that the configuration's reader would have refused. */
export function compileJob(job: ScrapeConfig): CompiledJob {
  const scheme = job.metric_name_validation_scheme;
  return {
    job,
    relabel: compileRelabel(job.relabel_configs, scheme),
    metricRelabel: compileRelabel(job.metric_relabel_configs, scheme),
  };
}

export class ScrapePool {
  readonly #tools: LoopTools;
  #compiled: CompiledJob;
  #discovery: Discovery;
  readonly #loops = new Map<string, ScrapeLoop>();
  #dropped: Labels[] = [];
  readonly #ending = new Set<{ readonly loop: ScrapeLoop; timer: Timer }>();
  /** Whether somewhere a target with these public labels is being scraped. */
  readonly #scraped: (labels: Labels) => boolean;

  constructor(tools: LoopTools, compiled: CompiledJob, scraped: (labels: Labels) => boolean) {
    this.#tools = tools;
    this.#compiled = compiled;
    this.#scraped = scraped;
    this.#discovery = this.#discover();
    this.#sync();
  }

  get name(): string {
    return this.#compiled.job.job_name;
  }

  loops(): Iterable<ScrapeLoop> {
    return this.#loops.values();
  }

  get dropped(): readonly Labels[] {
    return this.#dropped;
  }

  /** Whether targets that are gone have series that are yet to end. */
  get ending(): boolean {
    return this.#ending.size > 0;
  }

  /** Takes the job's next settings. Targets that stay keep their loops, and unless something else changed, all they know. */
  change(compiled: CompiledJob): void {
    const before = this.#compiled.job;
    const { job } = compiled;
    this.#compiled = compiled;
    this.#tools.counters.reloads.with().add();
    if (!same(discoveryOf(before), discoveryOf(job))) {
      this.#discovery.close();
      this.#discovery = this.#discover();
    }
    if (!same(settingsOf(before), settingsOf(job))) {
      for (const loop of this.#loops.values()) loop.change(job, compiled.metricRelabel);
    }
    this.#sync();
  }

  /** The job is gone: its series end as those of vanished targets do. */
  remove(): void {
    this.#discovery.close();
    for (const [key, loop] of this.#loops) this.#drop(key, loop);
    this.#forgetCounters();
  }

  /** The program ends: nothing more is written, no markers either, as it may be back at once. */
  async close(): Promise<void> {
    this.#discovery.close();
    for (const ending of this.#ending) ending.timer.cancel();
    this.#ending.clear();
    const loops = [...this.#loops.values()];
    this.#loops.clear();
    await Promise.all(loops.map((loop) => loop.stop(true)));
  }

  #discover(): Discovery {
    const { job } = this.#compiled;
    return discover(this.#tools.env, job, job.dir, () => this.#sync());
  }

  /** Makes the loops those of the targets that discovery knows now. */
  #sync(): void {
    const { job, metricRelabel } = this.#compiled;
    const groups = this.#discovery.groups();
    const targets = this.#judge(groups);
    const { counters } = this.#tools;
    counters.syncs.with({ scrape_job: this.name }).add();
    const over = job.target_limit > 0 && targets.size > job.target_limit;
    if (over) counters.targetLimit.with().add();
    const forced = over
      ? `target_limit exceeded (number of targets: ${targets.size}, limit: ${job.target_limit})`
      : '';
    for (const [key, loop] of this.#loops) if (!targets.has(key)) this.#drop(key, loop);
    for (const [key, spec] of targets) {
      let loop = this.#loops.get(key);
      if (loop === undefined) {
        loop = new ScrapeLoop(this.#tools, spec, job, metricRelabel);
        this.#loops.set(key, loop);
        loop.start();
      }
      loop.forcedError = forced;
    }
    counters.poolTargets.with({ scrape_job: this.name }).set(this.#loops.size);
    const found = groups.reduce((n, group) => n + group.targets.length, 0);
    counters.discovered.with({ config: this.name, name: 'scrape' }).set(found);
  }

  #judge(groups: readonly TargetGroup[]): Map<string, TargetSpec> {
    const { job, relabel } = this.#compiled;
    const targets = new Map<string, TargetSpec>();
    const keep = job.keep_dropped_targets === 0 ? DROPPED_MAX : job.keep_dropped_targets;
    this.#dropped = [];
    let bad = 0;
    let reason = '';
    for (const group of groups) {
      for (const labels of group.targets) {
        const judged = judgeTarget(group, labels, job, relabel);
        if (judged.kind === 'target') targets.set(judged.target.key, judged.target);
        else if (judged.kind === 'dropped') {
          if (this.#dropped.length < keep) this.#dropped.push(judged.discoveredLabels);
        } else if (bad++ === 0) reason = judged.reason;
      }
    }
    if (bad > 0) {
      this.#tools.counters.syncFailed.with({ scrape_job: this.name }).add(bad);
      this.#tools.env.log.error('targets cannot be used', { job: this.name, count: bad, first: reason });
    }
    return targets;
  }

  /**
   * Ends a target's loop, and its series two intervals later unless a target with the same labels has taken over: one that only moved
   * (another port, another interval) must not be marked as ended.
   */
  #drop(key: string, loop: ScrapeLoop): void {
    this.#loops.delete(key);
    const { clock } = this.#tools.env;
    const interval = loop.spec.interval_ms;
    const stale_ms = loop.nextScrape_ms();
    void loop.stop(false);
    const wait_ms = stale_ms - clock.now() + 1.1 * interval;
    const ending = {
      loop,
      timer: clock.after(wait_ms, () => {
        this.#ending.delete(ending);
        if (!this.#scraped(loop.spec.labels)) void loop.end(stale_ms);
      }),
    };
    this.#ending.add(ending);
  }

  #forgetCounters(): void {
    const { counters } = this.#tools;
    counters.poolTargets.remove({ scrape_job: this.name });
    counters.refusedByCap.remove({ scrape_job: this.name });
    counters.discovered.remove({ config: this.name, name: 'scrape' });
  }
}

function discoveryOf(job: ScrapeConfig): unknown {
  return [job.static_configs, job.file_sd_configs, job.dir];
}

/** What a loop uses of its job (what is in a target's labels is not among it: another value there is another target). */
function settingsOf(job: ScrapeConfig): unknown {
  const { static_configs: _s, file_sd_configs: _f, relabel_configs: _r, dir: _d, ...rest } = job;
  return rest;
}

function same(a: unknown, b: unknown): boolean {
  return canonical(a) === canonical(b);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, v: unknown) => (v instanceof Map ? [...v] : v));
}
