// Header edits, compiled: names to leave out of what came, and finished lines to append.
import { latin1 } from '../http1/bytes.ts';
import type { HeaderEdits } from '../snapshot.ts';

export interface Edits {
  /** Lower case. */
  readonly drop: readonly Uint8Array[];
  readonly lines: Buffer;
  /** `set: host`: the Host of the forwarded request. */
  readonly host: Buffer | null;
}

const NO_EDITS: Edits = { drop: [], lines: latin1(''), host: null };

/** Most bytes that the lines of one HeaderEdits may have. */
const EDIT_BYTES = 16 * 1024;
/** Names that frame a message or belong to one connection: no edit may touch them. */
const FORBIDDEN = new Set([
  'connection',
  'content-length',
  'transfer-encoding',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'expect',
]);
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// oxlint-disable-next-line no-control-regex -- the control characters are what is refused
const BAD_VALUE = /[\u0000-\u0008\u000a-\u001f\u007f]/;

/** What is wrong with edits, each as a sentence. */
export function checkEdits(e: HeaderEdits): string[] {
  const wrong: string[] = [];
  let bytes = 0;
  const name = (n: string): void => {
    if (!NAME.test(n)) wrong.push(`"${n}" is not a header name in lower case`);
    else if (FORBIDDEN.has(n))
      wrong.push(`the header ${n} can't be edited: it frames the message or belongs to the connection`);
  };
  for (const n of e.remove) {
    name(n);
    if (n === 'host') wrong.push('the header host can be set, not removed');
  }
  for (const [n, value] of [...e.set, ...e.add]) {
    name(n);
    if (BAD_VALUE.test(value)) wrong.push(`the value of header ${n} holds a control character`);
    bytes += n.length + Buffer.byteLength(value) + 4;
  }
  for (const [n] of e.add) if (n === 'host') wrong.push('the header host can be set, not added');
  if (bytes > EDIT_BYTES) wrong.push(`header edits have ${bytes} bytes, the limit is ${EDIT_BYTES}`);
  return wrong;
}

/** Compiles edits that apply one after the other (route, then target): later ones win over earlier ones. */
export function compileEdits(...all: readonly HeaderEdits[]): Edits {
  const drop = new Set<string>();
  let lines: [string, string][] = [];
  let host: string | null = null;
  for (const e of all) {
    const gone = new Set([...e.remove, ...e.set.map(([name]) => name)]);
    for (const name of gone) drop.add(name);
    lines = lines.filter(([name]) => !gone.has(name));
    for (const [name, value] of e.set)
      if (name === 'host') host = value;
      else lines.push([name, value]);
    lines.push(...e.add.map(([name, value]): [string, string] => [name, value]));
  }
  drop.delete('host');
  if (drop.size === 0 && lines.length === 0 && host === null) return NO_EDITS;
  return {
    drop: [...drop].map(latin1),
    lines: Buffer.from(lines.map(([name, value]) => `${name}: ${value}\r\n`).join(''), 'utf8'),
    host: host === null ? null : latin1(host),
  };
}
