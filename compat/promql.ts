// Prometheus' own test scripts of the query language, through the real store: from its head, and again from blocks.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runScript } from '@munjigi/promql';
import type { Progress } from '../tools/progress.ts';
import { openStorage } from './promql/storage.ts';

export async function run(
  dataDir: string,
  _progress: Progress,
  args: readonly string[],
): Promise<{ passed: number; failures: string[] }> {
  const dir = join(dataDir, 'metrics/promql/promqltest');
  const failures: string[] = [];
  let passed = 0;
  for (const file of readdirSync(dir).sort()) {
    if (!file.endsWith('.test') || (args.length > 0 && !args.includes(file))) continue;
    const counts: string[] = [];
    for (const place of ['head', 'blocks'] as const) {
      const result = await runScript(readFileSync(join(dir, file), 'utf8'), {
        newStorage: () => openStorage(place),
      });
      const wrong = [...result.problems, ...result.failures];
      passed += result.passed;
      for (const { line, message } of wrong) failures.push(`${file}:${line}: from ${place}: ${message}`);
      counts.push(`${place} ${result.passed} passed, ${wrong.length} failed`);
    }
    console.log(`${file.padEnd(28)} ${counts.join('; ')}`);
  }
  return { passed, failures };
}

export const usage = `npm run compat -- promql [FILE...]
Prometheus' test scripts of the query language with all repetitions that its own runner makes, through the store: from its head, then from blocks.
example: npm run compat -- promql operators.test`;
