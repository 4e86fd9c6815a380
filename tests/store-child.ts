// A process of its own that fills a store or opens one, and says how much memory it took: node store-child.ts fill|open FOLDER
import { readFileSync } from 'node:fs';
import { nodeEnv } from '@munjigi/env/node';
import { labelsFromObject } from '@munjigi/model';
import { openDb, type Db } from '@munjigi/tsdb';

const SERIES = 30_000;
const SAMPLES = 200;
const INTERVAL_MS = 15_000;

const [, , what, path] = process.argv;
const db = await openDb(nodeEnv({ logLevel: 'error' }), { path: path!, interval_ms: 3_600_000 });
if (what === 'fill') await fill(db);
console.log(
  JSON.stringify({ peakBytes: peakBytes(), series: db.stats().series, replayed: db.walReplay().samples }),
);
// Waits to be killed.
setInterval(() => undefined, 60_000);

async function fill(store: Db): Promise<void> {
  let appender = store.appender();
  const refs = Float64Array.from({ length: SERIES }, (_, i) =>
    appender.series(
      labelsFromObject({
        __name__: `requests_${i % 40}_total`,
        job: 'api',
        instance: `10.0.0.${i % 200}:9100`,
        pod: `api-${i}`,
        code: String(200 + (i % 5)),
      }),
    ),
  );
  const t = new Float64Array(SERIES);
  const v = new Float64Array(SERIES);
  const start = Date.now() - SAMPLES * INTERVAL_MS;
  for (let k = 0; k < SAMPLES; k++) {
    t.fill(start + k * INTERVAL_MS);
    for (let i = 0; i < SERIES; i++) v[i]! += (i * 7919 + k * 104_729) % 100;
    appender.floats(refs, t, v, null, SERIES);
    await appender.commit();
    appender = store.appender();
    // As the upkeep of every minute does.
    if (k % 4 === 3) await store.upkeep();
  }
  appender.rollback();
}

/** The most memory that this process ever held. */
function peakBytes(): number {
  return 1024 * Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]);
}
