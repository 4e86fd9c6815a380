// Prometheus' own configuration files: what it refuses we refuse, what it accepts we accept. Where we refuse a feature that we do not
// have, instead of neglecting it, the message says "not supported"; that is no failure here.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parsePrometheusConfig } from '@munjigi/collect';
import { nodeEnv } from '@munjigi/env/node';
import { printProblem } from '@munjigi/model';

/** Refused by Prometheus for a reason outside the file's text. */
const AGENT_ONLY = /^agent_mode\./;
/** Bad by their names, but for another reader: a target group file, and a rule file. */
const OTHER_FORMATS: ReadonlySet<string> = new Set(['static_config.bad.yml']);

export function run(dataDir: string): Promise<{ passed: number; failures: string[] }> {
  const dir = join(dataDir, 'metrics/config/prometheus');
  const failures: string[] = [];
  let passed = 0;
  const { files } = nodeEnv();
  for (const name of readdirSync(dir).sort()) {
    if (!name.endsWith('.yml') || AGENT_ONLY.test(name) || OTHER_FORMATS.has(name)) continue;
    const { problems } = parsePrometheusConfig(join(dir, name), readFileSync(join(dir, name), 'utf8'), {
      files,
    });
    const errors = problems.filter((p) => p.severity === 'error');
    const wrong = errors.filter((p) => !/not supported/.test(p.message));
    const bad = /\.(?:bad|incompatible)\.yml$/.test(name) || name.startsWith('config_with_deprecated');
    if (bad && errors.length === 0) failures.push(`${name}: should be refused`);
    else if (!bad && wrong.length > 0) failures.push(`${name}: ${printProblem(wrong[0]!)}`);
    else passed++;
  }
  return Promise.resolve({ passed, failures });
}
