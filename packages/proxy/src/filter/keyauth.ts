// Kong's key-auth: a key in a header or a query parameter names a consumer. Credentials are known by the SHA-256 of their key alone.
import { hash } from 'node:crypto';
import { messageAnswer, type Answer } from '../answer.ts';
import type { Cell } from '../cell.ts';
import { latin1, textOf } from '../http1/bytes.ts';
import { LINE } from '../http1/head.ts';
import type { Consumer, KeyAuthFilter, SecretResource } from '../snapshot.ts';
import type { Exchange, Filter } from './filter.ts';

interface Credential {
  readonly consumer: Consumer;
  readonly id: string;
  /** What the upstream is told. */
  readonly lines: Buffer;
}

/** By SHA-256 in hex. */
export type Credentials = ReadonlyMap<string, Credential>;

/** Keys whose hash is remembered, and the longest of them. */
const REMEMBERED_KEYS = 10_000;
const REMEMBERED_LENGTH = 256;

export function compileCredentials(r: SecretResource): Credentials {
  return new Map(
    r.credentials.map(({ sha256, consumer, credentialId }) => [
      sha256,
      { consumer, id: credentialId, lines: identityLines(consumer, credentialId) },
    ]),
  );
}

function identityLines(consumer: Consumer, credentialId: string): Buffer {
  const pairs: readonly (readonly [string, string])[] = [
    ['X-Consumer-ID', consumer.id],
    ['X-Consumer-Custom-ID', consumer.customId],
    ['X-Consumer-Username', consumer.username],
    ['X-Credential-Identifier', credentialId],
  ];
  return Buffer.from(
    pairs
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${name}: ${plain(value)}\r\n`)
      .join(''),
    'utf8',
  );
}

/** A name from a configuration must not end a header line. */
function plain(value: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what goes
  return value.replace(/[\u0000-\u001f\u007f]/g, ' ');
}

export function compileKeyAuth(f: KeyAuthFilter, secret: Cell<Credentials>): Filter {
  const challenge = `WWW-Authenticate: Key${f.realm === '' ? '' : ` realm="${plain(f.realm).replace(/["\\]/g, '\\$&')}"`}\r\n`;
  const none = messageAnswer(401, 'No API key found in request', challenge);
  const wrong = messageAnswer(401, 'Unauthorized', challenge);
  const twice = messageAnswer(401, 'Duplicate API key found', challenge);
  const names = f.keyNames.map((name) => ({ name, lower: latin1(name.toLowerCase()) }));
  const hashes = new Map<string, string>();

  const digest = (key: string): string => {
    let found = hashes.get(key);
    if (found !== undefined) return found;
    found = hash('sha256', Buffer.from(key, 'latin1'), 'hex');
    if (key.length <= REMEMBERED_LENGTH) {
      if (hashes.size >= REMEMBERED_KEYS) hashes.clear();
      hashes.set(key, found);
    }
    return found;
  };

  const request = (x: Exchange): Answer | null => {
    const { head: h, bytes: b } = x;
    if (!f.runOnPreflight && textOf(b, h.start, h.methodTo) === 'OPTIONS') return null;
    let key: string | null = null;
    for (const { name, lower } of names) {
      if (f.inHeader) {
        const line = h.find(b, lower, 0);
        if (line >= 0) {
          if (h.find(b, lower, line + 1) >= 0) return twice;
          key = textOf(b, h.offsets[4 * line + 2]!, h.offsets[4 * line + 3]!);
        }
      }
      const query = f.inQuery && (key === null || f.hideCredentials) ? textOf(b, h.pathTo, h.targetTo) : '';
      if (query.length > 1 && key === null) {
        const values = parameters(query, name);
        if (values.length > 1) return twice;
        if (values.length === 1) key = values[0]!;
      }
      if (key === null) continue;
      if (f.hideCredentials) hide(x, lower, query, name);
      break;
    }
    if (key === null || key === '') return none;
    const credential = secret.current?.get(digest(key));
    if (credential === undefined) return wrong;
    x.consumer = credential.consumer;
    x.credentialId = credential.id;
    x.addRequestLines(credential.lines);
    return null;
  };
  return { request };
}

/** Decoded values of a parameter of `?a=b&c=d`, as Latin-1 text of their bytes. */
function parameters(query: string, name: string): string[] {
  return query
    .slice(1)
    .split('&')
    .map((pair) => {
      const at = pair.indexOf('=');
      return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    })
    .filter(([k]) => decode(k!) === name)
    .map(([, v]) => decode(v!));
}

function decode(s: string): string {
  return s
    .replaceAll('+', ' ')
    .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Takes the key out of what is forwarded, wherever it stands. */
function hide(x: Exchange, lower: Uint8Array, query: string, name: string): void {
  const { head: h, bytes: b } = x;
  for (let i = h.find(b, lower, 0); i >= 0; i = h.find(b, lower, i + 1)) {
    h.kinds[i] = LINE.dropped;
    h.special = true;
  }
  if (query.length <= 1) return;
  const pairs = query.slice(1).split('&');
  const kept = pairs.filter((pair) => decode(pair.split('=', 1)[0]!) !== name);
  if (kept.length < pairs.length) x.replaceQuery(kept.length === 0 ? '' : `?${kept.join('&')}`);
}
