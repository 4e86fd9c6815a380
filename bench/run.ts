// `npm run bench -- NAME [args]`: a comparison with a peer on this machine, in one run, as a ratio.
import { readdirSync } from 'node:fs';

const names = readdirSync(new URL('.', import.meta.url))
  .filter((name) => name.endsWith('.ts') && name !== 'run.ts')
  .map((name) => name.slice(0, -3));

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  console.error(
    `usage: npm run bench -- NAME\nexample: npm run bench -- proxy\ncomparisons: ${names.join(', ')}`,
  );
  process.exitCode = 2;
} else {
  const { main, usage } = (await import(`./${name}.ts`)) as {
    main: (args: string[]) => Promise<number>;
    usage: string;
  };
  if (args.includes('--help')) console.log(usage);
  else process.exitCode = await main(args);
}
