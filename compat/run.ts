// `npm run compat -- SUITE`: runs public conformance data against this checkout, prints what fails, then `N passed, N failed`.
import { readdirSync } from 'node:fs';
import { conformanceDir } from '../tools/peers.ts';

/** What a suite's module exports as `run`. */
export interface SuiteResult {
  readonly passed: number;
  readonly failures: readonly string[];
}

export function suites(): string[] {
  return readdirSync(new URL('.', import.meta.url))
    .filter((name) => name.endsWith('.ts') && name !== 'run.ts' && !name.endsWith('.test.ts'))
    .map((name) => name.slice(0, -3));
}

export async function runSuite(name: string, dataDir: string): Promise<SuiteResult> {
  const module = (await import(`./${name}.ts`)) as { run: (dataDir: string) => Promise<SuiteResult> };
  return module.run(dataDir);
}

async function main(name: string | undefined): Promise<number> {
  const known = suites();
  if (name === undefined || !known.includes(name)) {
    console.error(
      `usage: npm run compat -- SUITE\nexample: npm run compat -- promql-grammar\nsuites: ${known.join(', ')}`,
    );
    return 2;
  }
  const dataDir = conformanceDir();
  if (dataDir === null) {
    console.error('conformance data not found: set MUNJIGI_CONFORMANCE to its folder');
    return 2;
  }
  const { passed, failures } = await runSuite(name, dataDir);
  for (const failure of failures) console.log(failure);
  console.log(`${passed} passed, ${failures.length} failed`);
  return failures.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(process.argv[2]);
