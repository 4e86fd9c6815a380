// One scanner for request and response heads. It goes over the bytes once, checks everything that request smuggling lives from
// (RFC 9112 2.2, 3, 5, 6) and leaves offsets in typed arrays: no header object is ever made. A Head is reused for every message of a
// thread: what it holds is valid until the next scan.
import { HOST, TARGET, TOKEN, VALUE } from './bytes.ts';
import {
  HEADER_LINES,
  HEAD_BYTES,
  HOST_BYTES,
  LEADING_EMPTY_LINES,
  LENGTH_DIGITS,
  METHOD_BYTES,
  TARGET_BYTES,
} from './limits.ts';
import { REFUSE } from './refusal.ts';

/** What a header line is for the proxy. PLAIN lines are forwarded as they came, all others need a decision. */
export const LINE = {
  plain: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  /** Keep-Alive, Proxy-Connection, Upgrade, TE, HTTP2-Settings: between two neighbours only. */
  hop: 5,
  expect: 6,
  /** X-Forwarded-*, Forwarded, X-Real-IP: believed only from trusted peers. */
  forwarded: 7,
  /** X-Consumer-*, X-Credential-*, X-Anonymous-Consumer: who the caller is; never believed. */
  identity: 8,
  /** Taken out by this request's route or filters. */
  dropped: 9,
} as const;

const SP = 32;
const HTAB = 9;
const CR = 13;
const LF = 10;
const COLON = 58;

export class Head {
  /** Behind the empty line. */
  end = 0;
  /** First byte of the request or status line (behind tolerated empty lines). */
  start = 0;
  methodTo = 0;
  /** The target as it came; for absolute-form only its path and query. `targetFrom` = `targetTo`: an absolute-form without path. */
  targetFrom = 0;
  targetTo = 0;
  /** End of the path: the place of `?`, else `targetTo`. */
  pathTo = 0;
  absoluteForm = false;
  asterisk = false;
  /** Minor version: 0 or 1. */
  minor = 1;
  status = 0;
  /** Host without and with port, from the target in absolute-form, else from Host. 0, 0: none (responses). */
  hostFrom = 0;
  hostTo = 0;
  hostPortTo = 0;
  /** First byte behind the request or status line: where the header lines begin. */
  linesFrom = 0;
  count = 0;
  /** Four a line: name from, name to (the colon), value from, value to (without white space around). */
  readonly offsets: Int32Array = new Int32Array(4 * HEADER_LINES);
  readonly kinds: Uint8Array = new Uint8Array(HEADER_LINES);
  /** Any line that is not plain, except Host and Content-Length. */
  special = false;
  /** -1: none. */
  contentLength = -1;
  contentLengthLine = -1;
  hostLine = -1;
  chunked = false;
  connectionClose = false;
  connectionKeepAlive = false;
  /** Connection names headers beyond close and keep-alive. */
  connectionNames = false;
  upgrade = false;
  expect = 0;

  /** Where line i begins (its name) and ends (behind its LF). */
  lineEnd(i: number): number {
    return i + 1 < this.count ? this.offsets[4 * i + 4]! : this.end - 2;
  }

  /** Index of the first line named `lower`, from line `from` on; -1: none. */
  find(b: Uint8Array, lower: Uint8Array, from: number): number {
    const { offsets } = this;
    const length = lower.length;
    next: for (let i = from; i < this.count; i++) {
      const at = offsets[4 * i]!;
      if (offsets[4 * i + 1]! - at !== length) continue;
      for (let k = 0; k < length; k++) {
        let c = b[at + k]!;
        if (c >= 65 && c <= 90) c |= 32;
        if (c !== lower[k]) continue next;
      }
      return i;
    }
    return -1;
  }
}

/** Reads a request head from b[from..n). Its end; 0: more bytes are needed; below 0: minus a number of REFUSALS. */
export function scanRequest(h: Head, b: Uint8Array, from: number, n: number): number {
  let i = from;
  for (let empty = 0; i < n && (b[i] === CR || b[i] === LF); empty++) {
    if (b[i] === LF || empty >= LEADING_EMPTY_LINES) return -REFUSE.requestLine;
    if (i + 1 >= n) return 0;
    if (b[i + 1] !== LF) return -REFUSE.lineEnd;
    i += 2;
  }
  h.start = i;
  while (i < n && TOKEN[b[i]!] === 1) i++;
  if (i - h.start > METHOD_BYTES) return -REFUSE.method;
  if (i >= n) return 0;
  if (b[i] !== SP || i === h.start) return -REFUSE.requestLine;
  h.methodTo = i++;
  h.targetFrom = i;
  let query = 0;
  while (i < n && TARGET[b[i]!] === 1) {
    if (b[i] === 63 && query === 0) query = i;
    i++;
  }
  if (i - h.targetFrom > TARGET_BYTES) return -REFUSE.targetLength;
  if (i >= n) return 0;
  h.targetTo = i;
  h.pathTo = query === 0 ? i : query;
  if (b[i] !== SP) return b[i] === CR || b[i] === LF ? -REFUSE.requestLine : -REFUSE.target;
  if (i === h.targetFrom) return -REFUSE.requestLine;
  i++;
  // `HTTP/1.x` CR LF
  if (i + 10 > n) {
    const bad = b.subarray(i, n).findIndex((c) => c === LF);
    if (bad >= 0) return -REFUSE.requestLine;
    return 0;
  }
  if (
    b[i] !== 72 ||
    b[i + 1] !== 84 ||
    b[i + 2] !== 84 ||
    b[i + 3] !== 80 ||
    b[i + 4] !== 47 ||
    b[i + 6] !== 46
  )
    return -REFUSE.requestLine;
  const major = b[i + 5]! - 48;
  const minor = b[i + 7]! - 48;
  if (major < 0 || major > 9 || minor < 0 || minor > 9) return -REFUSE.requestLine;
  if (b[i + 8] !== CR || b[i + 9] !== LF) return b[i + 8] === LF ? -REFUSE.lineEnd : -REFUSE.requestLine;
  if (major !== 1 || minor > 1) return -REFUSE.version;
  h.minor = minor;
  h.absoluteForm = false;
  h.asterisk = false;
  h.hostFrom = h.hostTo = h.hostPortTo = 0;
  if (b[h.targetFrom] !== 47) {
    const refused = otherForm(h, b);
    if (refused !== 0) return -refused;
  }
  const end = scanLines(h, b, i + 10, n);
  if (end === 0) return n - h.start > HEAD_BYTES ? -REFUSE.headLength : 0;
  if (end < 0) return end;
  if (end - h.start > HEAD_BYTES) return -REFUSE.headLength;
  if (h.chunked && h.minor === 0) return -REFUSE.encodingInHttp10;
  if (h.chunked && h.contentLength >= 0) return -REFUSE.lengthAndEncoding;
  if (h.hostLine < 0) return -REFUSE.host;
  const hostFrom = h.offsets[4 * h.hostLine + 2]!;
  const hostTo = h.offsets[4 * h.hostLine + 3]!;
  const nameTo = checkHost(b, hostFrom, hostTo);
  if (nameTo < 0) return -REFUSE.host;
  if (!h.absoluteForm) {
    h.hostFrom = hostFrom;
    h.hostTo = nameTo;
    h.hostPortTo = hostTo;
  }
  return end;
}

/** Reads a response head. As `scanRequest`; every number below 0 means a response that can't be trusted. */
export function scanResponse(h: Head, b: Uint8Array, from: number, n: number): number {
  let i = from;
  h.start = i;
  if (n - i < 14) {
    // Enough to see early that it is not HTTP at all.
    return n - i >= 5 &&
      (b[i] !== 72 || b[i + 1] !== 84 || b[i + 2] !== 84 || b[i + 3] !== 80 || b[i + 4] !== 47)
      ? -REFUSE.version
      : 0;
  }
  if (
    b[i] !== 72 ||
    b[i + 1] !== 84 ||
    b[i + 2] !== 84 ||
    b[i + 3] !== 80 ||
    b[i + 4] !== 47 ||
    b[i + 5] !== 49 ||
    b[i + 6] !== 46 ||
    (b[i + 7] !== 49 && b[i + 7] !== 48) ||
    b[i + 8] !== SP
  )
    return -REFUSE.version;
  h.minor = b[i + 7]! - 48;
  const d0 = b[i + 9]! - 48;
  const d1 = b[i + 10]! - 48;
  const d2 = b[i + 11]! - 48;
  if (d0 < 1 || d0 > 5 || d1 < 0 || d1 > 9 || d2 < 0 || d2 > 9) return -REFUSE.requestLine;
  h.status = d0 * 100 + d1 * 10 + d2;
  i += 12;
  if (b[i] !== SP && b[i] !== CR) return -REFUSE.requestLine;
  while (i < n && VALUE[b[i]!] === 1) i++;
  if (i + 1 >= n) return n - h.start > HEAD_BYTES ? -REFUSE.headLength : 0;
  if (b[i] !== CR || b[i + 1] !== LF) return -REFUSE.lineEnd;
  const end = scanLines(h, b, i + 2, n);
  if (end === 0) return n - h.start > HEAD_BYTES ? -REFUSE.headLength : 0;
  if (end < 0) return end;
  if (end - h.start > HEAD_BYTES) return -REFUSE.headLength;
  if (h.chunked && h.contentLength >= 0) return -REFUSE.lengthAndEncoding;
  return end;
}

/** Header lines up to the empty line. */
function scanLines(h: Head, b: Uint8Array, from: number, n: number): number {
  let i = from;
  h.linesFrom = i;
  h.count = 0;
  h.special = false;
  h.contentLength = -1;
  h.contentLengthLine = -1;
  h.hostLine = -1;
  h.chunked = false;
  h.connectionClose = false;
  h.connectionKeepAlive = false;
  h.connectionNames = false;
  h.upgrade = false;
  h.expect = 0;
  const { offsets, kinds } = h;
  for (;;) {
    if (i >= n) return 0;
    const first = b[i]!;
    if (first === CR) {
      if (i + 1 >= n) return 0;
      if (b[i + 1] !== LF) return -REFUSE.lineEnd;
      h.end = i + 2;
      return i + 2;
    }
    const nameFrom = i;
    while (i < n && TOKEN[b[i]!] === 1) i++;
    if (i >= n) return 0;
    if (b[i] !== COLON || i === nameFrom) {
      if (b[i] === LF) return -REFUSE.lineEnd;
      return i === nameFrom && (first === SP || first === HTAB) ? -REFUSE.folding : -REFUSE.headerName;
    }
    const nameTo = i++;
    while (i < n && (b[i] === SP || b[i] === HTAB)) i++;
    const valueFrom = i;
    while (i < n && VALUE[b[i]!] === 1) i++;
    if (i >= n) return 0;
    if (b[i] !== CR) return b[i] === LF ? -REFUSE.lineEnd : -REFUSE.headerValue;
    let valueTo = i;
    while (valueTo > valueFrom && (b[valueTo - 1] === SP || b[valueTo - 1] === HTAB)) valueTo--;
    if (i + 1 >= n) return 0;
    if (b[i + 1] !== LF) return -REFUSE.lineEnd;
    i += 2;
    const line = h.count;
    if (line === HEADER_LINES) return -REFUSE.headerCount;
    const at = 4 * line;
    offsets[at] = nameFrom;
    offsets[at + 1] = nameTo;
    offsets[at + 2] = valueFrom;
    offsets[at + 3] = valueTo;
    h.count = line + 1;
    const kind = kindOf(b, nameFrom, nameTo);
    kinds[line] = kind;
    if (kind !== LINE.plain) {
      const refused = noteLine(h, b, kind, line, valueFrom, valueTo);
      if (refused !== 0) return -refused;
    }
  }
}

/** Takes what framing and the connection depend on from a line that is not plain. */
function noteLine(h: Head, b: Uint8Array, kind: number, line: number, from: number, to: number): number {
  switch (kind) {
    case LINE.host:
      if (h.hostLine >= 0) return REFUSE.host;
      h.hostLine = line;
      return 0;
    case LINE.contentLength: {
      if (h.contentLengthLine >= 0 || b[h.offsets[4 * line]! + 7] === 95) return REFUSE.contentLength;
      const length = readLength(b, from, to);
      if (length < 0) return REFUSE.contentLength;
      h.contentLength = length;
      h.contentLengthLine = line;
      return 0;
    }
    case LINE.transferEncoding:
      h.special = true;
      if (h.chunked || b[h.offsets[4 * line]! + 8] === 95) return REFUSE.transferEncoding;
      h.chunked = true;
      if (isChunked(b, from, to)) return 0;
      return isCodingList(b, from, to) ? REFUSE.transferCoding : REFUSE.transferEncoding;
    case LINE.connection:
      h.special = true;
      return readConnection(h, b, from, to) ? 0 : REFUSE.headerValue;
    case LINE.hop:
      h.special = true;
      if ((b[h.offsets[4 * line]!]! | 32) === 117) h.upgrade = true;
      return 0;
    case LINE.expect:
      h.special = true;
      h.expect = h.expect === 0 && equalsWord(b, from, to, CONTINUE) ? 1 : 2;
      return 0;
    default:
      h.special = true;
      return 0;
  }
}

const words = (s: string): Uint8Array => Uint8Array.from(s, (c) => c.charCodeAt(0));
const CONTINUE = words('100-continue');
const CHUNKED = words('chunked');
const CLOSE = words('close');
const KEEP_ALIVE = words('keep-alive');
const UPGRADE = words('upgrade');

function equalsWord(b: Uint8Array, from: number, to: number, lower: Uint8Array): boolean {
  if (to - from !== lower.length) return false;
  for (let i = 0; i < lower.length; i++) {
    const c = b[from + i]!;
    if ((c >= 65 && c <= 90 ? c | 32 : c) !== lower[i]) return false;
  }
  return true;
}

function isChunked(b: Uint8Array, from: number, to: number): boolean {
  return equalsWord(b, from, to, CHUNKED);
}

/** Well formed, but other codings than chunked alone. */
function isCodingList(b: Uint8Array, from: number, to: number): boolean {
  const text = String.fromCharCode(...b.subarray(from, Math.min(to, from + 256)));
  const codings = text.split(',').map((s) => s.trim().toLowerCase());
  return (
    codings.at(-1) === 'chunked' &&
    codings.slice(0, -1).every((c) => /^(gzip|x-gzip|compress|x-compress|deflate)$/.test(c))
  );
}

/** Digits only, no leading zero, at most 15 of them; -1 otherwise. */
function readLength(b: Uint8Array, from: number, to: number): number {
  if (to === from || to - from > LENGTH_DIGITS || (b[from] === 48 && to - from > 1)) return -1;
  let v = 0;
  for (let i = from; i < to; i++) {
    const d = b[i]! - 48;
    if (d < 0 || d > 9) return -1;
    v = v * 10 + d;
  }
  return v;
}

function readConnection(h: Head, b: Uint8Array, from: number, to: number): boolean {
  let i = from;
  while (i < to) {
    while (i < to && (b[i] === SP || b[i] === HTAB || b[i] === 44)) i++;
    const start = i;
    while (i < to && TOKEN[b[i]!] === 1) i++;
    if (i === start) return i >= to;
    if (equalsWord(b, start, i, CLOSE)) h.connectionClose = true;
    else if (equalsWord(b, start, i, KEEP_ALIVE)) h.connectionKeepAlive = true;
    else if (!equalsWord(b, start, i, UPGRADE)) h.connectionNames = true;
    while (i < to && (b[i] === SP || b[i] === HTAB)) i++;
    if (i < to && b[i] !== 44) return false;
  }
  return true;
}

/** `*`, or `http://authority/path`; anything else that is not a path is refused. Moves the target to the path in absolute-form. */
function otherForm(h: Head, b: Uint8Array): number {
  const from = h.targetFrom;
  const to = h.targetTo;
  if (to - from === 1 && b[from] === 42) {
    // OPTIONS alone has the asterisk-form.
    if (h.methodTo - h.start !== 7 || !equalsWord(b, h.start, h.methodTo, OPTIONS)) return REFUSE.target;
    h.asterisk = true;
    return 0;
  }
  if (h.methodTo - h.start === 7 && equalsWord(b, h.start, h.methodTo, CONNECT)) return REFUSE.method;
  if (to - from < 8 || !equalsWord(b, from, from + 7, HTTP_SCHEME)) return REFUSE.target;
  let i = from + 7;
  while (i < to && b[i] !== 47 && b[i] !== 63) i++;
  const nameTo = checkHost(b, from + 7, i);
  if (nameTo < 0) return REFUSE.host;
  h.absoluteForm = true;
  h.hostFrom = from + 7;
  h.hostTo = nameTo;
  h.hostPortTo = i;
  h.targetFrom = i;
  if (h.pathTo < i) h.pathTo = i;
  return 0;
}

const OPTIONS = words('options');
const CONNECT = words('connect');
const HTTP_SCHEME = words('http://');

/** Checks `name[:port]` or `[ipv6][:port]`; where the name ends, -1 when it is not valid. */
function checkHost(b: Uint8Array, from: number, to: number): number {
  let i = from;
  if (i < to && b[i] === 91) {
    i++;
    while (i < to && b[i] !== 93) {
      const c = b[i]! | 32;
      const digit = b[i]! >= 46 && b[i]! <= 58 && b[i] !== 47;
      if (!digit && !(c >= 97 && c <= 102)) return -1;
      i++;
    }
    if (i >= to || i - from < 3) return -1;
    i++;
  } else {
    while (i < to && HOST[b[i]!] === 1) i++;
    if (i === from) return -1;
  }
  if (i - from > HOST_BYTES) return -1;
  const nameTo = i;
  if (i === to) return nameTo;
  if (b[i] !== COLON || to - i > 6) return -1;
  let port = 0;
  for (i++; i < to; i++) {
    const d = b[i]! - 48;
    if (d < 0 || d > 9) return -1;
    port = port * 10 + d;
  }
  return port > 65535 ? -1 : nameTo;
}

const KNOWN: readonly (readonly [name: string, kind: number])[] = [
  ['host', LINE.host],
  ['content-length', LINE.contentLength],
  ['transfer-encoding', LINE.transferEncoding],
  ['connection', LINE.connection],
  ['keep-alive', LINE.hop],
  ['proxy-connection', LINE.hop],
  ['upgrade', LINE.hop],
  ['te', LINE.hop],
  // Trailers are checked and dropped, so they are not announced either.
  ['trailer', LINE.hop],
  ['http2-settings', LINE.hop],
  ['expect', LINE.expect],
  ['forwarded', LINE.forwarded],
  ['x-real-ip', LINE.forwarded],
  ['x-forwarded-', LINE.forwarded],
  ['x-consumer-', LINE.identity],
  ['x-credential-', LINE.identity],
  ['x-anonymous-consumer', LINE.identity],
  ['x-authenticated-', LINE.identity],
];
/** By first letter (a = 0): the names that begin with it. Those that end in `-` are prefixes. */
const BY_LETTER: readonly (readonly {
  readonly name: Uint8Array;
  readonly prefix: boolean;
  readonly kind: number;
}[])[] = Array.from({ length: 26 }, (_, letter) =>
  KNOWN.filter(([name]) => name.charCodeAt(0) === 97 + letter).map(([name, kind]) => ({
    name: words(name),
    prefix: name.endsWith('-'),
    kind,
  })),
);

/** `_` counts as `-`: what a CGI-like upstream makes of a name must not slip through. */
function kindOf(b: Uint8Array, from: number, to: number): number {
  const letter = (b[from]! | 32) - 97;
  if (letter < 0 || letter > 25) return LINE.plain;
  const names = BY_LETTER[letter]!;
  const length = to - from;
  next: for (let k = 0; k < names.length; k++) {
    const { name, prefix, kind } = names[k]!;
    if (prefix ? length < name.length : length !== name.length) continue;
    for (let i = 1; i < name.length; i++) {
      let c = b[from + i]!;
      if (c >= 65 && c <= 90) c |= 32;
      else if (c === 95) c = 45;
      if (c !== name[i]) continue next;
    }
    return kind;
  }
  return LINE.plain;
}
