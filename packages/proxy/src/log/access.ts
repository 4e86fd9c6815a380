// The access log: one JSON object a line, one line a request, built as bytes. What is known when the request begins is written into the
// connection's own buffer (the head's bytes are gone when it ends); the line goes into a batch, the batch to its sink when it is large
// enough or at the next tick. Nothing here waits; what finds no room is dropped and counted.
import { civil } from '../calendar.ts';
import { latin1, put, putAll, putNumber } from '../http1/bytes.ts';

/** A batch goes out at this size, and lines never wait longer than a tick. */
const BATCH_BYTES = 32 * 1024;
const BUFFER_BYTES = 64 * 1024;
/** Longest path in a line; longer ones are cut. */
const PATH_BYTES = 2048;
/** Longest of any other value that comes from a client. */
const VALUE_BYTES = 256;
/** Most bytes that `begin` writes: every byte may become six. */
export const BEGIN_BYTES: number = 6 * PATH_BYTES + 3 * VALUE_BYTES + 128;
const LINE_BYTES = BEGIN_BYTES + 2048;

const HEX_DIGITS = latin1('0123456789abcdef');
const METHOD = latin1(',"method":"');
const HOST = latin1('","host":"');
const PATH = latin1('","path":"');
const QUOTE = latin1('"');
const STATUS = latin1(',"status":');
const BYTES_IN = latin1(',"bytes_in":');
const BYTES_OUT = latin1(',"bytes_out":');
const DURATION = latin1(',"duration_ms":');
const UPSTREAM = latin1(',"upstream_ms":');
const END = latin1('}\n');

/** Takes b[0..n) at once or not at all; false: dropped. */
export type LogSink = (b: Buffer, n: number) => boolean;

/** Writes what the request line and Host say; returns the length. `out` has room for BEGIN_BYTES. */
export function beginLine(
  out: Buffer,
  b: Uint8Array,
  from: number,
  methodTo: number,
  hostFrom: number,
  hostTo: number,
  pathFrom: number,
  pathTo: number,
): number {
  let p = putAll(out, 0, METHOD);
  p = put(out, p, b, from, methodTo);
  p = putAll(out, p, HOST);
  p = put(out, p, b, hostFrom, Math.min(hostTo, hostFrom + VALUE_BYTES));
  p = putAll(out, p, PATH);
  p = putEscaped(out, p, b, pathFrom, Math.min(pathTo, pathFrom + PATH_BYTES));
  return putAll(out, p, QUOTE);
}

/** Bytes as the inside of a JSON string; bytes above 0x7f as Latin-1 characters. */
function putEscaped(out: Buffer, p: number, b: Uint8Array, from: number, to: number): number {
  for (let i = from; i < to; i++) {
    const c = b[i]!;
    if (c === 34 || c === 92) {
      out[p++] = 92;
      out[p++] = c;
    } else if (c >= 32 && c < 127) out[p++] = c;
    else {
      out[p++] = 92;
      out[p++] = 117;
      out[p++] = 48;
      out[p++] = 48;
      out[p++] = HEX_DIGITS[c >> 4]!;
      out[p++] = HEX_DIGITS[c & 15]!;
    }
  }
  return p;
}

export class AccessLog {
  #buffer: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  #n = 0;
  #second = -1;
  #time: Buffer = latin1('');
  /** Lines in the batch. */
  #lines = 0;
  readonly #sink: LogSink;
  readonly #dropped: (lines: number) => void;

  constructor(sink: LogSink, dropped: (lines: number) => void) {
    this.#sink = sink;
    this.#dropped = dropped;
  }

  /** One line. `wall` in ms since 1970; durations in ms, `upstream_ms` below 0: there was none. The parts are finished JSON members. */
  line(
    wall: number,
    client: Buffer,
    begun: Buffer,
    begunTo: number,
    status: number,
    route: Buffer,
    upstream: Buffer,
    endpoint: Buffer,
    id: Buffer,
    idTo: number,
    bytesIn: number,
    bytesOut: number,
    duration_ms: number,
    upstream_ms: number,
  ): void {
    if (this.#n + LINE_BYTES > BUFFER_BYTES) this.flush();
    const out = this.#buffer;
    let p = this.#putTime(out, this.#n, wall);
    p = put(out, p, id, 0, idTo);
    p = putAll(out, p, client);
    p = put(out, p, begun, 0, begunTo);
    p = putAll(out, p, STATUS);
    p = putNumber(out, p, status);
    p = putAll(out, p, route);
    p = putAll(out, p, upstream);
    p = putAll(out, p, endpoint);
    p = putAll(out, p, BYTES_IN);
    p = putNumber(out, p, bytesIn);
    p = putAll(out, p, BYTES_OUT);
    p = putNumber(out, p, bytesOut);
    p = putAll(out, p, DURATION);
    p = putMilliseconds(out, p, duration_ms);
    if (upstream_ms >= 0) {
      p = putAll(out, p, UPSTREAM);
      p = putMilliseconds(out, p, upstream_ms);
    }
    this.#n = putAll(out, p, END);
    this.#lines++;
    if (this.#n >= BATCH_BYTES) this.flush();
  }

  /** Hands the batch to the sink. */
  flush(): void {
    if (this.#n === 0) return;
    if (!this.#sink(this.#buffer, this.#n)) this.#dropped(this.#lines);
    this.#n = 0;
    this.#lines = 0;
  }

  #putTime(out: Buffer, p: number, wall: number): number {
    const second = Math.floor(wall / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#time = latin1(`{"time":"${isoSecond(second)}.`);
    }
    p = putAll(out, p, this.#time);
    const ms = wall - second * 1000;
    out[p++] = 48 + Math.floor(ms / 100);
    out[p++] = 48 + (Math.floor(ms / 10) % 10);
    out[p++] = 48 + (Math.floor(ms) % 10);
    out[p++] = 90;
    out[p++] = 34;
    return p;
  }
}

function putMilliseconds(out: Buffer, p: number, ms: number): number {
  const us = Math.max(0, Math.round(ms * 1000));
  const whole = Math.floor(us / 1000);
  const rest = us - whole * 1000;
  p = putNumber(out, p, whole);
  out[p++] = 46;
  out[p++] = 48 + Math.floor(rest / 100);
  out[p++] = 48 + (Math.floor(rest / 10) % 10);
  out[p++] = 48 + (rest % 10);
  return p;
}

/** `2026-11-22T18:41:10` of seconds since 1970. */
export function isoSecond(second: number): string {
  const days = Math.floor(second / 86_400);
  const inDay = second - days * 86_400;
  const { year, month, day } = civil(days);
  const two = (n: number): string => String(n).padStart(2, '0');
  const time = `${two(Math.floor(inDay / 3600))}:${two(Math.floor(inDay / 60) % 60)}:${two(inDay % 60)}`;
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}T${time}`;
}
