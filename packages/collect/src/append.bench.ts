// CPU nanoseconds a sample from page bytes to the storage's columns, with a storage that takes all and keeps nothing.
// Run: node packages/collect/src/append.bench.ts
import { ScrapeParser } from '@munjigi/exposition';
import { labelsFromObject, type Appendable } from '@munjigi/model';
import { Rows, TargetWriter } from './append.ts';
import { parsePrometheusConfig } from './configuration/prometheus.ts';
import { createCounters } from './counters.ts';

const SAMPLES = 5000;
let next = 1;
const storage: Appendable = {
  appender: () => ({
    series: () => next++,
    floats: () => {},
    histogram: () => {},
    exemplar: () => {},
    metadata: () => {},
    commit: () =>
      Promise.resolve({
        accepted: SAMPLES,
        faults: new Uint8Array(0),
        refused: new Uint32Array(0),
        created: 0,
      }),
    rollback: () => {},
  }),
};
const pages = Array.from({ length: 20 }, (_, k) => {
  let text = '# TYPE http_requests_total counter\n';
  for (let i = 0; i < SAMPLES; i++) {
    text += `http_requests_total{instance="10.0.0.${i % 250}:9100",code="${200 + (i % 7)}",handler="/api/v1/h${i}"} ${i * 7919 + k * 1009}\n`;
  }
  return new TextEncoder().encode(text);
});
const job = parsePrometheusConfig('bench.yml', 'scrape_configs: [{ job_name: j }]').config!
  .scrape_configs[0]!;
const settings = {
  job,
  relabel: <T>(labels: T): T => labels,
  target: labelsFromObject({ job: 'j', instance: 'i' }),
  maxSeries: 0,
};
const writer = new TargetWriter(storage, new Rows(), createCounters(), new ScrapeParser(), settings);
const report = {
  up: 1,
  scrape_duration_seconds: 0,
  scrape_samples_scraped: 0,
  scrape_samples_post_metric_relabeling: 0,
  scrape_series_added: 0,
  scrape_timeout_seconds: 0,
  scrape_sample_limit: 0,
  scrape_body_size_bytes: 0,
};
let best = Infinity;
for (let round = 0; round < 20; round++) {
  const start = process.cpuUsage();
  for (const body of pages) {
    await writer.scrape({ body, format: 'text', failure: '', t_ms: 1000, now_ms: 1000 }, () => report);
  }
  const ns = cpu_ns(start) / pages.length / SAMPLES;
  if (round === 0) console.log(`first pages: ${ns.toFixed(0)} ns a sample`);
  best = Math.min(best, ns);
}
console.log(`steady state: ${best.toFixed(0)} ns a sample`);

/** CPU time since `start`, of a machine that may have other work. */
function cpu_ns(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) * 1000;
}
