// `npm run FOLDER -- NAME [args]`: the runs of a folder, each a module with `main` and `usage`.
import { readdirSync } from 'node:fs';

interface Run {
  readonly main: (args: string[]) => Promise<number>;
  readonly usage: string;
}

/** Runs what the command line names among the modules beside `here`; the exit code. `how` is the usage when none is named. */
export async function runNamed(here: string, how: string, what: string): Promise<number> {
  const names = readdirSync(new URL('.', here))
    .filter((file) => file.endsWith('.ts') && file !== 'run.ts' && !file.startsWith('child-'))
    .map((file) => file.slice(0, -3));
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || !names.includes(name)) {
    const text = `${how}\n${what}: ${names.join(', ')}`;
    if (name !== '--help') console.error(text);
    else console.log(text);
    return name === '--help' ? 0 : 2;
  }
  const { main, usage } = (await import(new URL(`${name}.ts`, here).href)) as Run;
  if (!args.includes('--help')) return main(args);
  console.log(usage);
  return 0;
}
