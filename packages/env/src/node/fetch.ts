// One HTTP exchange as a client: keep-alive, whole-exchange timeout, decompression with the limit enforced on what comes out.
import http from 'node:http';
import https from 'node:https';
import { Transform, type Readable } from 'node:stream';
import zlib from 'node:zlib';
import { EnvError, type HttpFetch, type HttpFetched, type HttpTls } from '../env.ts';
import { redirected, REDIRECTS_MAX } from '../request.ts';

/** Connections kept for one origin, and in all. */
const SOCKETS_PER_ORIGIN_MAX = 256;
const IDLE_SOCKETS_MAX = 1024;
/** Idle connections are closed by us before most servers do (Go: 90 s or more, Node: 5 s with a hint that is honoured). */
const IDLE_MS = 30_000;
const RESPONSE_HEAD_MAX_BYTES = 64 * 1024;
/** Different TLS settings whose connections are kept. */
const TLS_AGENTS_MAX = 64;

const KEEP = {
  keepAlive: true,
  maxSockets: SOCKETS_PER_ORIGIN_MAX,
  maxFreeSockets: IDLE_SOCKETS_MAX,
  timeout: IDLE_MS,
  scheduling: 'lifo',
} as const;
const plain = new http.Agent(KEEP);
const secure = new Map<string, https.Agent>();

/** As `Http.fetch`. */
export async function nodeFetch(request: HttpFetch): Promise<HttpFetched> {
  const deadline = performance.now() + request.timeout_ms;
  let current = request;
  for (let hop = 0; ; hop++) {
    const left_ms = deadline - performance.now();
    const answer = await exchangeOrAgain(current, Math.max(1, left_ms));
    const next = redirected(current, answer.status, answer.headers['location']);
    if (next === null) return answer;
    if (hop === REDIRECTS_MAX)
      throw new EnvError('ELOOP', request.url, `${request.url}: more than ${REDIRECTS_MAX} redirects`);
    current = next;
  }
}

/** A kept connection may have been closed by the server just now: what can be repeated safely is sent once more on a new one. */
async function exchangeOrAgain(request: HttpFetch, timeout_ms: number): Promise<HttpFetched> {
  const started = performance.now();
  try {
    return await exchange(request, timeout_ms, true);
  } catch (error) {
    if (!(error instanceof StaleConnection)) throw error;
    return await exchange(request, Math.max(1, timeout_ms - (performance.now() - started)), false);
  }
}

class StaleConnection extends EnvError {}

function exchange(request: HttpFetch, timeout_ms: number, repeatable: boolean): Promise<HttpFetched> {
  const method = request.method ?? 'GET';
  return new Promise((resolve, reject) => {
    let url: URL;
    try {
      url = new URL(request.url);
    } catch {
      return reject(new EnvError('EINVAL', request.url, `${request.url}: not a URL`));
    }
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      return reject(new EnvError('EINVAL', request.url, `${request.url}: only http and https are spoken`));
    if (request.signal?.aborted === true) return reject(cancelled(request));
    let sent: http.ClientRequest;
    let done = false;
    const finish = (settle: () => void): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      request.signal?.removeEventListener('abort', onAbort);
      settle();
    };
    const fail = (error: EnvError): void =>
      finish(() => {
        sent.destroy();
        reject(error);
      });
    const onAbort = (): void => fail(cancelled(request));
    const timer = setTimeout(() => {
      fail(
        new EnvError(
          'ETIMEDOUT',
          request.url,
          `${request.url}: no whole answer within ${request.timeout_ms} ms`,
        ),
      );
    }, timeout_ms);
    request.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      sent = open(url, method, request);
    } catch (error) {
      sent = { destroy: () => {} } as unknown as http.ClientRequest;
      return fail(described(error, request.url));
    }
    let answered = false;
    sent.on('error', (error: NodeJS.ErrnoException) => {
      const stale =
        !answered &&
        repeatable &&
        sent.reusedSocket &&
        (error.code === 'ECONNRESET' || error.code === 'EPIPE');
      if (stale && (method === 'GET' || method === 'HEAD'))
        fail(new StaleConnection('ECONNRESET', request.url, error.message));
      else fail(described(error, request.url));
    });
    sent.on('response', (response) => {
      answered = true;
      const headers = joined(response.headers);
      collect(response, method, headers['content-encoding'], request).then(
        (body) =>
          finish(() => {
            // They described the bytes on the way, not the body that is handed over.
            if (method !== 'HEAD' && headers['content-encoding'] !== undefined) {
              delete headers['content-encoding'];
              delete headers['content-length'];
            }
            resolve({ status: response.statusCode ?? 0, headers, body });
          }),
        (error: unknown) => fail(described(error, request.url)),
      );
    });
    sent.end(request.body);
  });
}

function open(url: URL, method: string, request: HttpFetch): http.ClientRequest {
  const headers: Record<string, string | number> = { ...request.headers };
  const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  if (!names.has('accept-encoding')) headers['accept-encoding'] = 'gzip, zstd';
  if (!names.has('user-agent')) headers['user-agent'] = 'munjigi';
  if (request.body !== undefined && !names.has('content-length'))
    headers['content-length'] = request.body.length;
  const options = { method, headers, maxHeaderSize: RESPONSE_HEAD_MAX_BYTES };
  if (url.protocol === 'http:') return http.request(url, { ...options, agent: plain });
  return https.request(url, { ...options, agent: secureAgent(request.tls ?? {}) });
}

function secureAgent(tls: HttpTls): https.Agent {
  const key = JSON.stringify([tls.ca, tls.cert, tls.key, tls.serverName, tls.insecureSkipVerify]);
  let agent = secure.get(key);
  if (agent === undefined) {
    agent = new https.Agent({
      ...KEEP,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
      rejectUnauthorized: tls.insecureSkipVerify !== true,
    });
    if (secure.size >= TLS_AGENTS_MAX) {
      const [oldest, old] = secure.entries().next().value!;
      old.destroy();
      secure.delete(oldest);
    }
  } else secure.delete(key);
  secure.set(key, agent);
  return agent;
}

function joined(headers: http.IncomingHttpHeaders): Record<string, string> {
  const out = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) out[name] = typeof value === 'string' ? value : value.join(', ');
  return out;
}

async function collect(
  response: Readable,
  method: string,
  encoding: string | undefined,
  request: HttpFetch,
): Promise<Uint8Array> {
  const source = method === 'HEAD' ? response : decoded(response, encoding, request.url);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (request.bodyLimit > 0 && size > request.bodyLimit) {
      response.destroy();
      throw new EnvError(
        'EMSGSIZE',
        request.url,
        `${request.url}: the body is over the limit of ${request.bodyLimit} bytes`,
      );
    }
    chunks.push(chunk);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

function decoded(response: Readable, encoding: string | undefined, url: string): Readable {
  const names = (encoding ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  if (names.length === 0) return response;
  const decoder = names.length === 1 ? decoderOf(names[0]!) : null;
  if (decoder === null)
    throw new EnvError(
      'EPROTO',
      url,
      `${url}: content-encoding ${encoding} is not known (gzip, deflate, br, zstd are)`,
    );
  response.on('error', (error) => decoder.destroy(error));
  response.on('close', () => {
    if (!response.readableEnded)
      decoder.destroy(new EnvError('ECONNRESET', url, 'the connection closed within the body'));
  });
  return response.pipe(decoder);
}

function decoderOf(name: string): Transform | null {
  switch (name) {
    case 'gzip':
    case 'x-gzip':
      return zlib.createGunzip();
    case 'deflate':
      return inflateEither();
    case 'br':
      return zlib.createBrotliDecompress();
    case 'zstd':
      return zlib.createZstdDecompress();
    default:
      return null;
  }
}

/** `deflate` is the zlib format (RFC 9110 8.4.1.2), but some servers send it raw: the first byte tells. */
function inflateEither(): Transform {
  let inner: zlib.Inflate | zlib.InflateRaw | null = null;
  return new Transform({
    transform(chunk: Buffer, _encoding, next): void {
      if (inner === null) {
        inner = ((chunk[0] ?? 0) & 0x0f) === 8 ? zlib.createInflate() : zlib.createInflateRaw();
        inner.on('data', (b: Buffer) => this.push(b));
        inner.on('error', (error) => this.destroy(error));
      }
      inner.write(chunk, () => next());
    },
    flush(next): void {
      if (inner === null) return next();
      inner.on('end', () => next());
      inner.end();
    },
  });
}

function cancelled(request: HttpFetch): EnvError {
  return new EnvError('ECANCELED', request.url, `${request.url}: cancelled`);
}

function described(error: unknown, url: string): EnvError {
  if (error instanceof EnvError) return error;
  const { code, message, errors } = error as NodeJS.ErrnoException & { errors?: Error[] };
  const text = message === '' && errors !== undefined ? errors.map((e) => e.message).join('; ') : message;
  return new EnvError(code ?? 'EPROTO', url, `${url}: ${text}`);
}
