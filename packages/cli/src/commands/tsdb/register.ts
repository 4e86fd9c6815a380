// `munjigi tsdb`: its subcommands and their options, shaped like promtool's.
import type { Command } from 'commander';
import { analyze, type AnalyzeOptions } from './analyze.ts';
import { benchWrite, type BenchOptions } from './bench-write.ts';
import { createBlocks, type CreateOptions } from './create-blocks.ts';
import { dump, dumpOpenMetrics, type DumpOptions } from './dump.ts';
import { runCommand } from './failure.ts';
import { list, type ListOptions } from './list.ts';
import { repair, verify, type RepairCommandOptions, type VerifyCommandOptions } from './verify.ts';

const DEFAULT_PATH = 'data/metrics';

/** Adds `tsdb` to the program; `done` gets the exit code of the command that ran. `example` makes the text below a help. */
export function registerTsdb(
  program: Command,
  done: (code: number) => void,
  example: (...lines: string[]) => string,
): void {
  const tsdb = program.command('tsdb').description('look into a data folder, fill it, mend it');
  const folder = (command: Command): Command => command.argument('[dir]', 'the data folder', DEFAULT_PATH);
  const run = async (name: string, command: () => Promise<number> | number): Promise<void> =>
    done(await runCommand(`tsdb ${name}`, async () => command()));

  folder(tsdb.command('list').description('list the blocks'))
    .option('-r, --human-readable', 'times and sizes for people')
    .addHelpText('after', example('munjigi tsdb list -r data/metrics'))
    .action((dir: string, options: ListOptions) => run('list', () => list(folderPath(dir), options)));

  folder(tsdb.command('analyze').description('where the series of a block come from'))
    .argument('[block]', 'the ULID of a block; the newest when absent')
    .option('--limit <n>', 'lines of each list', '20')
    .option('--extended', 'look at the chunks too')
    .option('--match <selector>', 'only series that it selects')
    .addHelpText('after', example(`munjigi tsdb analyze data/metrics --match '{job="api"}' --extended`))
    .action((dir: string, block: string | undefined, options: AnalyzeOptions) =>
      run('analyze', () => analyze(folderPath(dir), block, options)),
    );

  const samples = (command: Command): Command =>
    folder(command)
      .option('--match <selector>', 'only series that it selects; may be given several times', collect)
      .option('--min-time <ms>', 'first time, ms since 1970')
      .option('--max-time <ms>', 'last time, ms since 1970')
      .option('--sandbox-dir-root <dir>', 'no effect: nothing is written');

  samples(tsdb.command('dump').description('print samples of blocks, head and logs'))
    .option('--format <format>', 'prom, or seriesjson (labels only)', 'prom')
    .addHelpText('after', example(`munjigi tsdb dump data/metrics --match 'up{job="api"}'`))
    .action((dir: string, options: DumpOptions) => run('dump', () => dump(folderPath(dir), options)));

  samples(
    tsdb.command('dump-openmetrics').description('print samples as OpenMetrics text, for create-blocks-from'),
  )
    .addHelpText(
      'after',
      example(`munjigi tsdb dump-openmetrics data/metrics --match '{job="api"}' > api.om`),
    )
    .action((dir: string, options: DumpOptions) =>
      run('dump-openmetrics', () => dumpOpenMetrics(folderPath(dir), options)),
    );

  // As in promtool, these may stand on either side of the word `openmetrics`.
  const creating = (command: Command): Command =>
    command
      .option('-r, --human-readable', 'print times and sizes for people')
      .option('-q, --quiet', 'print nothing of the blocks')
      .option('--max-block-duration <duration>', 'what a block may span, 2h or more')
      .option(
        '--allow-incompatible-block-duration',
        'take that as it is, not as a range that compaction expects',
      );
  const from = tsdb.command('create-blocks-from').description('make blocks of samples from elsewhere');
  creating(creating(from).command('openmetrics').description('make blocks of samples in OpenMetrics text'))
    .argument('<file>', 'the text, each sample with its time; - is standard input')
    .argument('[dir]', 'the data folder', DEFAULT_PATH)
    .option('--label <name=value>', 'a label for all series; may be given several times', collect)
    .addHelpText('after', example('munjigi tsdb create-blocks-from openmetrics old.om data/metrics'))
    .action((file: string, dir: string, _options: CreateOptions, command: Command) =>
      run('create-blocks-from openmetrics', () =>
        createBlocks(file, folderPath(dir), command.optsWithGlobals<CreateOptions>()),
      ),
    );

  tsdb
    .command('bench')
    .description('measure the store on this machine')
    .command('write')
    .description('take samples in, and tell how fast and with what memory')
    .argument('[file]', 'series to write, one a line as JSON; made up when absent')
    .option('--out <dir>', 'a folder for the store, written anew', 'benchout')
    .option('--metrics <n>', 'how many series', '10000')
    .option('--scrapes <n>', 'how many samples of each', '3000')
    .addHelpText('after', example('munjigi tsdb bench write --metrics 100000 --scrapes 100'))
    .action((file: string | undefined, options: BenchOptions) =>
      run('bench write', () => benchWrite(file, options)),
    );

  folder(
    tsdb.command('verify').description('look at every byte, and say what is wrong in which file and where'),
  )
    .argument('[blocks...]', 'ULIDs of blocks: only these are looked at')
    .option('-q, --quiet', 'print only what is wrong')
    .option('--json', 'print findings as JSON')
    .addHelpText('after', example('munjigi tsdb verify data/metrics'))
    .action((dir: string, blocks: string[], options: VerifyCommandOptions) =>
      run('verify', () => verify(folderPath(dir), blocks, options)),
    );

  folder(tsdb.command('repair').description('say what could be done about damage; with --apply do it'))
    .option('--apply', 'do it; what is replaced is kept in the folder aside')
    .option('-q, --quiet', 'no progress')
    .addHelpText(
      'after',
      example('munjigi tsdb repair data/metrics', 'munjigi tsdb repair data/metrics --apply'),
    )
    .action((dir: string, options: RepairCommandOptions) =>
      run('repair', () => repair(folderPath(dir), options)),
    );
}

function collect(value: string, all: readonly string[] = []): string[] {
  return [...all, value];
}

/** Without a slash at its end, as paths are put together from it. */
function folderPath(dir: string): string {
  return dir.length > 1 ? dir.replace(/\/+$/, '') : dir;
}
