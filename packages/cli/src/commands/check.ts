// `munjigi check`: a whole configuration without starting it.
import { nodeEnv, stderr, stdout } from '@munjigi/env/node';
import { hasErrors, printProblem, type Problem } from '@munjigi/model';
import { createLoader } from '../load.ts';
import { readMunjigiConfig, QUICKSTART_CONFIG } from '../read-config.ts';

export interface CheckOptions {
  readonly json?: boolean;
}

export async function check(file: string | undefined, options: CheckOptions): Promise<number> {
  const env = nodeEnv({ logLevel: 'error' });
  const { config, problems } = readMunjigiConfig(env, file ?? QUICKSTART_CONFIG, null);
  const all: Problem[] = [...problems];
  let routes = 0;
  let jobs = 0;
  if (config !== null) {
    const loaded = await createLoader(env, config).load();
    all.push(...loaded.problems);
    routes = loaded.view?.routes.length ?? 0;
    jobs = loaded.scrape?.scrape_configs.length ?? 0;
  }
  const bad = hasErrors(all);
  if (options.json === true) stdout.write(`${JSON.stringify({ ok: !bad, problems: all })}\n`);
  else {
    for (const problem of all)
      (problem.severity === 'error' ? stderr : stdout).write(`${printProblem(problem)}\n`);
    const errors = all.filter(({ severity }) => severity === 'error').length;
    const warnings = all.length - errors;
    stdout.write(
      bad
        ? `${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}\n`
        : `ok: ${routes} routes, ${jobs} scrape jobs, ${warnings} warnings\n`,
    );
  }
  return bad ? 2 : 0;
}
