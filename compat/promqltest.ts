// Prometheus' own test scripts of the query language, run against this engine in one process.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runTestFile } from '@munjigi/promql/testing';

export async function run(dataDir: string): Promise<{ passed: number; failures: string[] }> {
  const dir = join(dataDir, 'metrics/promql/promqltest');
  const failures: string[] = [];
  let passed = 0;
  for (const file of readdirSync(dir).sort()) {
    if (!file.endsWith('.test')) continue;
    const result = await runTestFile(readFileSync(join(dir, file), 'utf8'));
    passed += result.passed;
    failures.push(...result.failures.map((f) => `${file}:${f}`));
  }
  return { passed, failures };
}
