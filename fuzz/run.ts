// `npm run fuzz -- NAME`: wrong bytes for decoders, random queries against a peer, for as long as is wanted.
import { runNamed } from '../tools/run-named.ts';

process.exitCode = await runNamed(
  import.meta.url,
  'usage: npm run fuzz -- NAME [--seconds N]\nexample: npm run fuzz -- tsdb --seconds 60',
  'fuzzers',
);
