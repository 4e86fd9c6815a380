// One connection to an endpoint. It owns the buffer in which its request is built: what was sent stays there until the answer begins, so
// that a request can be sent again when a pooled connection turns out to be dead.
import type { Net, Socket, SocketHandler } from '@munjigi/env';
import { TAKEN } from '@munjigi/env';
import type { Endpoint } from './endpoint.ts';

/** First size of a request buffer; what grew beyond KEEP_BYTES is not kept in the pool. */
const REQUEST_BYTES = 2048;
const KEEP_BYTES = 16 * 1024;
/** How long a closed connection may wait for the other side to close too. */
const DISCARD_MS = 5000;

/** Who uses the connection now. */
export interface UpstreamOwner {
  upstreamOpen(u: UpstreamConnection): void;
  /** As SocketHandler.data. */
  upstreamData(u: UpstreamConnection, b: Uint8Array, n: number): boolean;
  upstreamDrain(u: UpstreamConnection): void;
  upstreamEnd(u: UpstreamConnection): void;
  upstreamClosed(u: UpstreamConnection, why: number): void;
}

export class UpstreamConnection implements SocketHandler {
  readonly endpoint: Endpoint;
  socket: Socket;
  owner: UpstreamOwner | null;
  opened = false;
  closedFor = -1;
  /** Requests that ended on it before this one. */
  uses = 0;
  idleSince = 0;
  /** Monotonic ms of the last byte, as the coarse clock has it. */
  activity = 0;
  /** The request as it is sent: head, and the body as far as it came with the head. */
  request: Buffer = Buffer.allocUnsafeSlow(REQUEST_BYTES);
  requestBytes = 0;
  /** Value of Host in `request`. */
  hostFrom = 0;
  hostTo = 0;
  /** Reading stopped because the client takes no more. */
  paused = false;
  /** The socket has not handed on all of the bytes it was given. */
  blocked = false;
  /** A part of a response head. */
  stash: Buffer | null = null;
  stashed = 0;
  #held: Buffer[] = [];
  readonly #spare: Buffer[];

  constructor(
    net: Net,
    endpoint: Endpoint,
    owner: UpstreamOwner,
    connectTimeout_ms: number,
    spare: Buffer[],
  ) {
    this.endpoint = endpoint;
    this.owner = owner;
    this.#spare = spare;
    this.socket = net.connect(
      { host: endpoint.host, port: endpoint.port, timeout_ms: connectTimeout_ms },
      this,
    );
  }

  /** Makes room for `bytes` in the request buffer. */
  reserve(bytes: number): void {
    if (this.request.length < bytes) this.request = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)));
  }

  /** Sends `request`. */
  sendRequest(): void {
    if (this.socket.write(this.request, 0, this.requestBytes) !== TAKEN) this.blocked = true;
  }

  /** Sends out[0..p). False: `out` now belongs to this connection until it drains. */
  send(out: Buffer, p: number): boolean {
    if (this.socket.write(out, 0, p) === TAKEN) return true;
    this.blocked = true;
    this.#held.push(out);
    return false;
  }

  /** Keeps b[i..n), a part of a head; b may be the stash itself. */
  keep(b: Uint8Array, i: number, n: number): void {
    if (b === this.stash) {
      b.copyWithin(0, i, n);
      this.stashed = n - i;
      return;
    }
    const need = this.stashed + n - i;
    if (this.stash === null || this.stash.length < need) {
      const larger = Buffer.allocUnsafeSlow(Math.max(REQUEST_BYTES, 2 ** Math.ceil(Math.log2(need))));
      if (this.stash !== null) this.stash.copy(larger, 0, 0, this.stashed);
      this.stash = larger;
    }
    this.stash.set(b.subarray(i, n), this.stashed);
    this.stashed = need;
  }

  /** Gets ready for the pool: false when something of the last request still lies in it. */
  reusable(): boolean {
    if (this.blocked || this.stashed > 0 || !this.opened || this.closedFor >= 0) return false;
    this.uses++;
    if (this.request.length > KEEP_BYTES) this.request = Buffer.allocUnsafeSlow(REQUEST_BYTES);
    this.stash = null;
    if (this.paused) {
      this.paused = false;
      this.socket.resume();
    }
    return true;
  }

  /** Closes an idle connection in good order. */
  discard(): void {
    this.owner = null;
    this.socket.idle(DISCARD_MS);
    this.socket.end();
  }

  /** Drops everything at once. */
  abandon(): void {
    this.owner = null;
    this.socket.reset();
  }

  open(): void {
    this.opened = true;
    this.endpoint.connected();
    if (this.owner !== null) this.owner.upstreamOpen(this);
  }

  data(b: Uint8Array, n: number): boolean {
    if (this.owner === null) {
      // Bytes that nobody asked for.
      this.endpoint.forget(this);
      this.socket.reset();
      return true;
    }
    return this.owner.upstreamData(this, b, n);
  }

  drain(): void {
    this.blocked = false;
    if (this.#held.length > 0) this.#spare.push(...this.#held.splice(0));
    if (this.owner !== null) this.owner.upstreamDrain(this);
  }

  end(): void {
    if (this.owner !== null) return this.owner.upstreamEnd(this);
    this.endpoint.forget(this);
    this.socket.end();
  }

  timeout(): void {
    if (this.owner === null) this.socket.reset();
  }

  closed(why: number): void {
    this.closedFor = why;
    this.#spare.push(...this.#held.splice(0));
    this.endpoint.forget(this);
    const { owner } = this;
    this.owner = null;
    if (owner !== null) owner.upstreamClosed(this, why);
  }
}
