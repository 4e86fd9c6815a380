// How a request ends that can't end well.
import { messageAnswer, type Answer } from './answer.ts';
import type { ClientConnection } from './client.ts';
import { FAILURE, WORKER } from './counters/layout.ts';
import { REFUSALS, REFUSE } from './http1/refusal.ts';
import { BODY } from './phase.ts';
import { record } from './record.ts';

const TIMEOUT = messageAnswer(504, 'The upstream server is timing out');
const LATE_BODY = messageAnswer(408, REFUSALS[REFUSE.bodyTimeout]!.message);
const BAD_CHUNK = messageAnswer(400, REFUSALS[REFUSE.chunk]!.message);

/** Gives the upstream up; the client gets `answer`, or a reset when a part of another answer is out already. */
export function failExchange(c: ClientConnection, failure: number, answer: Answer): void {
  const { up, gate } = c;
  c.up = null;
  if (up !== null) up.abandon();
  if (failure > 0 && c.endpoint !== null) c.endpoint.failed(failure, gate.now, gate.wall());
  c.fromUpstream = false;
  if (!c.answered) return c.answer(answer);
  record(c);
  c.gone = true;
  c.socket.reset();
}

/** The body that comes is not chunked as it says. */
export function failChunk(c: ClientConnection): void {
  c.gate.cells[WORKER.bad + REFUSE.chunk]! += 1;
  failExchange(c, 0, BAD_CHUNK);
}

/** The client went away in the middle: the upstream's work is for nobody. */
export function clientGone(c: ClientConnection): void {
  const { up } = c;
  c.up = null;
  if (up !== null) up.abandon();
  if (!c.active) return;
  if (!c.answered) c.status = 499;
  record(c);
  if (!c.gone) c.socket.reset();
}

/** A deadline of the request in progress has passed. A client that closed its side counts as gone `halfClosed_ms` later. */
export function clientLate(c: ClientConnection, now: number, halfClosed_ms: number): void {
  const { limits } = c.gate;
  if (now >= c.routeDeadline) return failExchange(c, FAILURE.timeout, TIMEOUT);
  if (c.ended && now >= c.endedAt + halfClosed_ms) return clientGone(c);
  if (c.blocked) {
    if (now >= c.blockedAt + limits.clientIdle_ms) clientGone(c);
    return;
  }
  const { up } = c;
  const idle = c.cluster === null ? 0 : c.cluster.settings.resource.idleTimeout_ms;
  if (up !== null && idle > 0 && up.opened && now >= up.activity + idle)
    return failExchange(c, FAILURE.timeout, TIMEOUT);
  if (c.reading === BODY && c.upstreamTakes() && now >= c.activity + limits.clientIdle_ms) {
    c.gate.cells[WORKER.bad + REFUSE.bodyTimeout]! += 1;
    c.keepAlive = false;
    failExchange(c, 0, LATE_BODY);
  }
}
