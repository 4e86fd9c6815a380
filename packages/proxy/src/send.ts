// The send phase: the head that the upstream gets, built once into the upstream connection's own buffer from slices of what came, then the
// body as it comes.
import type { ClientConnection } from './client.ts';
import { WORKER } from './counters/layout.ts';
import { failChunk } from './fail.ts';
import { latin1, put, putAll, putHex, textOf } from './http1/bytes.ts';
import { LINE } from './http1/head.ts';
import { REFUSE } from './http1/refusal.ts';
import { BODY, BODY_LENGTH, WAIT } from './phase.ts';
import type { Edits } from './route/edits.ts';
import { rewritePath } from './route/rewrite.ts';
import type { Route } from './route/route.ts';
import { requestEdits } from './route/split.ts';
import { UpstreamConnection } from './upstream/connection.ts';

const VERSION_LINE = latin1(' HTTP/1.1\r\n');
const HOST_NAME = latin1('host: ');
const CRLF = latin1('\r\n');
const FORWARDED_HOST = latin1('x-forwarded-host: ');
const CHUNKED_LINE = latin1('transfer-encoding: chunked\r\n');
const REQUEST_ID_NAME = latin1('x-request-id: ');
const LAST_CHUNK = latin1('0\r\n\r\n');
/** Where the id begins in the member `,"id":"..."`. */
export const ID_FROM = 7;
/** What a built head may have beyond what came, its edits and its lines. */
const HEAD_SLACK = 2048;

/** Sends the request to c.endpoint, with what has come of its body up to n; where it stopped. */
export function send(c: ClientConnection, b: Uint8Array, end: number, n: number): number {
  const { gate } = c;
  const u = c.endpoint!.take() ?? connect(c);
  u.owner = c;
  c.up = u;
  u.activity = gate.now;
  u.stashed = 0;
  c.sentAt = gate.now;
  let p = buildHead(c, u, b, end, n - end);
  let i = end;
  if (!c.bodyDone) {
    if (c.bodyMode === BODY_LENGTH) {
      const take = Math.min(c.bodyLeft, n - i);
      p = put(u.request, p, b, i, i + take);
      i += take;
      c.bodyLeft -= take;
      if (c.bodyLeft === 0) c.bodyDone = true;
    } else {
      const chunks = c.chunks!;
      while (i < n && !chunks.done && !chunks.bad) {
        i = chunks.step(b, i, n);
        if (chunks.to > chunks.from) p = putChunk(u.request, p, b, chunks.from, chunks.to);
      }
      if (chunks.bad) {
        // Nothing was sent yet: the connection stays usable.
        c.up = null;
        if (u.opened && u.reusable()) u.endpoint.put(u, gate.now);
        else u.abandon();
        c.active = false;
        gate.cells[WORKER.inFlight]! -= 1;
        c.refuse(REFUSE.chunk);
        return n;
      }
      if (chunks.done) {
        p = putAll(u.request, p, LAST_CHUNK);
        c.bodyDone = true;
      }
    }
    c.bytesIn += i - end;
  }
  u.requestBytes = p;
  c.reading = c.bodyDone ? WAIT : BODY;
  u.sendRequest();
  gate.before(c.deadline());
  return i;
}

function connect(c: ClientConnection): UpstreamConnection {
  const { gate } = c;
  return new UpstreamConnection(
    gate.env.net,
    c.endpoint!,
    c,
    c.cluster!.settings.resource.connectTimeout_ms,
    gate.spare,
  );
}

/** One chunk with b[from..to). */
export function putChunk(out: Buffer, p: number, b: Uint8Array, from: number, to: number): number {
  p = putHex(out, p, to - from);
  out[p++] = 13;
  out[p++] = 10;
  p = put(out, p, b, from, to);
  out[p++] = 13;
  out[p++] = 10;
  return p;
}

/** Writes the head that the upstream gets into u.request; its length. */
function buildHead(
  c: ClientConnection,
  u: UpstreamConnection,
  b: Uint8Array,
  end: number,
  bodyBytes: number,
): number {
  const { gate } = c;
  const h = gate.head;
  const route = c.route!;
  const edits = requestEdits(route, c.target!);
  const target = newTarget(c, b, route);
  const host = edits.host ?? (route.host === 'endpoint' ? u.endpoint.authority : route.host);
  const ownHost = host !== null || h.absoluteForm;
  u.reserve(
    end -
      h.start +
      bodyBytes +
      edits.lines.length +
      c.requestLinesTo +
      c.forwardLines.length +
      2 * 300 +
      (target?.length ?? 0) +
      (host?.length ?? 0) +
      HEAD_SLACK,
  );
  const out = u.request;
  let p = 0;
  let run = h.start;
  if (target !== null || h.absoluteForm || h.minor === 0) {
    p = put(out, 0, b, h.start, h.methodTo + 1);
    if (target !== null) p = putAll(out, p, target);
    else {
      if (h.targetFrom === h.pathTo) out[p++] = 47;
      p = put(out, p, b, h.targetFrom, h.targetTo);
    }
    p = putAll(out, p, VERSION_LINE);
    run = h.linesFrom;
  }
  if (ownHost) {
    // The first line, so that it is found at once when another endpoint is tried.
    if (run === h.start) {
      p = put(out, p, b, run, h.linesFrom);
      run = h.linesFrom;
    }
    p = putAll(out, p, HOST_NAME);
    u.hostFrom = p;
    p = host === null ? put(out, p, b, h.hostFrom, h.hostPortTo) : putAll(out, p, host);
    u.hostTo = p;
    p = putAll(out, p, CRLF);
  }
  if (h.special || ownHost || edits.drop.length > 0) {
    for (let i = 0; i < h.count; i++) {
      if (!leavesOut(c, b, i, ownHost, edits)) continue;
      p = put(out, p, b, run, h.offsets[4 * i]!);
      run = h.lineEnd(i);
    }
  }
  p = put(out, p, b, run, h.end - 2);
  if (edits.lines.length > 0) p = putAll(out, p, edits.lines);
  if (c.requestLinesTo > 0) p = put(out, p, c.requestLines, 0, c.requestLinesTo);
  if (c.trusted) p = putForwarded(c, out, p, b);
  else {
    p = putAll(out, p, c.forwardLines);
    p = putAll(out, p, FORWARDED_HOST);
    p = put(out, p, b, h.hostFrom, h.hostPortTo);
    p = putAll(out, p, CRLF);
  }
  if (c.idIsNew) {
    p = putAll(out, p, REQUEST_ID_NAME);
    p = put(out, p, c.id, ID_FROM, c.idTo - 1);
    p = putAll(out, p, CRLF);
  }
  if (h.chunked) p = putAll(out, p, CHUNKED_LINE);
  return putAll(out, p, CRLF);
}

/** Whether line i is not forwarded as it came. */
function leavesOut(c: ClientConnection, b: Uint8Array, i: number, ownHost: boolean, edits: Edits): boolean {
  const h = c.gate.head;
  switch (h.kinds[i]) {
    case LINE.plain:
      break;
    case LINE.host:
      return ownHost;
    case LINE.contentLength:
      return false;
    case LINE.expect:
      return !c.expects;
    case LINE.forwarded:
      if (!c.trusted) return true;
      break;
    default:
      return true;
  }
  if (h.connectionNames && namedByConnection(c, b, i)) return true;
  const from = h.offsets[4 * i]!;
  const to = h.offsets[4 * i + 1]!;
  for (const name of edits.drop) if (sameName(b, from, to, name)) return true;
  return false;
}

/** Whether b[from..to) is `lower`, ignoring case. */
export function sameName(b: Uint8Array, from: number, to: number, lower: Uint8Array): boolean {
  if (to - from !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    let ch = b[from + i]!;
    if (ch >= 65 && ch <= 90) ch |= 32;
    if (ch !== lower[i]) return false;
  }
  return true;
}

/** Whether a Connection line names line i: then it is between neighbours only (RFC 9110 7.6.1). */
export function namedByConnection(c: ClientConnection, b: Uint8Array, i: number): boolean {
  const h = c.gate.head;
  const name = textOf(b, h.offsets[4 * i]!, h.offsets[4 * i + 1]!).toLowerCase();
  for (let k = 0; k < h.count; k++) {
    if (h.kinds[k] !== LINE.connection) continue;
    const value = textOf(b, h.offsets[4 * k + 2]!, h.offsets[4 * k + 3]!);
    if (
      value
        .toLowerCase()
        .split(',')
        .some((token) => token.trim() === name)
    )
      return true;
  }
  return false;
}

/** A trusted peer's x-forwarded-* stand; what is missing is added, and the peer itself to the list. */
function putForwarded(c: ClientConnection, out: Buffer, at: number, b: Uint8Array): number {
  const h = c.gate.head;
  let p = at;
  const host = textOf(b, h.hostFrom, h.hostPortTo);
  const own: readonly [name: string, value: string, always: boolean][] = [
    ['x-forwarded-for', c.address, true],
    ['x-forwarded-proto', 'http', false],
    ['x-forwarded-port', String(c.port.port), false],
    ['x-forwarded-host', host, false],
    ['via', '1.1 munjigi', true],
  ];
  for (const [name, value, always] of own)
    if (always || h.find(b, latin1(name), 0) < 0) p = putAll(out, p, latin1(`${name}: ${value}\r\n`));
  return p;
}

/** The target that is forwarded when it isn't the one that came. */
function newTarget(c: ClientConnection, b: Uint8Array, route: Route): Buffer | null {
  const { rewrite } = route;
  if (rewrite === null && c.query === null) return null;
  const h = c.gate.head;
  const sent = textOf(b, h.targetFrom, h.pathTo);
  const query = c.query ?? textOf(b, h.pathTo, h.targetTo);
  if (rewrite === null || h.asterisk) return latin1((sent === '' ? '/' : sent) + query);
  const normal = textOf(c.path, c.pathFrom, c.pathTo);
  return latin1(rewritePath(rewrite, normal, c.hostFound!.rules.matched) + query);
}

// ---- the rest of the body, as it comes

/** Passes b[i..n) on as far as it belongs to the body; where it stopped. */
export function forwardBody(c: ClientConnection, b: Uint8Array, i: number, n: number): number {
  const { gate } = c;
  const u = c.up;
  const from = i;
  const { out } = gate;
  let p = 0;
  c.whole = false;
  if (c.bodyMode === BODY_LENGTH) {
    const take = Math.min(c.bodyLeft, n - i, out.length);
    p = put(out, 0, b, i, i + take);
    i += take;
    c.bodyLeft -= take;
    if (c.bodyLeft === 0) c.bodyDone = true;
  } else {
    const chunks = c.chunks!;
    while (i < n && !chunks.done && !chunks.bad) {
      i = chunks.step(b, i, n);
      if (chunks.to > chunks.from) p = putChunk(out, p, b, chunks.from, chunks.to);
    }
    if (chunks.bad) {
      failChunk(c);
      return n;
    }
    if (chunks.done) {
      p = putAll(out, p, LAST_CHUNK);
      c.bodyDone = true;
    }
  }
  c.bytesIn += i - from;
  if (c.bodyDone) c.reading = WAIT;
  if (u !== null && p > 0) {
    u.activity = gate.now;
    if (!u.send(out, p)) gate.replaceOut();
  }
  return i;
}

// ---- again

/** Sends the same bytes again on another connection: `fresh` to the same endpoint, else to another. False: there is none. */
export function sendAgain(c: ClientConnection, dead: UpstreamConnection, fresh: boolean): boolean {
  const { gate } = c;
  const endpoint = fresh ? c.endpoint! : c.cluster!.pick(gate.now, c.endpoint);
  if (endpoint === null) return false;
  c.endpoint = endpoint;
  const u = (fresh ? null : endpoint.take()) ?? connect(c);
  u.owner = c;
  c.up = u;
  u.activity = gate.now;
  u.stashed = 0;
  u.request = dead.request;
  u.requestBytes = dead.requestBytes;
  u.hostFrom = dead.hostFrom;
  u.hostTo = dead.hostTo;
  if (c.route!.host === 'endpoint' && requestEdits(c.route!, c.target!).host === null) renameHost(u);
  u.sendRequest();
  gate.before(c.deadline());
  return true;
}

/** Puts the new endpoint's name where the old one's stands. */
function renameHost(u: UpstreamConnection): void {
  const before = u.request.subarray(0, u.hostFrom);
  const after = u.request.subarray(u.hostTo, u.requestBytes);
  const { authority } = u.endpoint;
  u.request = Buffer.concat([before, authority, after]);
  u.requestBytes = u.request.length;
  u.hostTo = u.hostFrom + authority.length;
}
