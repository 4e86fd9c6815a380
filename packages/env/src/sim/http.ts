// HTTP in a simulation: whole requests and answers are carried, not bytes. Servers are those that simulated processes start, and handlers that a
// test puts in place for the outside (a target to scrape, a webhook).
import {
  EnvError,
  type Http,
  type HttpFetch,
  type HttpFetched,
  type HttpRequest,
  type HttpResponse,
} from '../env.ts';
import { readParams, readTarget, redirected, REDIRECTS_MAX, REQUEST_BODY_MAX_BYTES } from '../request.ts';
import type { SimNet } from './net.ts';
import type { Task } from './task.ts';

type Handle = (r: HttpRequest) => Promise<HttpResponse>;

export interface SimHttpFace {
  /** Answers every request to an origin such as 'http://target:9100'; null: takes the handler away. */
  handle(origin: string, handle: Handle | null): void;
}

interface Serving {
  readonly task: Task;
  readonly handle: Handle;
  readonly failed: (error: unknown) => void;
  running: number;
  idle: (() => void) | null;
}

/** The answer as it came: the connection broke when `cut`. */
interface Carried {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: Uint8Array;
}

export class SimHttp implements SimHttpFace {
  readonly #net: SimNet;
  readonly #outside = new Map<string, Handle>();
  readonly #serving = new WeakMap<object, Serving>();

  constructor(net: SimNet) {
    this.#net = net;
  }

  handle(origin: string, handle: Handle | null): void {
    const key = new URL(origin).origin;
    if (handle === null) this.#outside.delete(key);
    else this.#outside.set(key, handle);
  }

  /** `Http` of a process (or thread) on the machine with that address. */
  of(task: Task, address: string, failed: (error: unknown) => void): Http {
    return {
      fetch: (request) => this.#fetch(task, address, request),
      serve: async (o, handle) => {
        const serving: Serving = { task, handle, failed, running: 0, idle: null };
        const accept = (): never => {
          throw new Error(
            `the simulated HTTP server on port ${port} speaks to http.fetch only, not to sockets`,
          );
        };
        this.#serving.set(accept, serving);
        const { port, remove } = this.#net.register(o, address, task, accept);
        return {
          address: o.host,
          port,
          close: async () => {
            remove();
            if (serving.running > 0)
              await new Promise<void>((resolve) => {
                serving.idle = resolve;
              });
          },
        };
      },
    };
  }

  async #fetch(task: Task, address: string, request: HttpFetch): Promise<HttpFetched> {
    const { time } = this.#net;
    const end = time.now + request.timeout_ms;
    let current = request;
    for (let hop = 0; ; hop++) {
      const answer = await this.#exchange(task, address, current, Math.max(1, end - time.now));
      const next = redirected(current, answer.status, answer.headers['location']);
      if (next === null) return answer;
      if (hop === REDIRECTS_MAX)
        throw new EnvError('ELOOP', request.url, `${request.url}: more than ${REDIRECTS_MAX} redirects`);
      current = next;
    }
  }

  #exchange(task: Task, address: string, request: HttpFetch, timeout_ms: number): Promise<HttpFetched> {
    const { url } = request;
    return new Promise((resolve, reject) => {
      if (!task.alive) return;
      const gone = new AbortController();
      let over = false;
      const finish = (settle: () => void): void => {
        if (over || !task.alive) return;
        over = true;
        this.#net.time.cancel(timer);
        forget();
        release();
        request.signal?.removeEventListener('abort', cancel);
        settle();
        gone.abort();
      };
      const fail = (code: string, message: string): void =>
        finish(() => reject(new EnvError(code, url, `${url}: ${message}`)));
      const cancel = (): void => fail('ECANCELED', 'cancelled');
      const timer = this.#net.time.schedule(timeout_ms, false, () =>
        fail('ETIMEDOUT', `no whole answer within ${request.timeout_ms} ms`),
      );
      const release = task.hold();
      const forget = task.onEnd(() => {
        this.#net.time.cancel(timer);
        gone.abort();
      });
      if (!URL.canParse(url)) return fail('EINVAL', 'not a URL');
      const target = new URL(url);
      if (target.protocol !== 'http:' && target.protocol !== 'https:')
        return fail('EINVAL', 'only http and https are spoken');
      if (request.signal?.aborted === true) return cancel();
      request.signal?.addEventListener('abort', cancel, { once: true });
      const found = this.#place(target, address);
      if (found === null)
        return task.soon(this.#net.delay(), () => fail('ENOTFOUND', `${target.hostname}: no such host`));
      this.#net.trace.add('fetch', address, request.method ?? 'GET', url);
      this.#net.carry(address, found, this.#net.delay(), () => {
        if (over) return;
        const { reset, refuse } = this.#net.faults;
        const back = (fn: () => void): void => this.#net.carry(found, address, this.#net.delay(), fn);
        const server = this.#server(target, address, found);
        if (server === null || this.#net.random.chance(refuse))
          return back(() => fail('ECONNREFUSED', 'connection refused'));
        if (this.#net.random.chance(reset)) return back(() => fail('ECONNRESET', 'connection reset'));
        const died = server.task.onEnd(() => back(() => fail('ECONNRESET', 'connection reset')));
        void this.#answer(server, target, request, address, gone.signal).then((answer) => {
          died();
          if (answer === null || this.#net.random.chance(reset))
            return back(() => fail('ECONNRESET', 'connection reset'));
          return back(() => {
            if (request.bodyLimit > 0 && answer.body.length > request.bodyLimit)
              return fail('EMSGSIZE', `the body is over the limit of ${request.bodyLimit} bytes`);
            return finish(() => resolve(answer));
          });
        });
      });
    });
  }

  /** The address that a URL leads to; handlers of the outside need no machine. */
  #place(url: URL, from: string): string | null {
    if (this.#outside.has(url.origin)) return url.hostname;
    return this.#net.lookUp(url.hostname, from)?.addresses[0] ?? null;
  }

  #server(url: URL, from: string, address: string): Serving | null {
    const outside = this.#outside.get(url.origin);
    const always = { alive: true, onEnd: () => () => {}, enter: (fn: () => void) => fn() } as unknown as Task;
    if (outside !== undefined)
      return {
        task: always,
        handle: outside,
        failed: (error) => this.#net.time.fail(error),
        running: 0,
        idle: null,
      };
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
    const listening = this.#net.listener(from, address, port);
    return listening === null ? null : (this.#serving.get(listening.accept) ?? null);
  }

  /** null: the connection broke. */
  async #answer(
    server: Serving,
    url: URL,
    request: HttpFetch,
    from: string,
    signal: AbortSignal,
  ): Promise<Carried | null> {
    server.running++;
    try {
      return await answered(server, url, request, from, signal);
    } finally {
      if (--server.running === 0) server.idle?.();
    }
  }
}

async function answered(
  server: Serving,
  url: URL,
  request: HttpFetch,
  from: string,
  signal: AbortSignal,
): Promise<Carried | null> {
  const method = request.method ?? 'GET';
  const target = url.pathname + url.search;
  const parsed = readTarget(target);
  const body = request.body === undefined ? new Uint8Array(0) : new Uint8Array(request.body);
  if (parsed === null) return plain(400, 'malformed request target');
  if (body.length > REQUEST_BODY_MAX_BYTES)
    return plain(413, `the body is over the limit of ${REQUEST_BODY_MAX_BYTES} bytes`);
  const headers: Record<string, string> = { host: url.host, 'user-agent': 'munjigi' };
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  const params = await readParams(method, parsed.query, headers['content-type'], body);
  if (params === null) return plain(400, 'malformed parameters');
  let response: HttpResponse;
  try {
    response = await server.handle({
      method,
      target,
      path: parsed.path,
      params,
      headers,
      body,
      remoteAddress: from,
      signal,
    });
  } catch (error) {
    server.failed(error);
    return plain(500, 'internal error; the log has the details');
  }
  const chunks: Uint8Array[] = [];
  const add = (chunk: Uint8Array | string): void => {
    chunks.push(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : new Uint8Array(chunk));
  };
  try {
    if (typeof response.body === 'function')
      await response.body(async (chunk) => {
        if (!signal.aborted) add(chunk);
        return !signal.aborted;
      });
    else add(response.body);
  } catch (error) {
    server.failed(error);
    return null;
  }
  const named: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) named[name.toLowerCase()] = value;
  return {
    status: response.status,
    headers: named,
    body: method === 'HEAD' ? new Uint8Array(0) : joined(chunks),
  };
}

function plain(status: number, text: string): Carried {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: new TextEncoder().encode(`${text}\n`),
  };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const body = new Uint8Array(chunks.reduce((n, chunk) => n + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
