// What comes from an upstream: head, body, end, failure. The head is checked as strictly as a request's; the body is passed on with framing of our
// own; a slow client stops the reading.
import { CLOSED } from '@munjigi/env';
import { messageAnswer } from './answer.ts';
import type { ClientConnection } from './client.ts';
import { FAILURE } from './counters/layout.ts';
import { failExchange } from './fail.ts';
import { latin1, put, putAll } from './http1/bytes.ts';
import { ChunkedReader } from './http1/chunked.ts';
import { LINE, scanResponse } from './http1/head.ts';
import { RES_CHUNKED, RES_DONE, RES_HEAD, RES_LENGTH, RES_UNTIL_CLOSE } from './phase.ts';
import type { Edits } from './route/edits.ts';
import { responseEdits } from './route/split.ts';
import { namedByConnection, putChunk, sameName, sendAgain } from './send.ts';
import type { UpstreamConnection } from './upstream/connection.ts';

const BAD_RESPONSE = messageAnswer(502, 'An invalid response was received from the upstream server');
const NO_CONNECTION = messageAnswer(502, 'The upstream server can not be reached');
const CONNECT_TIMEOUT = messageAnswer(504, 'The upstream server did not accept a connection in time');
const CLOSED_EARLY = messageAnswer(502, 'The upstream server closed the connection without an answer');

const CHUNKED_LINE = latin1('transfer-encoding: chunked\r\n');
const LAST_CHUNK = latin1('0\r\n\r\n');

/** b[0..n) from the upstream. False: paused until the client has taken what it has. */
export function receive(c: ClientConnection, u: UpstreamConnection, b: Uint8Array, n: number): boolean {
  if (c.up !== u) return true;
  const { gate } = c;
  let i = 0;
  let p = 0;
  if (c.responseMode === RES_HEAD) {
    let bytes = b;
    if (u.stashed > 0) {
      u.keep(b, 0, n);
      bytes = u.stash!;
      n = u.stashed;
    }
    for (;;) {
      const end = scanResponse(gate.head, bytes, i, n);
      if (end === 0) {
        u.keep(bytes, i, n);
        return !c.blocked || pauseUpstream(u);
      }
      if (end < 0 || gate.head.status === 101) {
        failExchange(c, FAILURE.badResponse, BAD_RESPONSE);
        return true;
      }
      if (gate.head.status >= 200) {
        p = putHead(c, bytes);
        i = end;
        break;
      }
      // 100 and 103 go on to a client that knows them; the answer proper is still to come.
      if (!c.http10) {
        p = putLines(c, bytes, gate.head.start, null, true);
        gate.out[p++] = 13;
        gate.out[p++] = 10;
        c.send(p);
        if (gate.head.status === 100) c.expects = false;
      }
      i = end;
      if (i === n) {
        u.stashed = 0;
        return !c.blocked || pauseUpstream(u);
      }
    }
    b = bytes;
    u.stashed = 0;
  }
  i = passBody(c, b, i, n, p);
  if (i < 0) {
    failExchange(c, FAILURE.badResponse, BAD_RESPONSE);
    return true;
  }
  if (c.responseMode !== RES_DONE) return !c.blocked || pauseUpstream(u);
  complete(c, u, i === n);
  return true;
}

function pauseUpstream(u: UpstreamConnection): false {
  u.paused = true;
  return false;
}

/** Sends gate.out[0..p) and what b[i..n) has of the body; where the response ends, -1 for bad framing. */
function passBody(c: ClientConnection, b: Uint8Array, i: number, n: number, p: number): number {
  const { gate } = c;
  // Head and body in one write, when they fit.
  if (p + n - i + 64 > gate.out.length) {
    c.send(p);
    p = 0;
  }
  const { out } = gate;
  switch (c.responseMode) {
    case RES_LENGTH: {
      const take = Math.min(c.responseLeft, n - i);
      p = put(out, p, b, i, i + take);
      i += take;
      c.responseLeft -= take;
      if (c.responseLeft === 0) c.responseMode = RES_DONE;
      break;
    }
    case RES_CHUNKED: {
      const chunks = c.responseChunks!;
      while (i < n && !chunks.done && !chunks.bad) {
        i = chunks.step(b, i, n);
        if (chunks.to === chunks.from) continue;
        p = c.chunkedOut
          ? putChunk(out, p, b, chunks.from, chunks.to)
          : put(out, p, b, chunks.from, chunks.to);
      }
      if (chunks.bad) return -1;
      if (chunks.done) {
        if (c.chunkedOut) p = putAll(out, p, LAST_CHUNK);
        c.responseMode = RES_DONE;
      }
      break;
    }
    case RES_UNTIL_CLOSE:
      if (n > i) p = c.chunkedOut ? putChunk(out, p, b, i, n) : put(out, p, b, i, n);
      i = n;
      break;
    default:
      break;
  }
  if (p > 0) c.send(p);
  return i;
}

/** Decides how the body ends on both sides and writes the head for the client into gate.out; its length. */
function putHead(c: ClientConnection, b: Uint8Array): number {
  const { gate } = c;
  const h = gate.head;
  const { status } = h;
  c.status = status;
  c.answered = true;
  c.fromUpstream = true;
  c.chunkedOut = false;
  c.responseKeepsUpstream = h.minor === 1 ? !h.connectionClose : h.connectionKeepAlive && !h.connectionClose;
  const bodiless = c.isHead || status === 204 || status === 304;
  if (bodiless) c.responseMode = RES_DONE;
  else if (h.chunked) {
    c.responseMode = RES_CHUNKED;
    if (c.responseChunks === null) c.responseChunks = new ChunkedReader();
    else c.responseChunks.reset();
    c.chunkedOut = !c.http10;
  } else if (h.contentLength >= 0) {
    c.responseMode = h.contentLength === 0 ? RES_DONE : RES_LENGTH;
    c.responseLeft = h.contentLength;
  } else {
    c.responseMode = RES_UNTIL_CLOSE;
    c.responseKeepsUpstream = false;
    c.chunkedOut = !c.http10;
  }
  if (c.http10 && (c.responseMode === RES_CHUNKED || c.responseMode === RES_UNTIL_CLOSE)) c.keepAlive = false;
  if (gate.draining || c.port.closing || (c.expects && !c.bodyDone)) c.keepAlive = false;
  const edits = responseEdits(c.route!, c.target!);
  let p = putLines(c, b, h.start, edits, status !== 204);
  const { out } = gate;
  if (edits.lines.length > 0) p = putAll(out, p, edits.lines);
  if (c.responseLinesTo > 0) p = put(out, p, c.responseLines, 0, c.responseLinesTo);
  if (c.chunkedOut) p = putAll(out, p, CHUNKED_LINE);
  p = c.putConnection(out, p);
  out[p++] = 13;
  out[p++] = 10;
  return p;
}

/** The status line and the header lines that go on. */
function putLines(
  c: ClientConnection,
  b: Uint8Array,
  from: number,
  edits: Edits | null,
  keepLength: boolean,
): number {
  const h = c.gate.head;
  const { out } = c.gate;
  const drop = edits === null ? 0 : edits.drop.length;
  let p = 0;
  let run = from;
  if (h.special || drop > 0 || !keepLength) {
    for (let i = 0; i < h.count; i++) {
      if (!leavesOut(c, b, i, edits, keepLength)) continue;
      p = put(out, p, b, run, h.offsets[4 * i]!);
      run = h.lineEnd(i);
    }
  }
  p = put(out, p, b, run, h.end - 2);
  // The version is ours.
  out[7] = 49;
  return p;
}

function leavesOut(
  c: ClientConnection,
  b: Uint8Array,
  i: number,
  edits: Edits | null,
  keepLength: boolean,
): boolean {
  const h = c.gate.head;
  switch (h.kinds[i]) {
    case LINE.contentLength:
      return !keepLength;
    case LINE.transferEncoding:
    case LINE.connection:
    case LINE.hop:
      return true;
    default:
      break;
  }
  if (h.connectionNames && namedByConnection(c, b, i)) return true;
  if (edits === null) return false;
  for (const name of edits.drop) if (sameName(b, h.offsets[4 * i]!, h.offsets[4 * i + 1]!, name)) return true;
  return false;
}

/** The response is whole. `clean`: nothing came behind it. */
function complete(c: ClientConnection, u: UpstreamConnection, clean: boolean): void {
  c.up = null;
  if (clean && c.responseKeepsUpstream && c.bodyDone && u.reusable()) u.endpoint.put(u, c.gate.now);
  else if (c.bodyDone && u.closedFor < 0) u.discard();
  else u.abandon();
  c.finish();
}

/** The upstream sent FIN. */
export function upstreamEnded(c: ClientConnection, u: UpstreamConnection): void {
  if (c.up !== u) return;
  if (c.responseMode === RES_UNTIL_CLOSE) {
    c.responseMode = RES_DONE;
    if (c.chunkedOut) c.send(putAll(c.gate.out, 0, LAST_CHUNK));
    return complete(c, u, true);
  }
  lost(c, u, CLOSED.normal);
}

/** The connection failed, or was never made. */
export function upstreamClosed(c: ClientConnection, u: UpstreamConnection, why: number): void {
  if (c.up === u) lost(c, u, why);
}

/** No more can come from u: tries again where that is safe, else the request fails. */
function lost(c: ClientConnection, u: UpstreamConnection, why: number): void {
  const { gate } = c;
  gate.time();
  c.up = null;
  u.owner = null;
  if (u.closedFor < 0) u.socket.reset();
  if (!u.opened) {
    const failure =
      why === CLOSED.timeout
        ? FAILURE.connectTimeout
        : why === CLOSED.unreachable
          ? FAILURE.unreachable
          : FAILURE.refused;
    u.endpoint.failed(failure, gate.now, gate.wall());
    // No byte was sent: any method may be tried elsewhere.
    if (c.retriesLeft > 0 && c.whole) {
      c.retriesLeft--;
      if (sendAgain(c, u, false)) return;
    }
    return failExchange(c, 0, failure === FAILURE.connectTimeout ? CONNECT_TIMEOUT : NO_CONNECTION);
  }
  // A pooled connection that died before a byte of an answer: the upstream closed it as idle, most likely.
  if (u.uses > 0 && !c.answered && u.stashed === 0 && !c.resent && c.idempotent && c.whole && c.bodyDone) {
    c.resent = true;
    if (sendAgain(c, u, true)) return;
  }
  const failure = why === CLOSED.reset ? FAILURE.reset : FAILURE.closedEarly;
  failExchange(c, failure, CLOSED_EARLY);
}
