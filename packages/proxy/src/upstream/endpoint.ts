// One endpoint of one cluster inside one worker: its idle connections (the last used first), and how it did lately. It lives as long as
// some version names it and outlasts swaps.
import { ENDPOINT, FAILURE, endpointCell } from '../counters/layout.ts';
import { latin1 } from '../http1/bytes.ts';
import type { UpstreamConnection } from './connection.ts';

/** After a failed connect the endpoint is passed over for this long, doubled with each further failure. */
const SKIP_FIRST_MS = 1000;
const SKIP_MOST_MS = 30_000;

export class Endpoint {
  readonly host: string;
  readonly port: number;
  /** What a Host header names it. */
  readonly authority: Buffer;
  /** `,"endpoint":"host:port"` of the access log. */
  readonly log: Buffer;
  readonly idle: UpstreamConnection[] = [];
  /** First cell of its row. */
  cell: number = endpointCell(0);
  /** Monotonic ms until which the balancer passes it over. */
  skipUntil = 0;
  removed = false;
  #maxIdle = 0;
  #failures = 0;
  readonly #cells: Float64Array;

  constructor(host: string, port: number, cells: Float64Array) {
    this.host = host;
    this.port = port;
    const name = host.includes(':') ? `[${host}]` : host;
    this.authority = latin1(port === 80 ? name : `${name}:${port}`);
    this.log = latin1(`,"endpoint":${JSON.stringify(`${host}:${port}`)}`);
    this.#cells = cells;
  }

  /** Follows its cluster: the row that it counts into, and how many idle connections it keeps. */
  configure(row: number, maxIdle: number): void {
    this.cell = endpointCell(row);
    this.#maxIdle = maxIdle;
  }

  /** The idle connection that was used last. */
  take(): UpstreamConnection | null {
    return this.idle.pop() ?? null;
  }

  /** Keeps a connection for the next request, or closes it. */
  put(u: UpstreamConnection, now: number): void {
    u.owner = null;
    u.idleSince = now;
    if (this.removed || this.idle.length >= this.#maxIdle) u.discard();
    else this.idle.push(u);
  }

  forget(u: UpstreamConnection): void {
    const at = this.idle.lastIndexOf(u);
    if (at >= 0) this.idle.splice(at, 1);
  }

  /** Closes what has been idle for longer than poolIdleTimeout_ms; the oldest stand first. */
  evict(now: number, timeout_ms: number): void {
    let n = 0;
    while (n < this.idle.length && now - this.idle[n]!.idleSince > timeout_ms) n++;
    if (n > 0) for (const u of this.idle.splice(0, n)) u.discard();
  }

  remove(): void {
    this.removed = true;
    for (const u of this.idle.splice(0)) u.discard();
  }

  connected(): void {
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.skipUntil = 0;
    this.#cells[this.cell + ENDPOINT.down] = 0;
  }

  /** `kind` of FAILURE; `wall` in ms since 1970. Only failed connects take it out of the round. */
  failed(kind: number, now: number, wall: number): void {
    const { cell } = this;
    this.#cells[cell + ENDPOINT.failures + kind]! += 1;
    this.#cells[cell + ENDPOINT.lastFailure] = kind;
    this.#cells[cell + ENDPOINT.lastFailureAt] = wall;
    if (kind > FAILURE.unreachable) return;
    this.skipUntil = now + Math.min(SKIP_MOST_MS, SKIP_FIRST_MS * 2 ** this.#failures++);
    this.#cells[cell + ENDPOINT.down] = 1;
  }
}
