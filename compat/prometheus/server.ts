// A real Prometheus on a data folder: started, asked over remote read, fed over remote write, stopped or killed.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageWriter, snappyLiterals } from './wire.ts';

export interface ServerOptions {
  readonly program: string;
  /** The data folder; the configuration lies beside it. */
  readonly data: string;
  readonly args?: readonly string[];
  /** YAML of the configuration; empty: no jobs. */
  readonly config?: string;
}

export interface Server {
  readonly url: string;
  readonly pid: number;
  /** ms from the start of the process until it was ready. */
  readonly ready_ms: number;
  /** What it has logged. */
  log(): string;
  /** The error, with the last words of the server when it has ended. */
  explain(error: unknown): Error;
  /** A sample's value from its own metrics; NaN: it has none. Samples of a metric with labels are summed. */
  metric(name: string): Promise<number>;
  /** Asks it to stop and waits. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

const READY_TRIES = 6000;

/** Rejects with what it logged when it ends instead of getting ready. */
export async function startServer(o: ServerOptions): Promise<Server> {
  const port = await freePort();
  const config = `${o.data}.yml`;
  writeFileSync(config, o.config ?? 'global: {}\n');
  const began = performance.now();
  const child = spawn(
    o.program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${o.data}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--storage.tsdb.retention.time=100y',
      '--web.enable-remote-write-receiver',
      '--web.enable-admin-api',
      ...(o.args ?? []),
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  child.on('error', (error) => (said += error.message));
  const url = `http://127.0.0.1:${port}`;
  for (let i = 0; i < READY_TRIES; i++) {
    if (hasEnded(child)) throw new Error(`${o.program} ended: ${said.slice(-2000)}`);
    if (await answersOk(`${url}/-/ready`)) {
      return {
        url,
        pid: child.pid!,
        ready_ms: performance.now() - began,
        log: () => said,
        explain: (error) =>
          hasEnded(child)
            ? new Error(`Prometheus ended: ${said.slice(-2000)}`, { cause: error })
            : (error as Error),
        metric: (name) => metric(url, name),
        stop: () => end(child, 'SIGTERM'),
        kill: () => end(child, 'SIGKILL'),
      };
    }
    await sleep(50);
  }
  child.kill('SIGKILL');
  throw new Error(`${o.program} does not get ready: ${said.slice(-2000)}`);
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

function answersOk(url: string): Promise<boolean> {
  return fetch(url).then(
    async (response) => {
      await response.arrayBuffer();
      return response.ok;
    },
    () => false,
  );
}

async function metric(url: string, name: string): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  let sum = NaN;
  for (const line of page.split('\n'))
    if (line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      sum = (Number.isNaN(sum) ? 0 : sum) + Number(line.slice(line.lastIndexOf(' ') + 1));
  return sum;
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A series of a remote write: labels sorted by name, samples as time in ms and the hexadecimal digits of the value's bits. */
export interface WrittenSeries {
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly samples: readonly (readonly [t: number, v: string])[];
}

/** Remote write 1.0. Rejects with the server's words when it refuses anything. */
export async function writeRemote(url: string, series: readonly WrittenSeries[]): Promise<void> {
  const request = new MessageWriter();
  for (const { labels, samples } of series) {
    const message = new MessageWriter();
    for (const [name, value] of labels)
      message.message(1, new MessageWriter().bytes(1, name).bytes(2, value));
    for (const [t, v] of samples) message.message(2, new MessageWriter().double(1, v).integer(2, t));
    request.message(1, message);
  }
  await postWrite(url, request.done());
}

/** A message of remote write 1.0, as it is. Rejects as `writeRemote`. */
export async function postWrite(url: string, message: Uint8Array): Promise<void> {
  const response = await fetch(`${url}/api/v1/write`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-protobuf',
      'content-encoding': 'snappy',
      'x-prometheus-remote-write-version': '0.1.0',
    },
    body: new Uint8Array(snappyLiterals(message)),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`remote write: ${response.status} ${text}`);
}
