// `npm run bench -- NAME [args]`: a comparison with a peer on this machine, in one run, as a ratio.
import { runNamed } from '../tools/run-named.ts';

process.exitCode = await runNamed(
  import.meta.url,
  'usage: npm run bench -- NAME\nexample: npm run bench -- proxy',
  'comparisons',
);
