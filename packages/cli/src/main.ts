// The commands. `main` parses arguments and returns the exit code: 0 well, 1 failure, 2 wrong usage or configuration.
import { Command, CommanderError } from 'commander';
import { OutputError, stderr, stdout } from '@munjigi/env/node';
import { check, type CheckOptions } from './commands/check.ts';
import { registerPromqlExplain } from './commands/promql-explain.ts';
import { promqlFormat, type FormatOptions } from './commands/promql-format.ts';
import { registerPromqlQuery } from './commands/promql-query.ts';
import { registerPromqlTest } from './commands/promql-test.ts';
import { registerTsdb } from './commands/tsdb/register.ts';
import { up, type UpOptions } from './commands/up.ts';
import { version } from './commands/version.ts';
import { PRODUCT_VERSION } from './product.ts';

export async function main(args: readonly string[]): Promise<number> {
  let code = 0;
  const program = new Command('munjigi')
    .description('The gate and the watch for a set of services: gateway, metrics, queries, console.')
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .exitOverride()
    .showHelpAfterError('(munjigi help shows what there is)')
    .version(PRODUCT_VERSION, '-v, --version', 'print the version')
    .helpCommand('help [command]', 'explain a command');

  program
    .command('up')
    .description('run everything; without --config the quickstart: sample services with light traffic')
    .option('-c, --config <file>', 'a munjigi.yaml')
    .option('--data <dir>', 'folder for data, instead of what the configuration says (quickstart: ./data)')
    .option('--no-traffic', 'quickstart only: send no traffic of its own')
    .addHelpText('after', example('munjigi up --config munjigi.yaml', 'munjigi up'))
    .action(async (options: UpOptions) => {
      code = await up(options);
    });

  program
    .command('check')
    .description('validate a configuration with everything it names, without starting it')
    .argument('[file]', 'a munjigi.yaml; without it the quickstart')
    .option('--json', 'print problems as JSON')
    .addHelpText('after', example('munjigi check munjigi.yaml'))
    .action(async (file: string | undefined, options: CheckOptions) => {
      code = await check(file, options);
    });

  const promql = program.command('promql').description('PromQL tools');
  const done = (result: number): void => {
    code = result;
  };
  registerPromqlQuery(promql, done, example);
  registerPromqlExplain(promql, done, example);
  registerPromqlTest(promql, done, example);

  promql
    .command('format')
    .description('print an expression as Prometheus formats it')
    .argument('<expr>', 'a PromQL expression; - reads it from standard input')
    .option('--check', 'print nothing; exit with 1 unless it is formatted already')
    .addHelpText(
      'after',
      example("munjigi promql format 'sum(rate(x[5m]))by(job)'", 'munjigi promql format --check - < q'),
    )
    .action((expr: string, options: FormatOptions) => done(promqlFormat(expr, options)));

  registerTsdb(program, done, example);

  program
    .command('version')
    .description('print the version of munjigi and of the Node it runs on')
    .addHelpText('after', example('munjigi version'))
    .action(() => {
      code = version();
    });

  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof OutputError) return outputEnded(error);
    if (!(error instanceof CommanderError)) throw error;
    // Help and version are no failure; everything else is wrong usage, already explained.
    return error.exitCode === 0 || error.code === 'commander.help' ? (args.length === 0 ? 2 : 0) : 2;
  }
  return code;
}

/** A reader that has enough (`head`) is no failure. */
function outputEnded({ code, message }: OutputError): number {
  if (code === 'EPIPE') return 0;
  stderr.write(`munjigi: ${message}\n`);
  return 1;
}

function example(...lines: readonly string[]): string {
  return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  ${line}`).join('\n')}\n`;
}
