// CPU nanoseconds a sample and megabytes a second of the scrape parser. Run: node packages/exposition/src/parser.bench.ts [page file]
import { readFileSync } from 'node:fs';
import { ScrapeParser } from './parser.ts';

const PAGES = 20;

function synthetic(): Uint8Array[] {
  const values = Float64Array.from({ length: 5000 }, () => 0);
  return Array.from({ length: PAGES }, (_, k) => {
    let text = '# HELP http_requests_total Requests.\n# TYPE http_requests_total counter\n';
    for (let i = 0; i < values.length; i++) {
      values[i]! += (i * 7919 + k * 104_729) % 100;
      text += `http_requests_total{job="api",instance="10.0.0.${i % 250}:9100",code="${200 + (i % 7)}",handler="/api/v1/h${i}"} ${values[i]}\n`;
    }
    return new TextEncoder().encode(text);
  });
}

function measure(name: string, pages: readonly Uint8Array[], fresh: boolean): void {
  let parser = new ScrapeParser();
  let best = Infinity;
  let samples = 0;
  let size = 0;
  for (let round = 0; round < 20; round++) {
    samples = 0;
    size = 0;
    const start = process.cpuUsage();
    for (const page of pages) {
      if (fresh) parser = new ScrapeParser();
      parser.parse(page, 'text');
      samples += parser.n;
      size += page.length;
    }
    best = Math.min(best, cpu_ns(start));
  }
  console.log(
    `${name}: ${(best / samples).toFixed(0)} ns a sample, ${((size / best) * 1000).toFixed(0)} MB/s, ${samples / pages.length} samples a page`,
  );
}

const pages = synthetic();
measure('predicted', pages, false);
measure('first page', pages, true);
const file = process.argv[2];
if (file !== undefined) {
  const page = readFileSync(file);
  measure(
    'file, predicted',
    Array.from({ length: PAGES }, () => page),
    false,
  );
  measure(
    'file, first page',
    Array.from({ length: PAGES }, () => page),
    true,
  );
}

/** CPU time since `start`, of a machine that may have other work. */
function cpu_ns(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) * 1000;
}
