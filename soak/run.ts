// `npm run soak -- NAME`: long runs that look for what short tests miss.
import { readdirSync } from 'node:fs';

const names = readdirSync(new URL('.', import.meta.url))
  .filter((name) => name.endsWith('.ts') && name !== 'run.ts')
  .map((name) => name.slice(0, -3));

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  const text = `usage: npm run soak -- NAME\nexample: npm run soak -- crash --seeds 10000\nruns: ${names.join(', ')}`;
  if (name === '--help') console.log(text);
  else {
    console.error(text);
    process.exitCode = 2;
  }
} else {
  const { main, usage } = (await import(`./${name}.ts`)) as {
    main: (args: string[]) => Promise<number>;
    usage: string;
  };
  if (args.includes('--help')) console.log(usage);
  else process.exitCode = await main(args);
}
