// `npm run compat -- SUITE`: runs public conformance data, or a comparison with a real peer, against this checkout, prints what fails, then
// `N passed, N failed`. How many cases of the conformance data pass is kept in passed.json and only rises.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { conformanceDir } from '../tools/peers.ts';
import { newProgress, type Progress } from '../tools/progress.ts';

export interface SuiteResult {
  readonly passed: number;
  readonly failures: readonly string[];
}

/** What a suite's module exports. */
interface Suite {
  readonly run: (dataDir: string, progress: Progress, args: readonly string[]) => Promise<SuiteResult>;
  /** Only suites that need a peer instead of conformance data: null, or one line that says what is missing. They are not in passed.json. */
  readonly missingPeer?: () => string | null;
  /** Suites with options of their own. */
  readonly usage?: string;
}

const PASSED = new URL('passed.json', import.meta.url);
const usage = `npm run compat -- SUITE | --raise [SUITE]
Public conformance data, or a real peer, against this checkout.
  --raise        runs the suites of conformance data (or one) and raises the numbers in compat/passed.json; never lowers them
example: npm run compat -- promql-grammar`;

export function suites(): string[] {
  return readdirSync(new URL('.', import.meta.url))
    .filter((name) => name.endsWith('.ts') && name !== 'run.ts' && !name.endsWith('.test.ts'))
    .map((name) => name.slice(0, -3));
}

/** The suites that conformance data alone feeds. */
export async function dataSuites(): Promise<string[]> {
  const names: string[] = [];
  for (const name of suites()) if ((await load(name)).missingPeer === undefined) names.push(name);
  return names;
}

async function load(name: string): Promise<Suite> {
  return (await import(`./${name}.ts`)) as Suite;
}

export async function runSuite(name: string, dataDir: string): Promise<SuiteResult> {
  return (await load(name)).run(dataDir, newProgress(), []);
}

/** Suite -> how many of its cases passed when the number was last raised. */
export function passedBefore(): Record<string, number> {
  return JSON.parse(readFileSync(PASSED, 'utf8')) as Record<string, number>;
}

async function main([name, ...args]: readonly string[]): Promise<number> {
  const known = suites();
  if (name === '--help') {
    console.log(`${usage}\nsuites: ${known.join(', ')}`);
    return 0;
  }
  const suite = name === '--raise' ? args[0] : name;
  if (name === undefined || (suite !== undefined && !known.includes(suite))) {
    console.error(`${usage}\nsuites: ${known.join(', ')}`);
    return 2;
  }
  if (name === '--raise') {
    const data = await dataSuites();
    if (suite !== undefined && !data.includes(suite)) {
      console.error(`${suite} is a comparison with a peer: it has no number`);
      return 2;
    }
    return raise(suite === undefined ? data : [suite]);
  }
  const module = await load(name);
  if (args.includes('--help')) {
    console.log(module.usage ?? usage);
    return 0;
  }
  const missing = module.missingPeer?.() ?? null;
  const dataDir = conformanceDir() ?? '';
  if (missing !== null || (dataDir === '' && module.missingPeer === undefined)) {
    console.error(missing ?? NO_DATA);
    return 2;
  }
  const progress = newProgress();
  const { passed, failures } = await module.run(dataDir, progress, args);
  progress.done();
  for (const failure of failures) console.log(failure);
  console.log(`${passed} passed, ${failures.length} failed`);
  return failures.length === 0 ? 0 : 1;
}

const NO_DATA = 'conformance data not found: set MUNJIGI_CONFORMANCE to its folder';

async function raise(names: readonly string[]): Promise<number> {
  const dataDir = conformanceDir();
  if (dataDir === null) {
    console.error(NO_DATA);
    return 2;
  }
  const numbers = passedBefore();
  let fallen = 0;
  for (const name of names) {
    const { passed, failures } = await runSuite(name, dataDir);
    const before = numbers[name];
    const verdict =
      before === undefined
        ? 'new'
        : passed > before
          ? `was ${before}`
          : passed < before
            ? 'FELL'
            : 'as before';
    if (verdict === 'FELL') fallen++;
    else numbers[name] = passed;
    console.log(
      `${name.padEnd(20)} ${passed} of ${passed + failures.length} pass, ${verdict === 'FELL' ? `below the ${before} of passed.json, which stays` : verdict}`,
    );
  }
  const sorted = Object.fromEntries(Object.entries(numbers).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeFileSync(PASSED, `${JSON.stringify(sorted, null, 2)}\n`);
  return fallen === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
