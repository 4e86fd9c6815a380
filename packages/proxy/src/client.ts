// One client connection: reads heads, passes bodies on, writes answers, and carries the state of the one request that is in progress, so
// that a request makes no objects. Requests of one connection are answered one after the other (pipelining-safe): bytes of the next one
// wait in `stash` and the socket is paused.
import { TAKEN, type Socket, type SocketHandler } from '@munjigi/env';
import { messageAnswer, type Answer } from './answer.ts';
import { WORKER } from './counters/layout.ts';
import { clientGone, clientLate } from './fail.ts';
import type { Exchange } from './filter/filter.ts';
import type { Gate } from './gate.ts';
import { latin1, putAll } from './http1/bytes.ts';
import type { ChunkedReader } from './http1/chunked.ts';
import { scanRequest, type Head } from './http1/head.ts';
import { HEAD_BYTES, TARGET_BYTES } from './http1/limits.ts';
import { REFUSALS, REFUSE } from './http1/refusal.ts';
import type { ListenerPort, VirtualHost } from './listen.ts';
import {
  BODY,
  BODY_CHUNKED,
  BODY_LENGTH,
  BODY_NONE,
  DISCARD,
  HEAD,
  LINGER,
  RES_HEAD,
  WAIT,
} from './phase.ts';
import { record } from './record.ts';
import { begin } from './request.ts';
import { receive, upstreamClosed, upstreamEnded } from './response.ts';
import { forwardBody } from './send.ts';
import type { Route } from './route/route.ts';
import type { Target } from './route/split.ts';
import type { Consumer } from './snapshot.ts';
import type { Cluster } from './upstream/cluster.ts';
import type { UpstreamConnection, UpstreamOwner } from './upstream/connection.ts';
import type { Endpoint } from './upstream/endpoint.ts';

/** A rest of a body that is read away so that the connection can be kept; a longer one closes it. */
const DISCARD_BYTES = 256 * 1024;
/** What a closing connection may still send before it is reset. */
const LINGER_BYTES = 4 * 1024 * 1024;
/** A client that closed its side gets its answer when it comes within this; later it counts as gone. */
const HALF_CLOSED_MS = 2000;
const STASH_BYTES = 1024;
const LINES_BYTES = 512;

const CLOSE_LINE = latin1('connection: close\r\n');
const KEEP_ALIVE_LINE = latin1('connection: keep-alive\r\n');
const CONTENT_NONE = latin1('');
const REFUSED: readonly Answer[] = REFUSALS.map((r) => messageAnswer(r.status, r.message));
const NO_REQUEST = latin1(',"method":"","host":"","path":""');

export class ClientConnection implements SocketHandler, UpstreamOwner, Exchange {
  readonly gate: Gate;
  readonly socket: Socket;
  readonly port: ListenerPort;
  /** Place in gate.connections. */
  slot = 0;
  reading: number = HEAD;
  /** Reading stopped on our side. */
  paused = false;
  /** The client has not taken all that was written. */
  blocked = false;
  blockedAt = 0;
  /** The client closed its side. */
  ended = false;
  endedAt = 0;
  gone = false;
  /** Monotonic ms when the present wait began. */
  since: number;
  /** Monotonic ms of the last byte from the client. */
  activity = 0;
  stash: Buffer | null = null;
  stashed = 0;
  #held: Buffer[] = [];
  #running = false;
  #lingered = 0;

  // Constant for the connection.
  readonly address: string;
  /** x-forwarded-for, -proto and -port, via. */
  readonly forwardLines: Buffer;
  readonly trusted: boolean;
  readonly logClient: Buffer;
  // The Host of the last request and what it led to.
  hostBytes: Buffer = CONTENT_NONE;
  hostFound: VirtualHost | null = null;
  hostEpoch = -1;

  // ---- the request in progress
  active = false;
  /** Monotonic ms. */
  startedAt = 0;
  sentAt = 0;
  routeDeadline: number = Infinity;
  keepAlive = true;
  http10 = false;
  isHead = false;
  idempotent = false;
  expects = false;
  bodyMode: number = BODY_NONE;
  bodyLeft = 0;
  bodyDone = true;
  /** Everything of the request that was sent lies in the upstream connection's buffer. */
  whole = true;
  chunks: ChunkedReader | null = null;
  route: Route | null = null;
  target: Target | null = null;
  cluster: Cluster | null = null;
  endpoint: Endpoint | null = null;
  up: UpstreamConnection | null = null;
  retriesLeft = 0;
  /** It was already sent again after a pooled connection had died. */
  resent = false;
  responseMode: number = RES_HEAD;
  responseLeft = 0;
  responseChunks: ChunkedReader | null = null;
  responseKeepsUpstream = false;
  /** Bytes of an answer are on their way: no other answer is possible. */
  answered = false;
  chunkedOut = false;
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  consumer: Consumer | null = null;
  credentialId = '';
  clientAddress = '';
  requestLines: Buffer = CONTENT_NONE;
  requestLinesTo = 0;
  responseLines: Buffer = CONTENT_NONE;
  responseLinesTo = 0;
  query: string | null = null;
  log: Buffer = CONTENT_NONE;
  logTo = 0;
  id: Buffer = CONTENT_NONE;
  idTo = 0;
  /** The client brought none: it is sent on. */
  idIsNew = false;
  /** The present answer is the upstream's own. */
  fromUpstream = false;
  bytes: Uint8Array = CONTENT_NONE;
  path: Uint8Array = CONTENT_NONE;
  pathFrom = 0;
  pathTo = 0;

  constructor(gate: Gate, port: ListenerPort, socket: Socket) {
    this.gate = gate;
    this.port = port;
    this.socket = socket;
    this.since = gate.now;
    this.activity = gate.now;
    this.address = plainAddress(socket.remoteAddress);
    this.trusted = gate.trusts(this.address);
    this.forwardLines = latin1(
      `x-forwarded-for: ${this.address}\r\nx-forwarded-proto: http\r\nx-forwarded-port: ${port.port}\r\nvia: 1.1 munjigi\r\n`,
    );
    this.logClient = latin1(`,"client":"${this.address}"`);
    gate.before(this.deadline());
  }

  // ---- bytes from the client

  data(b: Uint8Array, n: number): boolean {
    this.activity = this.gate.now;
    const goOn = this.#take(b, n);
    if (!goOn) this.paused = true;
    return goOn;
  }

  #take(b: Uint8Array, n: number): boolean {
    switch (this.reading) {
      case HEAD: {
        if (this.blocked) {
          // It takes no answers: no further request is begun.
          this.keep(b, 0, n);
          return false;
        }
        if (this.stashed === 0) return this.#run(b, 0, n);
        const before = this.stashed;
        this.keep(b, 0, n);
        return this.#worthScanning(before) ? this.#run(this.stash!, 0, this.stashed) : true;
      }
      case BODY: {
        const i = forwardBody(this, b, 0, n);
        if (i < n && this.#afterBody()) {
          this.keep(b, i, n);
          return false;
        }
        return this.#afterBody() || this.upstreamTakes();
      }
      case DISCARD: {
        const i = this.skipBody(b, 0, n);
        if (this.bodyMode === BODY_CHUNKED && this.chunks!.bad) {
          this.linger();
          return true;
        }
        if (!this.bodyDone) return true;
        this.reading = HEAD;
        this.since = this.gate.now;
        return this.#run(b, i, n);
      }
      case LINGER:
        this.#lingered += n;
        if (this.#lingered > LINGER_BYTES) this.socket.reset();
        return true;
      default:
        // The next request, ahead of time.
        this.keep(b, 0, n);
        return false;
    }
  }

  /** Whether `forwardBody` ended the body (it may also have ended the whole request). */
  #afterBody(): boolean {
    return this.reading !== BODY && this.reading !== LINGER;
  }

  /** Requests one after the other, as long as they end at once. */
  #run(b: Uint8Array, from: number, n: number): boolean {
    const { gate } = this;
    let i = from;
    while (i < n) {
      const end = scanRequest(gate.head, b, i, n);
      if (end === 0) {
        if (this.stashed === 0 || b !== this.stash) this.since = gate.now;
        this.keep(b, i, n);
        gate.before(this.deadline());
        return true;
      }
      if (end < 0) {
        this.refuse(-end);
        return true;
      }
      this.#running = true;
      i = begin(this, b, i, end, n);
      this.#running = false;
      if (this.reading === HEAD && !this.blocked) continue;
      if (this.reading === LINGER || this.gone) {
        this.stashed = 0;
        return true;
      }
      if (i < n) {
        this.keep(b, i, n);
        return this.reading === DISCARD;
      }
      this.stashed = 0;
      return this.reading === BODY ? this.upstreamTakes() : true;
    }
    this.stashed = 0;
    return true;
  }

  /** Keeps b[i..n) for later; b may be the stash itself. */
  keep(b: Uint8Array, i: number, n: number): void {
    if (b === this.stash) {
      b.copyWithin(0, i, n);
      this.stashed = n - i;
      return;
    }
    const need = this.stashed + n - i;
    if (this.stash === null || this.stash.length < need) {
      const larger = Buffer.allocUnsafeSlow(Math.max(STASH_BYTES, 2 ** Math.ceil(Math.log2(need))));
      if (this.stash !== null) this.stash.copy(larger, 0, 0, this.stashed);
      this.stash = larger;
    }
    this.stash.set(b.subarray(i, n), this.stashed);
    this.stashed = need;
  }

  /** A part of a head is scanned again only when its end may have come, so that a slow sender costs no more than a quick one. */
  #worthScanning(before: number): boolean {
    const b = this.stash!;
    const n = this.stashed;
    if (n > HEAD_BYTES) return true;
    let i = Math.max(0, before - 2);
    if (before <= TARGET_BYTES && n > TARGET_BYTES) return true;
    for (;;) {
      i = b.indexOf(10, i);
      if (i < 0 || i >= n) return false;
      if (i === 0 || b[i - 1] !== 13) return true;
      if (i + 1 < n && b[i + 1] === 13) return true;
      i++;
    }
  }

  /** Reads the body away without passing it on; the place where it stopped. */
  skipBody(b: Uint8Array, i: number, n: number): number {
    if (this.bodyDone) return i;
    if (this.bodyMode === BODY_LENGTH) {
      const take = Math.min(this.bodyLeft, n - i);
      this.bodyLeft -= take;
      if (this.bodyLeft === 0) this.bodyDone = true;
      return i + take;
    }
    const chunks = this.chunks!;
    while (i < n && !chunks.done && !chunks.bad) i = chunks.step(b, i, n);
    if (chunks.done) this.bodyDone = true;
    return i;
  }

  // ---- answers

  /** Sends gate.out[0..p). */
  send(p: number): void {
    const { gate } = this;
    this.bytesOut += p;
    if (this.socket.write(gate.out, 0, p) === TAKEN) return;
    this.#held.push(gate.out);
    gate.replaceOut();
    if (!this.blocked) {
      this.blocked = true;
      this.blockedAt = gate.now;
      gate.before(this.deadline());
    }
  }

  /** Answers the request in progress without an upstream (any more) and ends it. */
  answer(a: Answer): void {
    const { gate } = this;
    this.status = a.status;
    this.answered = true;
    if (!this.bodyDone && !this.#discardable()) this.keepAlive = false;
    if (gate.draining || this.port.closing) this.keepAlive = false;
    let p = this.putHead(a);
    if (!this.isHead && a.body.length > 0) {
      if (p + a.body.length > gate.out.length) {
        this.send(p);
        p = 0;
        for (let i = 0; i < a.body.length;) {
          const to = Math.min(a.body.length, i + gate.out.length);
          a.body.copy(gate.out, 0, i, to);
          p = to - i;
          i = to;
          if (i < a.body.length) this.send(p);
        }
      } else p = putAll(gate.out, p, a.body);
    }
    this.send(p);
    this.finish();
  }

  putHead(a: Answer): number {
    const { out } = this.gate;
    let p = putAll(out, 0, a.head);
    const { route } = this;
    if (route !== null) p = putAll(out, p, route.responseEdits.lines);
    if (this.responseLinesTo > 0) {
      this.responseLines.copy(out, p, 0, this.responseLinesTo);
      p += this.responseLinesTo;
    }
    p = this.putConnection(out, p);
    out[p++] = 13;
    out[p++] = 10;
    return p;
  }

  putConnection(out: Buffer, p: number): number {
    if (!this.keepAlive) return putAll(out, p, CLOSE_LINE);
    return this.http10 ? putAll(out, p, KEEP_ALIVE_LINE) : p;
  }

  /** Whether the rest of the body is short enough to be read away. After an unanswered Expect it may never come. */
  #discardable(): boolean {
    return this.bodyMode === BODY_LENGTH && this.bodyLeft <= DISCARD_BYTES && !this.expects;
  }

  /** The answer is out: records the request and gets ready for the next one. */
  finish(): void {
    record(this);
    const { gate } = this;
    this.since = gate.now;
    if (this.gone) return;
    if (!this.bodyDone && !this.#discardable()) this.keepAlive = false;
    if (!this.keepAlive) return this.linger();
    this.reading = this.bodyDone ? HEAD : DISCARD;
    if (!this.#running) this.#next();
    else gate.before(this.deadline());
  }

  /** What came ahead of time, then more from the socket. */
  #next(): void {
    if (this.blocked || this.gone) return;
    if (this.stashed > 0 && (this.reading === HEAD || this.reading === DISCARD)) {
      const b = this.stash!;
      const n = this.stashed;
      let from = 0;
      if (this.reading === DISCARD) {
        from = this.skipBody(b, 0, n);
        if (this.bodyDone) this.reading = HEAD;
      }
      if (this.reading === HEAD && !this.#run(b, from, n)) {
        this.paused = true;
        return;
      }
      if (this.reading === DISCARD) this.stashed = 0;
    }
    if (this.ended && this.reading !== WAIT && this.reading !== BODY) return this.linger();
    if (this.gate.draining || this.port.closing) {
      if (this.reading === HEAD && this.stashed === 0) return this.linger();
    }
    this.gate.before(this.deadline());
    this.resume();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.socket.resume();
  }

  /** Refuses what is not HTTP as we speak it: answers, closes, and reads the rest away so that the answer arrives. */
  refuse(reason: number): void {
    const { gate } = this;
    gate.cells[WORKER.bad + reason]! += 1;
    const a = REFUSED[reason]!;
    this.keepAlive = false;
    this.http10 = false;
    this.responseLinesTo = 0;
    this.route = null;
    let p = this.putHead(a);
    p = putAll(gate.out, p, a.body);
    this.bytesOut = 0;
    this.send(p);
    if (gate.access !== null) {
      gate.time();
      const wall = gate.wall();
      gate.access.line(
        wall,
        this.logClient,
        NO_REQUEST,
        NO_REQUEST.length,
        a.status,
        CONTENT_NONE,
        CONTENT_NONE,
        CONTENT_NONE,
        CONTENT_NONE,
        0,
        this.stashed,
        p,
        0,
        -1,
      );
    }
    this.linger();
  }

  /** No further request: FIN, then whatever comes is read away for a while. */
  linger(): void {
    this.reading = LINGER;
    this.stashed = 0;
    this.stash = null;
    this.since = this.gate.now;
    this.gate.before(this.deadline());
    this.socket.end();
    this.resume();
  }

  /** The listener goes away or the worker stops: closes now when nothing is in progress. */
  drainOut(): void {
    if (!this.active && this.reading === HEAD && this.stashed === 0 && !this.blocked) this.linger();
  }

  // ---- what the socket tells

  drain(): void {
    this.blocked = false;
    const { gate } = this;
    gate.spare.push(...this.#held.splice(0));
    const { up } = this;
    if (up !== null && up.paused) {
      up.paused = false;
      up.activity = gate.now;
      up.socket.resume();
    }
    if (!this.active && !this.gone && this.reading !== LINGER) this.#next();
  }

  end(): void {
    this.ended = true;
    this.endedAt = this.gate.now;
    if (this.reading === LINGER) return;
    if (this.reading === BODY) return clientGone(this);
    if (!this.active) return this.stashed > 0 && this.blocked ? undefined : this.linger();
    this.gate.before(this.deadline());
  }

  closed(): void {
    this.gone = true;
    this.gate.remove(this);
    this.port.open.delete(this);
    this.gate.spare.push(...this.#held.splice(0));
    if (this.active) clientGone(this);
    this.stash = null;
  }

  // ---- what the upstream connection tells

  /** Whether more of the request's body can be sent now. */
  upstreamTakes(): boolean {
    const { up } = this;
    return up === null || (up.opened && !up.blocked);
  }

  upstreamOpen(u: UpstreamConnection): void {
    u.activity = this.gate.now;
    // From here on silence counts.
    this.gate.before(this.deadline());
    if (this.reading === BODY && !u.blocked) this.resume();
  }

  upstreamData(u: UpstreamConnection, b: Uint8Array, n: number): boolean {
    u.activity = this.gate.now;
    return receive(this, u, b, n);
  }

  upstreamDrain(u: UpstreamConnection): void {
    u.activity = this.gate.now;
    if (this.reading === BODY && this.upstreamTakes()) this.resume();
  }

  upstreamEnd(u: UpstreamConnection): void {
    upstreamEnded(this, u);
  }

  upstreamClosed(u: UpstreamConnection, why: number): void {
    upstreamClosed(this, u, why);
  }

  // ---- what filters see and do

  get head(): Head {
    return this.gate.head;
  }

  get wall(): number {
    return this.gate.wall();
  }

  get service(): string {
    return this.route === null ? '' : this.route.service;
  }

  addRequestLines(lines: Uint8Array): void {
    this.requestLines = grown(this.requestLines, this.requestLinesTo, lines.length);
    this.requestLinesTo = putAll(this.requestLines, this.requestLinesTo, lines);
  }

  addResponseLines(lines: string): void {
    this.responseLines = grown(this.responseLines, this.responseLinesTo, lines.length);
    this.responseLinesTo += this.responseLines.write(lines, this.responseLinesTo, 'latin1');
  }

  replaceQuery(query: string): void {
    this.query = query;
  }

  // ---- time

  /** Monotonic ms before which nothing is late. */
  deadline(): number {
    const { limits } = this.gate;
    if (!this.active) {
      if (this.reading === LINGER || this.reading === DISCARD) return this.since + limits.linger_ms;
      if (this.blocked) return this.blockedAt + limits.clientIdle_ms;
      return (
        this.since +
        (this.stashed > 0 || this.bytesIn === 0 ? limits.headTimeout_ms : limits.keepAliveTimeout_ms)
      );
    }
    let d = this.routeDeadline;
    const { up } = this;
    if (this.blocked) d = Math.min(d, this.blockedAt + limits.clientIdle_ms);
    else if (up !== null) {
      const idle = this.cluster!.settings.resource.idleTimeout_ms;
      if (idle > 0 && up.opened) d = Math.min(d, up.activity + idle);
    }
    if (this.reading === BODY && this.upstreamTakes()) d = Math.min(d, this.activity + limits.clientIdle_ms);
    if (this.ended) d = Math.min(d, this.endedAt + HALF_CLOSED_MS);
    return d;
  }

  /** Something is late. */
  expire(now: number): void {
    if (this.active) return clientLate(this, now, HALF_CLOSED_MS);
    if (this.reading === LINGER || this.reading === DISCARD || this.blocked) return this.socket.reset();
    if (this.stashed > 0) this.refuse(REFUSE.headTimeout);
    else this.linger();
  }
}

/** IPv4 in its own form, also when it came through an IPv6 socket. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}

/** Room for `bytes` more behind `used`. */
function grown(b: Buffer, used: number, bytes: number): Buffer {
  if (b.length >= used + bytes) return b;
  const larger = Buffer.allocUnsafeSlow(Math.max(LINES_BYTES, 2 ** Math.ceil(Math.log2(used + bytes))));
  b.copy(larger, 0, 0, used);
  return larger;
}
