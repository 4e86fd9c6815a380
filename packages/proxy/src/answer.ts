// Answers that the gate gives itself: compiled once, written as they are.
import { latin1 } from './http1/bytes.ts';
import { statusLine } from './http1/refusal.ts';
import type { DirectResponse } from './snapshot.ts';

export interface Answer {
  readonly status: number;
  /** Status line and header lines, without the empty line. */
  readonly head: Buffer;
  readonly body: Buffer;
}

/** `lines` are further header lines, each with its CR LF. */
export function compileAnswer(r: DirectResponse, lines = ''): Answer {
  const body = Buffer.from(r.body, 'utf8');
  const bodiless = r.status === 204 || r.status === 304;
  const type = r.contentType === '' || bodiless ? '' : `content-type: ${r.contentType}\r\n`;
  const length = bodiless ? '' : `content-length: ${body.length}\r\n`;
  return {
    status: r.status,
    head: Buffer.concat([statusLine(r.status), latin1(`${type}${length}${lines}`)]),
    body: bodiless ? latin1('') : body,
  };
}

/** `{"message": ...}` as Kong answers. */
export function messageAnswer(status: number, message: string, lines = ''): Answer {
  return compileAnswer(
    { status, contentType: 'application/json; charset=utf-8', body: JSON.stringify({ message }) },
    lines,
  );
}
