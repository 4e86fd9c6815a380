// CPU per proxied request beside nginx and haproxy, in one run: one upstream for all, the same load, rounds that interleave. Compared is
// the CPU time of the whole process tree over the requests made, because on a small machine load and proxy share the cores.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import dgram from 'node:dgram';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { which } from '../tools/peers.ts';

const CONNECTIONS = 64;
const BODY = 'a'.repeat(248);
/** Ticks of /proc/PID/stat in a second. */
const TICKS = 100;

interface Peer {
  readonly name: string;
  readonly port: number;
  readonly start: () => ChildProcess;
}

interface Round {
  readonly name: string;
  readonly us: number;
  readonly requests: number;
  readonly seconds: number;
  readonly ratio: number;
}

export const usage = `npm run bench -- proxy [options]
CPU per proxied request beside nginx and haproxy, one upstream and the same load for all.
  --rounds N     rounds that interleave all of them (5)
  --seconds N    of load in each (3)
  --workers N    threads of munjigi (1)
  --only a,b     of nginx, haproxy, munjigi
  --limit X      largest median ratio to nginx that is no failure (1.5)
  --profile DIR  write a CPU profile of munjigi
example: npm run bench -- proxy --rounds 3 --only nginx,munjigi`;

/** Runs the comparison; 1 when a peer is missing, an answer isn't 200, or the ratio to nginx is over `--limit`. */
export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '3' },
      workers: { type: 'string', default: '1' },
      only: { type: 'string' },
      limit: { type: 'string', default: '1.5' },
      profile: { type: 'string' },
    },
  });
  const missing = ['nginx', 'haproxy', 'wrk'].filter((p) => which(p) === null);
  if (missing.length > 0) {
    console.error(`missing: ${missing.join(', ')}: apt-get install nginx haproxy wrk`);
    return 1;
  }
  const dir = mkdtempSync(join(tmpdir(), 'bench-proxy-'));
  const running: ChildProcess[] = [];
  const sink = dgram.createSocket('udp4');
  try {
    await new Promise<void>((resolve) => sink.bind(0, '127.0.0.1', resolve));
    const [upstream, ...ports] = await freePorts(4 + 1);
    running.push(nginx(dir, 'upstream', upstreamConf(upstream!)));
    const peers = peersOf(dir, upstream!, ports, sink.address().port, values.workers, values.profile).filter(
      ({ name }) => values.only === undefined || values.only.split(',').includes(name),
    );
    await open(upstream!);
    const started = new Map<string, ChildProcess>();
    for (const peer of peers) {
      const child = peer.start();
      running.push(child);
      started.set(peer.name, child);
      await open(peer.port);
    }
    const rounds: Round[] = [];
    for (const { port } of peers) load(port, 1);
    for (let i = 0; i < Number(values.rounds); i++) {
      const round = peers.map(({ name, port }) => {
        const before = cpuSeconds(started.get(name)!.pid!);
        const { requests, seconds } = load(port, Number(values.seconds));
        const us = ((cpuSeconds(started.get(name)!.pid!) - before) * 1e6) / requests;
        return { name, us, requests, seconds };
      });
      const base = round.find(({ name }) => name === 'nginx')?.us ?? Number.NaN;
      for (const r of round) rounds.push({ ...r, ratio: r.us / base });
    }
    console.log(
      `CPU per request, ${CONNECTIONS} connections, ${BODY.length}-byte body, ${values.rounds} rounds of ${values.seconds} s`,
    );
    console.log('proxy      us median    min    max   ratio to nginx median    min    max   requests/s');
    let worst = 0;
    for (const { name } of peers) {
      const own = rounds.filter((r) => r.name === name);
      const us = own.map((r) => r.us).sort((a, b) => a - b);
      const ratio = own.map((r) => r.ratio).sort((a, b) => a - b);
      const rate = own.map((r) => r.requests / r.seconds).sort((a, b) => a - b);
      if (name === 'munjigi') worst = middle(ratio);
      console.log(
        `${name.padEnd(12)}${[...triple(us, 1), '   ', '        ', ...triple(ratio, 2)].join(' ')} ${middle(rate).toFixed(0).padStart(12)}`,
      );
    }
    return worst > Number(values.limit) ? 1 : 0;
  } finally {
    await Promise.all(running.map((child) => stop(child)));
    sink.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function middle(sorted: readonly number[]): number {
  return sorted[sorted.length >> 1]!;
}

function triple(sorted: readonly number[], digits: number): string[] {
  return [middle(sorted), sorted[0]!, sorted.at(-1)!].map((n) => n.toFixed(digits).padStart(6));
}

/** nginx serves a fixed body from memory, with keep-alive without end. */
function upstreamConf(port: number): string {
  return `daemon off; master_process off; pid upstream.pid; error_log /dev/null;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000000;
  server { listen 127.0.0.1:${port}; location / { return 200 "${BODY}"; } }
}
`;
}

function peersOf(
  dir: string,
  upstream: number,
  ports: readonly number[],
  sink: number,
  workers: string,
  profile: string | undefined,
): Peer[] {
  const [nginxPort, haproxyPort, ownPort] = ports as [number, number, number];
  return [
    {
      name: 'nginx',
      port: nginxPort,
      start: () =>
        nginx(
          dir,
          'nginx',
          `daemon off; master_process off; pid nginx.pid; error_log /dev/null;
events { worker_connections 4096; }
http {
  access_log access.log; keepalive_requests 1000000000;
  upstream u { server 127.0.0.1:${upstream}; keepalive ${CONNECTIONS}; keepalive_requests 1000000000; }
  server { listen 127.0.0.1:${nginxPort}; location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; } }
}
`,
        ),
    },
    {
      name: 'haproxy',
      port: haproxyPort,
      start: () => {
        const file = join(dir, 'haproxy.cfg');
        writeFileSync(
          file,
          `global
  nbthread 1
  maxconn 4096
  log 127.0.0.1:${sink} local0
defaults
  mode http
  log global
  option httplog
  timeout client 30s
  timeout server 30s
  timeout connect 5s
frontend f
  bind 127.0.0.1:${haproxyPort}
  default_backend b
backend b
  server s1 127.0.0.1:${upstream}
`,
        );
        return spawn('haproxy', ['-f', file, '-db'], { stdio: 'ignore' });
      },
    },
    {
      name: 'munjigi',
      port: ownPort,
      start: () =>
        spawn(
          process.execPath,
          [
            ...(profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]),
            new URL('./proxy/gate.ts', import.meta.url).pathname,
            workers,
            String(ownPort),
            String(upstream),
            join(dir, 'munjigi.log'),
          ],
          { stdio: ['ignore', 'ignore', 'inherit'] },
        ),
    },
  ];
}

function nginx(dir: string, name: string, conf: string): ChildProcess {
  writeFileSync(join(dir, `${name}.conf`), conf);
  return spawn('nginx', ['-p', dir, '-c', `${name}.conf`], { stdio: 'ignore' });
}

/** One run of wrk. Throws when an answer wasn't 200. */
function load(port: number, seconds: number): { requests: number; seconds: number } {
  const out = execFileSync(
    'wrk',
    ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '--latency', `http://127.0.0.1:${port}/`],
    {
      encoding: 'utf8',
    },
  );
  const made = /(\d+) requests in ([\d.]+)s/.exec(out);
  if (made === null || /Non-2xx|Socket errors/.test(out)) throw new Error(`the load failed:\n${out}`);
  return { requests: Number(made[1]), seconds: Number(made[2]) };
}

/** User and system time of a process and everything below it. */
function cpuSeconds(pid: number): number {
  const parents = new Map<number, number>();
  const ticks = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const stat = readFileSync(`/proc/${entry}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      parents.set(Number(entry), Number(fields[1]));
      ticks.set(Number(entry), Number(fields[11]) + Number(fields[12]));
    } catch {
      // It ended while we looked.
    }
  }
  const below = (p: number): boolean => {
    for (let at = p; at > 1; at = parents.get(at) ?? 0) if (at === pid) return true;
    return false;
  };
  let total = 0;
  for (const [p, n] of ticks) if (below(p)) total += n;
  return total / TICKS;
}

async function freePorts(n: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: n },
      () =>
        new Promise<net.Server>((resolve) => {
          const s = net.createServer().listen(0, '127.0.0.1', () => resolve(s));
        }),
    ),
  );
  const ports = servers.map((s) => (s.address() as net.AddressInfo).port);
  await Promise.all(servers.map((s) => new Promise((resolve) => s.close(resolve))));
  return ports;
}

/** Waits until somebody listens. */
async function open(port: number): Promise<void> {
  const until = Date.now() + 10_000;
  for (;;) {
    const ok = await new Promise<boolean>((resolve) => {
      const s = net.connect(port, '127.0.0.1');
      s.on('connect', () => {
        s.destroy();
        resolve(true);
      });
      s.on('error', () => resolve(false));
    });
    if (ok) return;
    if (Date.now() > until) throw new Error(`nobody listens on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(timer);
}
