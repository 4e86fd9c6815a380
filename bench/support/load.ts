// The samples that ingestion is measured with: labels as scraped series have them, three counters for each gauge. The driver of Prometheus'
// storage (compat/tsdb-interop/peer/bench.go) makes the same.

export const INTERVAL_MS = 15_000;
/** Rounded to 2 h, so that blocks are whole. */
export const FROM_MS = 1_700_006_400_000;

/** Sorted by name. */
export function labelsOf(i: number): [name: string, value: string][] {
  return [
    ['__name__', `http_requests_${i % 50}_total`],
    ['cluster', 'eu-1'],
    ['code', String(200 + (i % 5))],
    ['env', 'prod'],
    ['instance', `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}:9090`],
    ['job', 'api'],
    ['method', (i & 1) === 1 ? 'GET' : 'POST'],
    ['path', `/x/${i % 100}`],
  ];
}

/** Makes the values of scrape k of series [from, to) out of those of the scrape before. */
export function nextValues(values: Float64Array, k: number, from: number, to: number): void {
  for (let i = from; i < to; i++) {
    if ((i & 3) === 3) values[i] = 20 + ((i * 31 + k * 17) % 1000) / 100;
    else values[i]! += (i * 7 + k * 13) % 50;
  }
}
