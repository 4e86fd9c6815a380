// Everything a configuration names, read and validated without starting anything: what `check` prints and what the control thread hands to
// the Publisher.
import { createHash } from 'node:crypto';
import { parsePrometheusConfig, type PrometheusConfig } from '@munjigi/collect';
import { createControl, type GatewayView } from '@munjigi/control';
import { EnvError, type Env } from '@munjigi/env';
import { environment } from '@munjigi/env/node';
import type { Problem } from '@munjigi/model';
import type { Delta } from '@munjigi/proxy';
import type { MunjigiConfig } from './config.ts';
import { settledReader, type Watched } from './watch.ts';

export interface Loaded {
  readonly problems: readonly Problem[];
  /** null: the gateway has not changed since `committed`, or there is an error. */
  readonly delta: Delta | null;
  readonly view: GatewayView | null;
  /** null: as before, or there is an error. */
  readonly scrape: PrometheusConfig | null;
}

export interface Loader {
  load(): Promise<Loaded>;
  /** What the last `load` gave is what runs now. */
  committed(): void;
}

export function createLoader(env: Env, config: MunjigiConfig): Loader {
  const control = createControl(env);
  let committedScrape: string | null = null;
  let lastScrape: string | null = null;
  let lastVersion = 0;
  const reader = settledReader(env.clock, env.files, watchedFiles(config));
  return {
    load: () => reader.read(load),
    committed() {
      committedScrape = lastScrape;
      if (lastVersion > 0) control.committed(lastVersion);
    },
  };

  async function load(): Promise<Loaded> {
    const problems: Problem[] = [];
    const gateway =
      config.gateway === null
        ? null
        : await control.load({ folders: config.gateway.files, listeners: config.gateway.listen });
    if (gateway !== null) problems.push(...gateway.problems);
    const scrape = readScrapeConfig(env, config.metrics.config);
    problems.push(...scrape.problems);
    lastScrape = scrape.fingerprint;
    if (gateway?.delta !== null && gateway?.delta !== undefined) lastVersion = gateway.delta.version;
    return {
      problems,
      delta: gateway?.delta ?? null,
      view: gateway?.view ?? null,
      scrape: scrape.fingerprint === committedScrape ? null : scrape.config,
    };
  }
}

/** What a person edits while the program runs. */
export function watchedFiles(config: MunjigiConfig): Watched {
  return {
    files: config.metrics.config === null ? [] : [config.metrics.config],
    folders: config.gateway?.files ?? [],
  };
}

function readScrapeConfig(
  env: Env,
  file: string | null,
): { config: PrometheusConfig | null; fingerprint: string; problems: readonly Problem[] } {
  let text = '';
  if (file !== null)
    try {
      text = new TextDecoder().decode(env.files.readFile(file));
    } catch (error) {
      if (!(error instanceof EnvError)) throw error;
      const message = `cannot be read: ${error.message}`;
      return {
        config: null,
        fingerprint: '',
        problems: [{ severity: 'error', file, line: 0, column: 0, field: '', message }],
      };
    }
  const { config, problems } = parsePrometheusConfig(file ?? 'prometheus.yml', text, {
    files: env.files,
    variables: (name) => environment()[name],
  });
  // Of what was understood: files it names are in it, comments are not.
  return { config, problems, fingerprint: createHash('sha256').update(JSON.stringify(config)).digest('hex') };
}
