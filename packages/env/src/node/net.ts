// The real sockets, on node:net's public interface. Reading: connected sockets read into one buffer that the whole thread shares (`onread`),
// accepted ones take Node's buffers. Writing: `write` answers from `writableLength`, which is 0 after the call exactly when the kernel took
// every byte; otherwise one empty write with a callback queues behind the bytes and tells when they have gone.
import dns from 'node:dns/promises';
import net from 'node:net';
import process from 'node:process';
import {
  CLOSED,
  EnvError,
  FULL,
  KEPT,
  TAKEN,
  type ListenOptions,
  type Listener,
  type Net,
  type Socket,
  type SocketHandler,
  type WriteState,
} from '../env.ts';

/** From this many waiting bytes on `write` answers FULL. */
const FULL_BYTES = 64 * 1024;
const READ_BYTES = 64 * 1024;
const BACKLOG = 4096;
/** How long an answer without a TTL of its own counts. */
const RESOLVE_TTL_MS = 30_000;

const EMPTY = Buffer.alloc(0);
// The kernel fills it and `data` has returned before the next read of any socket begins; only Windows reads ahead.
const READ_BUFFER = Buffer.allocUnsafeSlow(READ_BYTES);

const WHY: Readonly<Record<string, number>> = {
  ECONNRESET: CLOSED.reset,
  EPIPE: CLOSED.reset,
  ECONNABORTED: CLOSED.reset,
  ECONNREFUSED: CLOSED.refused,
  ETIMEDOUT: CLOSED.timeout,
  EHOSTUNREACH: CLOSED.unreachable,
  ENETUNREACH: CLOSED.unreachable,
  EADDRNOTAVAIL: CLOSED.unreachable,
  ENOTFOUND: CLOSED.unreachable,
  EAI_AGAIN: CLOSED.unreachable,
};

class NodeSocket implements Socket {
  remoteAddress = '';
  remotePort = 0;
  handler: SocketHandler | null = null;
  #socket: net.Socket;
  #waiting = false;
  #corked = 0;
  #why: number = CLOSED.normal;
  #closed = false;
  readonly #flushed: () => void;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    this.#flushed = (): void => this.#afterFlush();
    socket.on('end', () => this.handler?.end());
    socket.on('timeout', () => this.handler?.timeout?.());
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#why === CLOSED.normal) this.#why = WHY[error.code ?? ''] ?? CLOSED.other;
    });
    socket.on('close', () => {
      this.#closed = true;
      this.handler?.closed(this.#why);
    });
  }

  write(b: Uint8Array, from: number, to: number): WriteState {
    const socket = this.#socket;
    if (this.#closed || socket.destroyed || socket.writableEnded) return TAKEN;
    socket.write(
      Buffer.isBuffer(b) ? b.subarray(from, to) : Buffer.from(b.buffer, b.byteOffset + from, to - from),
    );
    const left = socket.writableLength;
    if (left === 0) return TAKEN;
    if (!this.#waiting && this.#corked === 0) this.#watch();
    return left < FULL_BYTES ? KEPT : FULL;
  }

  cork(): void {
    this.#corked++;
    this.#socket.cork();
  }

  uncork(): void {
    if (this.#corked === 0) return;
    this.#corked--;
    const kept = this.#socket.writableLength > 0;
    this.#socket.uncork();
    if (this.#corked === 0 && kept && !this.#waiting) this.#watch();
  }

  end(): void {
    this.#socket.end();
  }

  reset(): void {
    if (!this.#socket.destroyed) this.#socket.resetAndDestroy();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  idle(timeout_ms: number): void {
    this.#socket.setTimeout(timeout_ms);
  }

  opened(): void {
    this.remoteAddress = this.#socket.remoteAddress ?? '';
    this.remotePort = this.#socket.remotePort ?? 0;
  }

  timedOut(): void {
    this.#why = CLOSED.timeout;
    this.#socket.destroy();
  }

  /** `drain` follows when everything written so far has gone. */
  #watch(): void {
    this.#waiting = true;
    this.#socket.write(EMPTY, this.#flushed);
  }

  #afterFlush(): void {
    this.#waiting = false;
    if (this.#closed || this.#socket.destroyed) return;
    if (this.#socket.writableLength > 0) this.#watch();
    else this.handler?.drain();
  }
}

function ignore(): void {}

function failed(error: unknown, place: string): EnvError {
  const { code, message } = error as NodeJS.ErrnoException;
  return new EnvError(code ?? 'EIO', place, message);
}

function listening(server: net.Server, options: net.ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (error: unknown): void => reject(failed(error, `${options.host}:${options.port}`));
    server.once('error', refused);
    server.listen(options, () => {
      server.off('error', refused);
      resolve();
    });
  });
}

async function listen(o: ListenOptions, accept: (socket: Socket) => SocketHandler): Promise<Listener> {
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    const s = new NodeSocket(socket);
    s.opened();
    const handler = accept(s);
    s.handler = handler;
    socket.on('data', (b: Buffer) => {
      if (!handler.data(b, b.length)) socket.pause();
    });
  });
  await listening(server, {
    host: o.host,
    port: o.port,
    exclusive: true,
    backlog: o.backlog ?? BACKLOG,
    ...(o.reusePort === true ? { reusePort: true } : {}),
  });
  // A failed accept (out of descriptors) loses that one connection; the listener goes on.
  server.on('error', ignore);
  const { address, port } = server.address() as net.AddressInfo;
  return {
    address,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close();
        setImmediate(resolve);
      }),
  };
}

function connect(o: { host: string; port: number; timeout_ms: number }, handler: SocketHandler): Socket {
  const socket = net.connect({
    host: o.host,
    port: o.port,
    noDelay: true,
    allowHalfOpen: true,
    onread: {
      buffer: process.platform === 'win32' ? Buffer.allocUnsafeSlow(READ_BYTES) : READ_BUFFER,
      callback: (n: number, b: Uint8Array): boolean => handler.data(b, n),
    },
  });
  const s = new NodeSocket(socket);
  s.handler = handler;
  const timer = o.timeout_ms > 0 ? setTimeout(() => s.timedOut(), o.timeout_ms) : undefined;
  socket.once('connect', () => {
    clearTimeout(timer);
    s.opened();
    handler.open?.();
  });
  socket.once('close', () => clearTimeout(timer));
  return s;
}

async function tryPort(host: string, port: number): Promise<void> {
  const server = net.createServer();
  await listening(server, { host, port, exclusive: true });
  await new Promise((resolve) => server.close(resolve));
}

async function resolve(host: string): Promise<{ addresses: string[]; ttl_ms: number }> {
  if (net.isIP(host) !== 0) return { addresses: [host], ttl_ms: Infinity };
  const [found, v4, v6] = await Promise.allSettled([
    dns.lookup(host, { all: true, order: 'verbatim' }),
    dns.resolve4(host, { ttl: true }),
    dns.resolve6(host, { ttl: true }),
  ]);
  if (found.status === 'rejected') throw failed(found.reason, host);
  const addresses = found.value.map(({ address }) => address);
  let ttl_ms = RESOLVE_TTL_MS;
  for (const answer of [v4, v6]) {
    if (answer.status === 'rejected') continue;
    for (const { address, ttl } of answer.value)
      if (addresses.includes(address)) ttl_ms = Math.min(ttl_ms, ttl * 1000);
  }
  return { addresses, ttl_ms };
}

export const nodeNet: Net = { listen, connect, tryPort, resolve };
