// Runs the real program as a child, as a user would, for tests of the whole.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../packages/cli/bin/munjigi.mjs', import.meta.url));

export interface Program {
  readonly child: ChildProcess;
  /** Everything printed so far. */
  output(): string;
  /** Resolves when the output matches; rejects when the program ends before. */
  printed(pattern: RegExp, timeout_ms?: number): Promise<void>;
  /** Sends a signal and resolves with the exit code (null: ended by the signal) and the time it took. */
  stop(signal?: NodeJS.Signals): Promise<{ code: number | null; took_ms: number }>;
  readonly ended: Promise<number | null>;
}

const running = new Set<ChildProcess>();

/** `munjigi ARGS`, with `cwd` as its working directory. */
export function munjigi(args: readonly string[], cwd: string): Program {
  const child = spawn(process.execPath, [BIN, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let text = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      for (const listener of listeners) listener();
    });
  const ended = once(child, 'close').then(([code]) => {
    running.delete(child);
    for (const listener of listeners) listener();
    return code as number | null;
  });
  return {
    child,
    ended,
    output: () => text,
    printed: (pattern, timeout_ms = 30_000) =>
      new Promise((resolve, reject) => {
        const finish = (error?: Error): void => {
          clearTimeout(timer);
          listeners.delete(check);
          if (error === undefined) resolve();
          else reject(error);
        };
        const check = (): void => {
          if (pattern.test(text)) finish();
          else if (child.exitCode !== null || child.signalCode !== null)
            finish(new Error(`ended before ${pattern} was printed:\n${text}`));
        };
        const timer = setTimeout(() => finish(new Error(`${pattern} was not printed:\n${text}`)), timeout_ms);
        listeners.add(check);
        check();
      }),
    stop: async (signal = 'SIGTERM') => {
      const from = performance.now();
      child.kill(signal);
      const code = await ended;
      return { code, took_ms: performance.now() - from };
    },
  };
}

/** Ends what a failed test left running. */
export async function killAll(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      child.kill('SIGKILL');
      await once(child, 'close').catch(() => undefined);
    }),
  );
}

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** One request; `agent` keeps connections. */
export function ask(
  url: string,
  options: { headers?: Record<string, string>; method?: string; body?: string; agent?: http.Agent } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { ...options, timeout: 20_000 }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => (body += chunk.toString()));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error(`no answer from ${url}`)));
    request.end(options.body);
  });
}

/** Asks until `good` says so: for what becomes true soon, with a limit and the last answer in the error. */
export async function eventually<T>(
  what: () => Promise<T>,
  good: (value: T) => boolean,
  limit_ms = 15_000,
): Promise<T> {
  const until = performance.now() + limit_ms;
  let last: unknown;
  for (;;) {
    try {
      const value = await what();
      if (good(value)) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > until)
      throw new Error(`not in ${limit_ms} ms; last: ${JSON.stringify(last)} ${String(last)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The result list of an instant query. */
export async function query(
  base: string,
  expr: string,
  time?: number,
): Promise<{ metric: Record<string, string>; value: [number, string] }[]> {
  const at = time === undefined ? '' : `&time=${time}`;
  const { body } = await ask(`${base}/api/v1/query?query=${encodeURIComponent(expr)}${at}`);
  const reply = JSON.parse(body) as { status: string; error?: string; data?: { result: never[] } };
  if (reply.status !== 'success') throw new Error(`${expr}: ${reply.error}`);
  return reply.data!.result;
}

export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'munjigi-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** One text for one label set, whatever the order of its labels. */
export function seriesKey(metric: Record<string, string>): string {
  const names = Object.keys(metric).sort();
  return JSON.stringify(names.map((name) => [name, metric[name]]));
}
