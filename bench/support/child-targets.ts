// A process that is scraped and proxied to: `/t/N` are targets with counters, everything else is the gateway's origin. It keeps when scrapes
// began and gives the list when it is asked: nothing of the one who is measured runs here.
import http from 'node:http';
import type { AddressInfo } from 'node:net';

const series = Number(process.argv[2]);
/** [target, ms of the wall clock] of every scrape since the last question. */
let scrapes: [target: number, at_ms: number][] = [];
const totals = new Float64Array(series);

function exposition(target: number): string {
  let out = '# TYPE load_requests_total counter\n';
  for (let i = 0; i < series; i++) {
    totals[i]! += (i * 7 + target) % 13;
    out += `load_requests_total{path="/x/${i % 50}",code="${200 + (i % 5)}",i="${i}"} ${totals[i]! + target}\n`;
  }
  return out;
}

const server = http.createServer((request, response) => {
  const target = /^\/t\/(\d+)$/.exec(request.url ?? '')?.[1];
  if (target === undefined) return void response.end('hello\n');
  scrapes.push([Number(target), performance.timeOrigin + performance.now()]);
  response.setHeader('content-type', 'text/plain; version=0.0.4');
  response.end(exposition(Number(target)));
});
server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as AddressInfo).port }));
process.on('message', () => {
  process.send!({ scrapes });
  scrapes = [];
});
process.on('disconnect', () => process.exit());
