// The Publisher: the one queue through which every change of configuration goes, and the only caller of prepare and commit. A change of
// files is all or nothing: everything is read and validated first, then every part prepares, then all commit or all abort.
import type { Applied, Problem } from '@munjigi/model';
import { hasErrors, printProblem, Registry, type MetricFamily } from '@munjigi/model';
import type { Clock, Log } from '@munjigi/env';

/** What a change consists of once it has been read; null for a part that has not changed. */
export interface Candidate<Gateway, Watch> {
  readonly problems: readonly Problem[];
  readonly gateway: { readonly version: number; readonly content: Gateway } | null;
  readonly watch: Watch | null;
}

/** One part's two steps, as the wiring hands them over. */
export interface Step<T> {
  readonly name: string;
  prepare(next: T): Promise<readonly Problem[]>;
  commit(next: T): Promise<readonly Problem[]>;
  abort(next: T): Promise<void> | void;
}

export interface PublisherParts<Gateway, Watch> {
  /** Reads and validates everything. Rejects only when reading itself broke. */
  read(): Promise<Candidate<Gateway, Watch>>;
  readonly gateway: Step<{ version: number; content: Gateway }>;
  readonly watch: Step<Watch>;
  /** The candidate is what runs now. */
  settled(version: number): Promise<void> | void;
}

export interface LastChange extends Applied {
  readonly at_ms: number;
}

export interface Publisher {
  /** Reads the files and applies what changed. Waiting requests are answered by one run. */
  submit(reason: string): Promise<Applied>;
  last(): LastChange | null;
  families(): MetricFamily[];
}

export function createPublisher<Gateway, Watch>(
  clock: Clock,
  log: Log,
  parts: PublisherParts<Gateway, Watch>,
): Publisher {
  const registry = new Registry();
  const success = registry
    .gauge(
      'prometheus_config_last_reload_successful',
      'Whether the last configuration reload was successful.',
    )
    .with();
  const successTime = registry
    .gauge(
      'prometheus_config_last_reload_success_timestamp_seconds',
      'Time of the last successful configuration reload.',
    )
    .with();
  const changes = registry.counter('munjigi_config_changes_total', 'Changes of configuration, by result.');
  const versionGauge = registry
    .gauge('munjigi_config_version', 'Version of the gateway configuration that runs.')
    .with();

  let version = 0;
  let last: LastChange | null = null;
  let running: Promise<Applied> | null = null;
  let waiting: { promise: Promise<Applied>; reasons: string[] } | null = null;

  async function run(reasons: readonly string[]): Promise<Applied> {
    const from = clock.monotonic();
    const applied = await attempt().catch((error: unknown): Applied => {
      const message = `the change could not be carried out: ${error instanceof Error ? error.message : String(error)}`;
      return { ok: false, version, problems: [problem(message)] };
    });
    last = { ...applied, at_ms: clock.now() };
    success.set(applied.ok ? 1 : 0);
    changes.with({ result: applied.ok ? 'applied' : 'refused' }).add();
    if (applied.ok) {
      successTime.set(last.at_ms / 1000);
      versionGauge.set(version);
    }
    for (const p of applied.problems) {
      if (p.severity === 'error') log.error(printProblem(p));
      else log.warn(printProblem(p));
    }
    const fields = { reason: reasons.join(', '), version, took_ms: Math.round(clock.monotonic() - from) };
    if (applied.ok) log.info('configuration applied', fields);
    else log.error('configuration refused, the last good one keeps running', fields);
    return applied;
  }

  async function attempt(): Promise<Applied> {
    const candidate = await parts.read();
    const problems = [...candidate.problems];
    if (hasErrors(problems)) return { ok: false, version, problems };
    const { gateway, watch } = candidate;

    const undo: (() => Promise<void> | void)[] = [];
    if (gateway !== null) {
      undo.push(() => parts.gateway.abort(gateway));
      problems.push(...(await prepared(parts.gateway, gateway)));
    }
    if (watch !== null) {
      undo.push(() => parts.watch.abort(watch));
      problems.push(...(await prepared(parts.watch, watch)));
    }
    if (hasErrors(problems)) {
      for (const abort of undo) await abort();
      return { ok: false, version, problems };
    }

    if (gateway !== null) problems.push(...(await parts.gateway.commit(gateway)));
    if (watch !== null) problems.push(...(await parts.watch.commit(watch)));
    if (gateway !== null) version = gateway.version;
    await parts.settled(version);
    return { ok: !hasErrors(problems), version, problems };
  }

  async function prepared<T>(step: Step<T>, next: T): Promise<readonly Problem[]> {
    try {
      return await step.prepare(next);
    } catch (error) {
      return [
        problem(`${step.name} could not prepare: ${error instanceof Error ? error.message : String(error)}`),
      ];
    }
  }

  function start(reasons: readonly string[]): Promise<Applied> {
    const run_ = run(reasons).finally(() => {
      running = null;
    });
    running = run_;
    return run_;
  }

  return {
    submit(reason) {
      if (running === null) return start([reason]);
      if (waiting !== null) {
        waiting.reasons.push(reason);
        return waiting.promise;
      }
      const reasons = [reason];
      const promise = running.then(() => {
        waiting = null;
        return start(reasons);
      });
      waiting = { promise, reasons };
      return promise;
    },
    last: () => last,
    families: () => registry.families(),
  };
}

function problem(message: string): Problem {
  return { severity: 'error', file: 'munjigi', line: 0, column: 0, field: '', message };
}
