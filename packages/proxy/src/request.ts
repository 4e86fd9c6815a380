// One request, phase by phase: accept, route, filters in, pick, send. (Filters out and record: response.ts.) It all happens in one go, while the
// head's bytes are at hand; nothing here waits.
import { compileAnswer, messageAnswer, type Answer } from './answer.ts';
import type { ClientConnection } from './client.ts';
import { WORKER } from './counters/layout.ts';
import { equalsBytes, latin1, put, putAll, putNumber, textOf } from './http1/bytes.ts';
import { ChunkedReader } from './http1/chunked.ts';
import { LINE } from './http1/head.ts';
import { REFUSE } from './http1/refusal.ts';
import { BEGIN_BYTES, beginLine } from './log/access.ts';
import { BODY_CHUNKED, BODY_LENGTH, BODY_NONE, RES_HEAD } from './phase.ts';
import { isNormal, normalize } from './route/path.ts';
import type { Redirect, Route } from './route/route.ts';
import { pickTarget } from './route/split.ts';
import { ID_FROM, send } from './send.ts';

const NO_ROUTE = messageAnswer(404, 'no Route matched with those values');
const BAD_PATH = messageAnswer(400, 'The path holds an encoded NUL');
const NO_UPSTREAM = messageAnswer(503, 'The route leads nowhere');

const REQUEST_ID = latin1('x-request-id');
const UPGRADE_NAME = latin1('upgrade');
const FORWARDED_FOR = latin1('x-forwarded-for');
const SLASH = latin1('/');
const CONTINUE = latin1('HTTP/1.1 100 Continue\r\n\r\n');
/** What a begun log line has beside what came. */
const LOG_SLACK = 128;
/** Longest x-request-id of a client that is believed. */
const ID_BYTES = 128;

/** Begins the request whose head is in gate.head = b[from..end), and takes what has come of its body up to n; where it stopped. */
export function begin(c: ClientConnection, b: Uint8Array, from: number, end: number, n: number): number {
  const refused = accept(c, b, from, end);
  if (refused !== 0) {
    c.active = false;
    c.gate.cells[WORKER.inFlight]! -= 1;
    c.refuse(refused);
    return n;
  }
  c.bytes = b;
  c.pathTo = 0;
  const route = findRoute(c, b);
  const answer = route === null ? noRoute(c) : answerOf(c, b, route);
  if (answer !== null) {
    const i = c.skipBody(b, end, n);
    c.answer(answer);
    return i;
  }
  if (c.expects) askForBody(c, end === n);
  return send(c, b, end, n);
}

/**
 * Answers `Expect: 100-continue` once the request is let through, as nginx and Envoy do: many upstreams never would, and a client that
 * keeps to the letter waits for ever. The line itself is not forwarded. A request that the gate refuses is never asked for its body.
 */
function askForBody(c: ClientConnection, waits: boolean): void {
  c.expects = false;
  if (waits) c.send(putAll(c.gate.out, 0, CONTINUE));
}

// ---- accept

/** Takes what the head says about framing and the connection. */
function accept(c: ClientConnection, b: Uint8Array, from: number, end: number): number {
  const { gate } = c;
  const h = gate.head;
  c.active = true;
  c.startedAt = gate.time();
  c.activity = gate.now;
  gate.cells[WORKER.inFlight]! += 1;
  gate.requests++;
  c.route = null;
  c.target = null;
  c.cluster = null;
  c.endpoint = null;
  c.resent = false;
  c.answered = false;
  c.responseMode = RES_HEAD;
  c.status = 0;
  c.bytesIn = end - from;
  c.bytesOut = 0;
  c.consumer = null;
  c.credentialId = '';
  c.clientAddress = c.address;
  c.requestLinesTo = 0;
  c.responseLinesTo = 0;
  c.query = null;
  c.whole = true;
  c.http10 = h.minor === 0;
  c.keepAlive = h.minor === 1 ? !h.connectionClose : h.connectionKeepAlive && !h.connectionClose;
  const method = b[h.start]!;
  const length = h.methodTo - h.start;
  // GET, HEAD, PUT, DELETE, OPTIONS, TRACE (RFC 9110 9.2.2).
  c.isHead = length === 4 && method === 72;
  c.idempotent =
    c.isHead ||
    (length === 3 && (method === 71 || (method === 80 && b[h.start + 1] === 85))) ||
    (length === 6 && method === 68) ||
    (length === 7 && method === 79) ||
    (length === 5 && method === 84);
  c.routeDeadline = Infinity;
  c.expects = false;
  if (h.chunked) {
    c.bodyMode = BODY_CHUNKED;
    c.bodyDone = false;
    if (c.chunks === null) c.chunks = new ChunkedReader();
    else c.chunks.reset();
  } else if (h.contentLength > 0) {
    c.bodyMode = BODY_LENGTH;
    c.bodyLeft = h.contentLength;
    c.bodyDone = false;
  } else {
    c.bodyMode = BODY_NONE;
    c.bodyDone = true;
  }
  if (gate.access !== null) {
    if (c.log.length < BEGIN_BYTES && 6 * (end - from) + LOG_SLACK > c.log.length)
      c.log = Buffer.allocUnsafeSlow(Math.min(BEGIN_BYTES, 2 * (6 * (end - from) + LOG_SLACK)));
    c.logTo = beginLine(c.log, b, h.start, h.methodTo, h.hostFrom, h.hostTo, h.targetFrom, h.pathTo);
  }
  if (h.expect === 2) return REFUSE.expectation;
  c.expects = h.expect === 1 && !c.http10 && !c.bodyDone;
  if (h.upgrade && asksForWebsocket(c, b)) return REFUSE.upgrade;
  takeId(c, b);
  return 0;
}

/** Any other protocol of Upgrade is an offer that may be passed over (RFC 9110 7.8). */
function asksForWebsocket(c: ClientConnection, b: Uint8Array): boolean {
  const h = c.gate.head;
  const line = h.find(b, UPGRADE_NAME, 0);
  const { offsets } = h;
  return line >= 0 && /websocket/i.test(textOf(b, offsets[4 * line + 2]!, offsets[4 * line + 3]!));
}

/** The request's id: the client's own when it is short and plain, else a new one. It stands in c.id as a member of the log line. */
function takeId(c: ClientConnection, b: Uint8Array): void {
  const { gate } = c;
  const h = gate.head;
  const { idPrefix } = gate;
  if (c.id.length === 0) c.id = Buffer.allocUnsafeSlow(ID_BYTES + 32);
  let p = putAll(c.id, 0, idPrefix);
  const line = h.find(b, REQUEST_ID, 0);
  c.idIsNew = true;
  if (line >= 0) {
    const from = h.offsets[4 * line + 2]!;
    const to = h.offsets[4 * line + 3]!;
    c.idIsNew = to === from || to - from > ID_BYTES || !plainId(b, from, to);
    if (c.idIsNew) {
      h.kinds[line] = LINE.dropped;
      h.special = true;
    } else p = put(c.id, ID_FROM, b, from, to);
  }
  if (c.idIsNew) p = putNumber(c.id, p, gate.requests);
  c.id[p++] = 34;
  c.idTo = p;
}

function plainId(b: Uint8Array, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const ch = b[i]!;
    if (ch <= 32 || ch >= 127 || ch === 34 || ch === 92) return false;
  }
  return true;
}

// ---- route

function findRoute(c: ClientConnection, b: Uint8Array): Route | null {
  const { gate } = c;
  const h = gate.head;
  const from = h.hostFrom;
  const to = h.hostTo;
  if (c.hostEpoch !== gate.epoch || !equalsBytes(b, from, to, c.hostBytes)) {
    c.hostBytes = Buffer.from(b.subarray(from, to));
    c.hostEpoch = gate.epoch;
    c.hostFound = c.port.hosts.find(textOf(b, from, to));
  }
  if (c.hostFound === null) return null;
  if (h.asterisk || h.pathTo === h.targetFrom) {
    c.path = SLASH;
    c.pathFrom = 0;
    c.pathTo = 1;
  } else if (isNormal(b, h.targetFrom, h.pathTo)) {
    c.path = b;
    c.pathFrom = h.targetFrom;
    c.pathTo = h.pathTo;
  } else {
    c.path = gate.path;
    c.pathFrom = 0;
    c.pathTo = normalize(gate.path, b, h.targetFrom, h.pathTo);
    if (c.pathTo < 0) return null;
  }
  return c.hostFound.rules.find(c.path, c.pathFrom, c.pathTo, b, h);
}

function noRoute(c: ClientConnection): Answer {
  if (c.pathTo < 0) return BAD_PATH;
  return c.hostFound === null ? NO_ROUTE : c.hostFound.noRoute;
}

/** Filters in, then pick: null when an endpoint is found, else the answer. */
function answerOf(c: ClientConnection, b: Uint8Array, route: Route): Answer | null {
  const { gate } = c;
  c.route = route;
  if (route.timeout_ms > 0) c.routeDeadline = gate.now + route.timeout_ms;
  if (c.trusted) c.clientAddress = forwardedAddress(c, b);
  const { filters } = route;
  for (let i = 0; i < filters.length; i++) {
    const filter = filters[i]!.current;
    if (filter === null) return NO_UPSTREAM;
    const answer = filter.request(c);
    if (answer !== null) return answer;
  }
  if (route.answer !== null) return route.answer;
  if (route.redirect !== null) return redirect(c, b, route.redirect);
  return pick(c, route);
}

// ---- pick

function pick(c: ClientConnection, route: Route): Answer | null {
  const split = route.split!.current;
  if (split === null) return NO_UPSTREAM;
  const target = pickTarget(split);
  if (target === null) return split.noBackend;
  const cluster = target.cluster.current;
  if (cluster === null) return NO_UPSTREAM;
  const endpoint = cluster.pick(c.gate.now, null);
  if (endpoint === null) return cluster.settings.noEndpoint;
  c.target = target;
  c.cluster = cluster;
  c.endpoint = endpoint;
  c.retriesLeft = route.connectRetries;
  return null;
}

/** The last address of X-Forwarded-For that no trusted peer has. */
function forwardedAddress(c: ClientConnection, b: Uint8Array): string {
  const h = c.gate.head;
  const addresses: string[] = [];
  for (let i = h.find(b, FORWARDED_FOR, 0); i >= 0; i = h.find(b, FORWARDED_FOR, i + 1))
    addresses.push(
      ...textOf(b, h.offsets[4 * i + 2]!, h.offsets[4 * i + 3]!)
        .split(',')
        .map((s) => s.trim()),
    );
  let last = c.address;
  while (addresses.length > 0 && c.gate.trusts(last)) {
    const next = addresses.pop()!;
    if (!/^[0-9a-fA-F.:]+$/.test(next)) break;
    last = next;
  }
  return last;
}

function redirect(c: ClientConnection, b: Uint8Array, r: Redirect): Answer {
  const h = c.gate.head;
  const text = (from: number, to: number): string => textOf(b, from, to);
  const name = r.host ?? text(h.hostFrom, h.hostTo);
  const own = r.scheme === null && r.host === null ? text(h.hostTo, h.hostPortTo) : '';
  const scheme = r.scheme ?? 'http';
  const standard = r.port !== null && r.port === (scheme === 'https' ? 443 : 80);
  const port = r.port === null ? own : standard ? '' : `:${r.port}`;
  const target = r.path ?? (h.targetFrom === h.pathTo ? '/' : '') + text(h.targetFrom, h.targetTo);
  return compileAnswer(
    { status: r.status, contentType: '', body: '' },
    `location: ${scheme}://${name}${port}${target}\r\n`,
  );
}
