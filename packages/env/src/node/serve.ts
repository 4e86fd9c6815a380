// Our own HTTP surface as a server. The proxy's hot path does not come here.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Transform } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { EnvError, type HttpRequest, type HttpResponse, type Listener, type Log } from '../env.ts';
import { readParams, readTarget, REQUEST_BODY_MAX_BYTES } from '../request.ts';

/** A `match[]` list in a URL can be long. */
const HEAD_MAX_BYTES = 64 * 1024;
const HEADERS_MAX = 200;
const HEAD_TIMEOUT_MS = 10_000;
/** For the whole request, not the answer. */
const REQUEST_TIMEOUT_MS = 60_000;
const KEEP_ALIVE_MS = 65_000;
const CONNECTIONS_MAX = 1024;
/** How long `close` waits for running answers before it ends them. */
const CLOSE_GRACE_MS = 10_000;
/** How long the rest of a body that is too large is read and dropped. */
const LINGER_MS = 1000;
/** Smaller bodies are not worth compressing. */
const COMPRESS_MIN_BYTES = 1400;
/** Compressed bytes that are handed over at a time. */
const COMPRESSED_CHUNK_BYTES: number = 128 * 1024;
const COMPRESSED_TYPE =
  /^(?:text\/|application\/(?:json|javascript|yaml|openmetrics-text|x-ndjson)|image\/svg)/;

const NO_BODY = new Uint8Array(0);

type Handle = (r: HttpRequest) => Promise<HttpResponse>;

/** As `Http.serve`. */
export async function nodeServe(
  options: { host: string; port: number },
  handle: Handle,
  log: Log,
): Promise<Listener> {
  const running = new Set<AbortController>();
  let closing = false;
  const server = http.createServer(
    {
      maxHeaderSize: HEAD_MAX_BYTES,
      headersTimeout: HEAD_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      noDelay: true,
    },
    (incoming, outgoing) => {
      const gone = new AbortController();
      running.add(gone);
      outgoing.on('close', () => {
        running.delete(gone);
        if (!outgoing.writableFinished) gone.abort();
        if (closing) server.closeIdleConnections();
      });
      if (closing) outgoing.setHeader('connection', 'close');
      answer(incoming, outgoing, handle, gone.signal).catch((error: unknown) => {
        log.error('an HTTP handler failed', {
          method: incoming.method,
          target: incoming.url,
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        });
        if (outgoing.headersSent) outgoing.destroy();
        else refuse(outgoing, 500, 'internal error; the log has the details');
      });
    },
  );
  server.maxHeadersCount = HEADERS_MAX;
  server.maxConnections = CONNECTIONS_MAX;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const where = `${options.host}:${options.port}`;
      reject(new EnvError(error.code ?? 'EIO', where, `can't listen on ${where}: ${error.message}`));
    });
    server.listen({ host: options.host, port: options.port, exclusive: true }, resolve);
  });
  const { address, port } = server.address() as AddressInfo;
  return {
    address,
    port,
    close: () =>
      new Promise((resolve) => {
        closing = true;
        const end = setTimeout(() => {
          for (const gone of running) gone.abort();
          server.closeAllConnections();
        }, CLOSE_GRACE_MS);
        server.close(() => {
          clearTimeout(end);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

async function answer(
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
  handle: Handle,
  signal: AbortSignal,
): Promise<void> {
  const method = incoming.method ?? 'GET';
  const target = incoming.url ?? '/';
  const parsed = readTarget(target);
  if (parsed === null) return refuse(outgoing, 400, 'malformed request target');
  const body = await readBody(incoming);
  if (body === 'gone') return;
  if (body === 'too large') return tooLarge(incoming, outgoing);
  const headers = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
  const params = await readParams(method, parsed.query, headers['content-type'], body);
  if (params === null)
    return refuse(outgoing, 400, 'malformed parameters: a percent escape, the UTF-8 or the form is wrong');
  const response = await handle({
    method,
    target,
    path: parsed.path,
    params,
    headers,
    body,
    remoteAddress: incoming.socket.remoteAddress ?? '',
    signal,
  });
  const encoding = encodingFor(response, headers['accept-encoding'] ?? '');
  if (typeof response.body === 'function') await stream(outgoing, response, response.body, method, encoding);
  else await whole(outgoing, response, response.body, method, encoding);
}

function readBody(incoming: http.IncomingMessage): Promise<Uint8Array | 'too large' | 'gone'> {
  const { 'content-length': length, 'transfer-encoding': coding } = incoming.headers;
  if (length === undefined && coding === undefined) return Promise.resolve(NO_BODY);
  if (Number(incoming.headers['content-length'] ?? 0) > REQUEST_BODY_MAX_BYTES)
    return Promise.resolve('too large');
  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let size = 0;
    incoming.on('data', (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= REQUEST_BODY_MAX_BYTES) return void chunks.push(chunk);
      incoming.pause();
      resolve('too large');
    });
    incoming.on('end', () => {
      const body = new Uint8Array(size);
      let at = 0;
      for (const chunk of chunks) {
        body.set(chunk, at);
        at += chunk.length;
      }
      resolve(body);
    });
    incoming.on('close', () => resolve('gone'));
    incoming.on('error', () => resolve('gone'));
  });
}

async function whole(
  outgoing: http.ServerResponse,
  response: HttpResponse,
  body: Uint8Array | string,
  method: string,
  encoding: Encoding | null,
): Promise<void> {
  let bytes: Uint8Array = typeof body === 'string' ? Buffer.from(body) : body;
  const headers: Record<string, string | number> = { ...response.headers };
  if (encoding !== null && bytes.length >= COMPRESS_MIN_BYTES) {
    bytes = await COMPRESS[encoding](bytes);
    addEncoding(headers, encoding);
  }
  const bodiless = response.status === 204 || response.status === 304;
  if (!bodiless) headers['content-length'] = bytes.length;
  outgoing.writeHead(response.status, headers);
  outgoing.end(bodiless || method === 'HEAD' ? undefined : bytes);
}

type Encoding = 'zstd' | 'gzip' | 'deflate';

/** Best first: what costs least for what it saves. */
const ENCODINGS: readonly Encoding[] = ['zstd', 'gzip', 'deflate'];

const FAST = { level: 1, chunkSize: COMPRESSED_CHUNK_BYTES };
const FAST_ZSTD = {
  chunkSize: COMPRESSED_CHUNK_BYTES,
  params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 },
};

const COMPRESS: Readonly<Record<Encoding, (bytes: Uint8Array) => Promise<Uint8Array>>> = {
  zstd: (bytes) => promisify(zlib.zstdCompress)(bytes, FAST_ZSTD),
  gzip: (bytes) => promisify(zlib.gzip)(bytes, FAST),
  deflate: (bytes) => promisify(zlib.deflate)(bytes, FAST),
};

function newCompressor(encoding: Encoding): Transform {
  if (encoding === 'zstd') return zlib.createZstdCompress(FAST_ZSTD);
  return encoding === 'gzip' ? zlib.createGzip(FAST) : zlib.createDeflate(FAST);
}

/** What the client likes best of what we have; null: the answer goes as it is. */
function encodingFor({ headers }: HttpResponse, accepted: string): Encoding | null {
  const names = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  if (names.has('content-encoding') || !COMPRESSED_TYPE.test(names.get('content-type') ?? '')) return null;
  const weights = new Map<string, number>();
  for (const part of accepted.toLowerCase().split(',')) {
    const [name = '', ...parameters] = part.split(';').map((text) => text.trim());
    const q = parameters.find((text) => text.startsWith('q='));
    weights.set(name, q === undefined ? 1 : Number(q.slice(2)) || 0);
  }
  let best: Encoding | null = null;
  let most = 0;
  for (const encoding of ENCODINGS) {
    const weight = weights.get(encoding) ?? 0;
    if (weight > most) [best, most] = [encoding, weight];
  }
  return best;
}

function addEncoding(headers: Record<string, string | number>, encoding: Encoding): void {
  headers['content-encoding'] = encoding;
  headers['vary'] = headers['vary'] === undefined ? 'accept-encoding' : `${headers['vary']}, accept-encoding`;
}

async function stream(
  outgoing: http.ServerResponse,
  response: HttpResponse,
  write: Extract<HttpResponse['body'], (...args: never) => unknown>,
  method: string,
  encoding: Encoding | null,
): Promise<void> {
  const headers: Record<string, string | number> = { ...response.headers };
  if (encoding !== null) addEncoding(headers, encoding);
  outgoing.writeHead(response.status, headers);
  if (method === 'HEAD') return void outgoing.end();
  outgoing.flushHeaders();
  const compressor = encoding === null ? null : newCompressor(encoding);
  // What is compressed waits in the compressor until the client has taken what came before.
  compressor?.pipe(outgoing);
  const into = compressor ?? outgoing;
  outgoing.on('close', () => compressor?.destroy());
  compressor?.on('error', () => outgoing.destroy());
  await write((chunk) => {
    if (outgoing.destroyed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (): void => {
        outgoing.off('close', settle);
        resolve(!outgoing.destroyed);
      };
      outgoing.on('close', settle);
      into.write(chunk, settle);
    });
  });
  into.end();
}

/** A client that is still sending would miss the answer if the connection just closed: it may go on for a moment, unheard. */
async function tooLarge(incoming: http.IncomingMessage, outgoing: http.ServerResponse): Promise<void> {
  outgoing.writeHead(413, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  outgoing.write(`the body is over the limit of ${REQUEST_BODY_MAX_BYTES} bytes\n`);
  incoming.resume();
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, LINGER_MS);
    for (const event of ['end', 'close', 'error'])
      incoming.on(event, () => {
        clearTimeout(timer);
        resolve();
      });
  });
  outgoing.end();
}

function refuse(outgoing: http.ServerResponse, status: number, text: string): void {
  outgoing.writeHead(status, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(text) + 1,
  });
  outgoing.end(`${text}\n`);
}
