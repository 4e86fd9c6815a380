// The only door outside: what the program may ask of the world, as interfaces. `node/` is the real one, `sim/` a world made from one seed.
// Everything that a simulation must be able to decide (time, randomness, disk, network, threads) comes in through here.

export interface Env {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  readonly net: Net;
  readonly http: Http;
  readonly workers: Workers;
  readonly codec: Codec;
  readonly log: Log;
}

// ---- time and randomness

export interface Clock {
  /** Wall time in ms since 1970, an integer. May jump. */
  now(): number;
  /** Monotonic ms with a fraction, for durations and deadlines. */
  monotonic(): number;
  /** Calls fn once after delay_ms. */
  after(delay_ms: number, fn: () => void): Timer;
  every(interval_ms: number, fn: () => void): Timer;
  sleep(delay_ms: number): Promise<void>;
  /** Gives other work of this thread (sockets, timers) a turn. */
  yield(): Promise<void>;
}

export interface Timer {
  cancel(): void;
}

export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  /** Uniform in [0, 2^32). */
  u32(): number;
  bytes(n: number): Uint8Array;
}

// ---- files

/** An operating error of the outside: `code` is the system's (ENOSPC, ENOENT, EADDRINUSE, ...). */
export class EnvError extends Error {
  readonly code: string;
  readonly path: string;
  constructor(code: string, path: string, message: string) {
    super(message);
    this.code = code;
    this.path = path;
  }
}

/**
 * Data calls are synchronous (a read from the page cache costs 3 us, a promise 100); what waits for the disk itself (`sync`) is not.
 * Every call may throw EnvError. A short write (disk full) throws ENOSPC after writing what fitted: the caller truncates.
 */
export interface Files {
  /** 'r' existing, read only; 'rw' existing, read and write; 'create' new or truncated, read and write; 'append' at the end, made when absent. */
  open(path: string, mode: 'r' | 'rw' | 'create' | 'append'): File;
  readFile(path: string): Uint8Array;
  list(dir: string): DirEntry[];
  /** null when there is nothing. */
  stat(path: string): FileStat | null;
  makeDir(path: string): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
  removeTree(path: string): void;
  /** fsync of a directory: makes renames, creations and removals in it last. */
  syncDir(path: string): Promise<void>;
  /** Writes a temporary file, syncs it, renames it over `path`, syncs the directory: whole or not at all. */
  writeWhole(path: string, bytes: Uint8Array): Promise<void>;
  /** An exclusive lock that ends with the process however it ends; null: held by another process (or another holder in this one). */
  lock(path: string): FileLock | null;
  /** Whether another process holds a BSD lock (flock) on the file, as far as the system tells. */
  flocked(path: string): boolean;
  /** The id of another process on this machine that has a file below `dir` open for writing, as far as the system tells; else null. */
  writerOf(dir: string): number | null;
  /** Calls fn (not more often than needed) when something below `path` may have changed. Not recursive. */
  watch(path: string, fn: () => void): { close(): void };
  freeBytes(path: string): number;
  /** The size of the file system that `path` is on. */
  totalBytes(path: string): number;
  /** A second name for a file (a hard link): the bytes are the same ones. Throws EnvError EXDEV, EPERM, ... where that cannot be. */
  link(from: string, to: string): void;
}

export interface File {
  /** Reads up to `to - from` bytes at `position` into b; returns how many (0 at the end). */
  read(b: Uint8Array, from: number, to: number, position: number): number;
  /** Writes all at `position` (-1: at the end of an 'append' file). */
  write(b: Uint8Array, from: number, to: number, position: number): void;
  truncate(size: number): void;
  size(): number;
  sync(): Promise<void>;
  close(): void;
}

export interface DirEntry {
  readonly name: string;
  readonly kind: 'file' | 'dir' | 'other';
}

export interface FileStat {
  readonly kind: 'file' | 'dir' | 'other';
  readonly size: number;
  readonly modified_ms: number;
}

export interface FileLock {
  release(): void;
}

// ---- sockets

/** `write` took the bytes: the caller may reuse its buffer at once. */
export const TAKEN = 0;
/** `write` keeps the bytes: they must not be touched until `drain`. More may be written. */
export const KEPT = 1;
/** As KEPT, and the caller should stop writing until `drain`. */
export const FULL = 2;
export type WriteState = typeof TAKEN | typeof KEPT | typeof FULL;

/** No promise and no object per read or write. */
export interface Socket {
  readonly remoteAddress: string;
  readonly remotePort: number;
  write(b: Uint8Array, from: number, to: number): WriteState;
  cork(): void;
  uncork(): void;
  /** Sends what is queued, then FIN. Reading goes on. */
  end(): void;
  /** Drops what is queued and closes at once (RST where the system can). */
  reset(): void;
  /** Stops `data` after the call in progress; the kernel's window then holds the sender back. */
  pause(): void;
  resume(): void;
  /** Calls `timeout` of the handler after this long without a byte in or out; 0: never. */
  idle(timeout_ms: number): void;
}

/** `why` of `closed`: 0 normal, else the reason. */
export const CLOSED = { normal: 0, reset: 1, refused: 2, timeout: 3, unreachable: 4, other: 5 } as const;

export interface SocketHandler {
  /** Connected (client side only). */
  open?(): void;
  /** n bytes in b[0..n), valid until this returns. False: paused until `resume`. */
  data(b: Uint8Array, n: number): boolean;
  /** Everything that was KEPT or FULL has been handed to the system. */
  drain(): void;
  /** The peer sent FIN. */
  end(): void;
  timeout?(): void;
  /** Last call. */
  closed(why: number): void;
}

export interface Listener {
  readonly address: string;
  readonly port: number;
  /** Stops accepting; sockets go on. */
  close(): Promise<void>;
}

export interface ListenOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Several listeners (threads) share the port and the kernel spreads connections. */
  readonly reusePort?: boolean;
  readonly backlog?: number;
}

export interface Net {
  /** Rejects with EnvError EADDRINUSE, EACCES, ... Accepted sockets call `accept`, which returns their handler. */
  listen(options: ListenOptions, accept: (socket: Socket) => SocketHandler): Promise<Listener>;
  /** `handler.open` or `handler.closed` follows. `host` is an address or a name. */
  connect(options: { host: string; port: number; timeout_ms: number }, handler: SocketHandler): Socket;
  /** Whether nobody at all listens there: bind without sharing, then close. Rejects with EnvError EADDRINUSE otherwise. */
  tryPort(host: string, port: number): Promise<void>;
  resolve(host: string): Promise<{ addresses: string[]; ttl_ms: number }>;
}

// ---- HTTP for our own surface and our own fetching (the proxy's hot path does not use it)

export interface Http {
  fetch(request: HttpFetch): Promise<HttpFetched>;
  serve(
    options: { host: string; port: number },
    handle: (r: HttpRequest) => Promise<HttpResponse>,
  ): Promise<Listener>;
}

export interface HttpFetch {
  readonly url: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  readonly timeout_ms: number;
  /** After decompression; over it fetch rejects with EnvError EMSGSIZE. 0: no limit. */
  readonly bodyLimit: number;
  readonly followRedirects?: boolean;
  /** Asked between chunks and on abort: true ends the request with EnvError ECANCELED. */
  readonly signal?: AbortSignal;
  /** For https; absent: the system's trust and no client certificate. */
  readonly tls?: HttpTls;
}

/** How to trust the other side and what to show it. Certificates and keys as PEM text. */
export interface HttpTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  /** True: any certificate is accepted. */
  readonly insecureSkipVerify?: boolean;
}

export interface HttpFetched {
  readonly status: number;
  /** Names in lower case; repeated headers joined by ', '. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface HttpRequest {
  readonly method: string;
  /** As it was sent, with the query. */
  readonly target: string;
  /** Decoded path without the query. */
  readonly path: string;
  /** Query parameters; for a form body of a POST, those of the body too. */
  readonly params: URLSearchParams;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly remoteAddress: string;
  /** Aborted when the client went away. */
  readonly signal: AbortSignal;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** A function is a stream: it gets `send` (false: the client is gone; true: the chunk's bytes may change again) and resolves when done. */
  readonly body:
    | Uint8Array
    | string
    | ((send: (chunk: Uint8Array | string) => Promise<boolean>) => Promise<void>);
}

// ---- threads

/** One end of a two-way channel between threads. Messages are structured clones; SharedArrayBuffers are shared. */
export interface Port {
  post(message: unknown, transfer?: readonly Transfer[]): void;
  /** One receiver a port; messages wait until it is set. `ports` are those of the transfer list, in its order. */
  receive(fn: (message: unknown, ports: readonly Port[]) => void): void;
  /** The other end has closed or its thread has ended. */
  onClose(fn: () => void): void;
  close(): void;
}

/** What may be moved instead of copied: buffers, and ports from `channel`. */
export type Transfer = ArrayBuffer | Port;

export interface Worker extends Port {
  readonly name: string;
  /** Resolves with the reason once the thread has ended by whatever cause. */
  readonly ended: Promise<string>;
  terminate(): Promise<void>;
}

export interface WorkerOptions {
  /**
   * Size of one half of the space that new objects are made in, MiB. A small one makes collections of garbage short and frequent: for threads that
   * must not stand still. Absent: the engine's choice.
   */
  readonly newSpace_mib?: number;
}

export interface Workers {
  /** Starts a thread on a module that exports `run: WorkerMain`. In a simulation it is a task of the same thread. */
  start(name: string, entry: URL, data: unknown, options?: WorkerOptions): Worker;
  /** A pair of connected ports; either may be put on a transfer list. */
  channel(): [Port, Port];
}

/** What a worker's module exports as `run`. */
export type WorkerMain = (env: Env, parent: Port, data: never) => void | Promise<void>;

// ---- compression that the platform brings along

/** Functions of their bytes alone: a simulation has the same. */
export interface Codec {
  /** b[from..to) as one frame. */
  zstdCompress(b: Uint8Array, from: number, to: number): Uint8Array;
  /** What b[from..to) holds, of at most `limit` bytes: 'limit' when it is more, 'damaged' when it is no zstd. */
  zstdDecompress(b: Uint8Array, from: number, to: number, limit: number): Uint8Array | 'limit' | 'damaged';
}

// ---- log

/** One structured line each: time, level, msg, fields. Secrets never go into fields. */
export interface Log {
  debug(msg: string, fields?: LogFields): void;
  info(msg: string, fields?: LogFields): void;
  warn(msg: string, fields?: LogFields): void;
  error(msg: string, fields?: LogFields): void;
  with(fields: LogFields): Log;
}

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;
