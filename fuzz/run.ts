// `npm run fuzz -- NAME`: wrong bytes for decoders, for as long as is wanted.
import { readdirSync } from 'node:fs';

const names = readdirSync(new URL('.', import.meta.url))
  .filter((name) => name.endsWith('.ts') && name !== 'run.ts' && !name.startsWith('child-'))
  .map((name) => name.slice(0, -3));

const [name, ...args] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  const text = `usage: npm run fuzz -- NAME [--seconds N]\nexample: npm run fuzz -- tsdb --seconds 60\nfuzzers: ${names.join(', ')}`;
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
