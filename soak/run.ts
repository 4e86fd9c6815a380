// `npm run soak -- NAME`: long runs that look for what short tests miss.
import { runNamed } from '../tools/run-named.ts';

process.exitCode = await runNamed(
  import.meta.url,
  'usage: npm run soak -- NAME\nexample: npm run soak -- crash --seeds 10000',
  'runs',
);
