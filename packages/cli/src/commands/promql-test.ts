// `munjigi promql test`: runs Prometheus' test scripts of the query language in memory.
import type { Command } from 'commander';
import { EnvError, type Env } from '@munjigi/env';
import { nodeEnv, stderr, stdout } from '@munjigi/env/node';
import { decodeUtf8 } from '@munjigi/model';
import { runScript } from '@munjigi/promql';

interface TestOptions {
  /** False: names are dropped at once, as Prometheus does without its flag. */
  readonly delayedNameRemoval?: boolean;
  /** False: start timestamps are not looked at. */
  readonly startTimestamps?: boolean;
}

export function registerPromqlTest(
  promql: Command,
  done: (code: number) => void,
  example: (...lines: string[]) => string,
): void {
  promql
    .command('test')
    .description("run Prometheus' test scripts (load, eval, expect) in memory")
    .argument('<file...>', 'test scripts')
    .option('--no-delayed-name-removal', 'drop metric names at once, as Prometheus does without its flag')
    .option('--no-start-timestamps', 'tell counter resets by values alone')
    .addHelpText('after', example('munjigi promql test rates.test'))
    .action(async (files: string[], options: TestOptions) => done(await promqlTest(files, options)));
}

/** The exit code: 0 all passed, 1 some did not, 2 a file cannot be read or is no script. Such a file runs nothing, others go on. */
async function promqlTest(files: readonly string[], options: TestOptions): Promise<number> {
  const env = nodeEnv({ logLevel: 'error' });
  let passed = 0;
  let failed = 0;
  let unreadable = false;
  for (const file of files) {
    const text = textOf(env, file);
    if (text === null) {
      unreadable = true;
      continue;
    }
    const result = await runScript(text, options);
    for (const { line, message } of result.problems) stderr.write(`${file}:${line}: ${message}\n`);
    for (const { line, message } of result.failures) stdout.write(`${file}:${line}: ${message}\n`);
    if (result.problems.length > 0) unreadable = true;
    passed += result.passed;
    failed += result.failures.length;
  }
  stdout.write(`${passed} passed, ${failed} failed\n`);
  return unreadable ? 2 : failed > 0 ? 1 : 0;
}

function textOf(env: Pick<Env, 'files'>, file: string): string | null {
  try {
    const bytes = env.files.readFile(file);
    return decodeUtf8(bytes, 0, bytes.length);
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    stderr.write(`munjigi promql test: ${error.message}\n`);
    return null;
  }
}
