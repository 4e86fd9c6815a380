import { describe, expect, it } from 'vitest';
import { textOf } from './bytes.ts';
import { Head, scanRequest, scanResponse } from './head.ts';
import { HEADER_LINES, HEAD_BYTES } from './limits.ts';
import { REFUSALS } from './refusal.ts';

const bytes = (s: string): Buffer => Buffer.from(s, 'latin1');
const request = (s: string): string | number => {
  const h = new Head();
  const b = bytes(s);
  const r = scanRequest(h, b, 0, b.length);
  return r < 0 ? REFUSALS[-r]!.reason : r;
};

const GOOD: readonly string[] = [
  'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
  '\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n',
  'POST /x?y=/z HTTP/1.1\r\nHost:a:80\r\nContent-Length: 10\r\nX: \t a b \t\r\nEmpty:\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\nX: \xff\x80\r\n\r\n',
  'M-S!#$%&\'*+.^_`|~09 /"<>\\^`{|} HTTP/1.0\r\nHost: A-b_c.D~\r\nConnection: close, keep-alive ,x\r\n\r\n',
  'GET http://b.test:99?q HTTP/1.1\r\nHost: a\r\n\r\n',
  'PUT /a HTTP/1.1\r\nHost: a\r\nTRANSFER-ENCODING: Chunked\r\nExpect: 100-Continue\r\n\r\n',
];

const BAD: readonly (readonly [text: string, reason: string])[] = [
  ['GET / HTTP/1.1\nHost: a\n\n', 'line_end'],
  ['GET / HTTP/1.1\r\nHost: a\n\r\n', 'line_end'],
  ['GET / HTTP/1.1\r\nHost: a\r\n\n', 'line_end'],
  ['GET / HTTP/1.1\r\nHost: a\r\r\n\r\n', 'line_end'],
  ['\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', 'request_line'],
  ['\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n', 'request_line'],
  ['GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 'request_line'],
  ['GET /  HTTP/1.1\r\nHost: a\r\n\r\n', 'request_line'],
  [' GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'request_line'],
  ['GET /\r\n', 'request_line'],
  ['GET / HTTP/1.1 \r\nHost: a\r\n\r\n', 'request_line'],
  ['GET / http/1.1\r\nHost: a\r\n\r\n', 'request_line'],
  ['GET / HTTP/1.1x\r\nHost: a\r\n\r\n', 'request_line'],
  ['GET / HTTP/2.0\r\nHost: a\r\n\r\n', 'version'],
  ['GET / HTTP/1.2\r\nHost: a\r\n\r\n', 'version'],
  ['G(T / HTTP/1.1\r\nHost: a\r\n\r\n', 'request_line'],
  [`${'G'.repeat(33)} / HTTP/1.1\r\nHost: a\r\n\r\n`, 'method'],
  ['CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n', 'method'],
  ['GET * HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET a HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n', 'host'],
  ['GET /#x HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  ['GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n', 'target'],
  [`GET /${'a'.repeat(17_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 'target_length'],
  [`GET /${'a'.repeat(17_000)}`, 'target_length'],
  ['GET / HTTP/1.1\r\n\r\n', 'host'],
  ['GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n', 'host'],
  ...[
    '',
    'a b',
    'a,b',
    'a@b',
    'a/b',
    'a:99999',
    'a:8x',
    ':80',
    'a:1:2',
    '[::1',
    '[]',
    '[g::]',
    'a%20b',
    'x'.repeat(256),
  ].map((host): [string, string] => [`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 'host']),
  ['GET / HTTP/1.1\r\nHost : a\r\n\r\n', 'header_name'],
  ['GET / HTTP/1.1\r\n: a\r\n\r\n', 'header_name'],
  ['GET / HTTP/1.1\r\nHost a\r\n\r\n', 'header_name'],
  ['GET / HTTP/1.1\r\n Host: a\r\n\r\n', 'folding'],
  ['GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n', 'folding'],
  ['GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n', 'header_value'],
  ['GET / HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n', 'header_value'],
  ['GET / HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n', 'header_value'],
  ...['x', '', '+1', '-1', '1,1', '01', '0x1', '1e1', '1 1', '1;', '1234567890123456'].map(
    (n): [string, string] => [`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${n}\r\n\r\n`, 'content_length'],
  ),
  ['POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n', 'content_length'],
  ['POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 1\r\n\r\n', 'content_length'],
  [
    'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'length_and_encoding',
  ],
  ['POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n', 'encoding_in_http10'],
  [
    'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n',
    'transfer_encoding',
  ],
  ['POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n', 'transfer_encoding'],
  ['POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 'transfer_coding'],
  ...[
    '',
    'xchunked',
    ',chunked',
    'chunked,',
    'chunked, chunked',
    'chunked;q=1',
    '"chunked"',
    'gzip',
    'identity',
    '\x0bchunked',
  ].map((te): [string, string] => [
    `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ${te}\r\n\r\n`,
    te.startsWith('\x0b') ? 'header_value' : 'transfer_encoding',
  ]),
  [`GET / HTTP/1.1\r\nHost: a\r\n${'x: 1\r\n'.repeat(HEADER_LINES)}\r\n`, 'header_count'],
  [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(HEAD_BYTES)}\r\n\r\n`, 'head_length'],
  [`GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(HEAD_BYTES)}`, 'head_length'],
];

describe('request heads', () => {
  it.each(GOOD)('accepts %j, and never a part of it', (text) => {
    expect(request(text)).toBe(text.length);
    for (let n = 0; n < text.length; n++) expect([n, request(text.slice(0, n))]).toEqual([n, 0]);
    expect(request(`${text}GET /next`)).toBe(text.length);
  });

  it.each(BAD.map(([text, reason]) => [JSON.stringify(text.slice(0, 70)), reason, text]))(
    'refuses %s: %s',
    (_, reason, text) => {
      expect(request(text)).toBe(reason);
      // No part of it is a whole request.
      const step = Math.max(1, Math.floor(text.length / 500));
      for (let n = 0; n < text.length; n += step) {
        const part = request(text.slice(0, n));
        expect([n, part === 0 || typeof part === 'string']).toEqual([n, true]);
      }
    },
  );

  it('says where everything stands', () => {
    const h = new Head();
    const b = bytes(
      '\r\nPOST http://b.test:81/p?q HTTP/1.1\r\nHost: a\r\nX-A:  v \r\nContent-Length: 12\r\nConnection: x, close\r\n\r\n',
    );
    expect(scanRequest(h, b, 0, b.length)).toBe(b.length);
    expect(textOf(b, h.start, h.methodTo)).toBe('POST');
    expect(textOf(b, h.targetFrom, h.pathTo)).toBe('/p');
    expect(textOf(b, h.pathTo, h.targetTo)).toBe('?q');
    expect([textOf(b, h.hostFrom, h.hostTo), textOf(b, h.hostFrom, h.hostPortTo)]).toEqual([
      'b.test',
      'b.test:81',
    ]);
    const line = h.find(b, bytes('x-a'), 0);
    expect(textOf(b, h.offsets[4 * line + 2]!, h.offsets[4 * line + 3]!)).toBe('v');
    expect([h.contentLength, h.connectionClose, h.connectionNames, h.chunked]).toEqual([
      12,
      true,
      true,
      false,
    ]);
    expect(h.find(b, bytes('x-b'), 0)).toBe(-1);
  });

  it('takes any bytes without reading beyond them', () => {
    // Mutations of good heads from one seed: whatever comes out, an accepted head ends in an empty line and lies within the bytes.
    let seed = 12_345;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % n;
    };
    const h = new Head();
    let accepted = 0;
    for (let i = 0; i < 20_000; i++) {
      const b = bytes(GOOD[random(GOOD.length)]!);
      for (let k = random(3); k >= 0; k--)
        b[random(b.length)] = random(3) === 0 ? random(256) : b[random(b.length)]!;
      const n = random(8) === 0 ? random(b.length) : b.length;
      const end = scanRequest(h, b, 0, n);
      if (end <= 0) continue;
      accepted++;
      if (end > n || textOf(b, end - 4, end) !== '\r\n\r\n')
        expect.unreachable(`accepted ${JSON.stringify(textOf(b, 0, n))}`);
    }
    expect(accepted).toBeGreaterThan(1000);
  });
});

describe('response heads', () => {
  const scan = (s: string): number => {
    const b = bytes(s);
    return scanResponse(new Head(), b, 0, b.length);
  };

  it.each([
    'HTTP/1.1 200 OK\r\nA: b\r\n\r\n',
    'HTTP/1.0 404 \r\n\r\n',
    'HTTP/1.1 500\r\nTransfer-Encoding: chunked\r\n\r\n',
  ])('accepts %j, and never a part of it', (text) => {
    expect(scan(text)).toBe(text.length);
    for (let n = 0; n < text.length; n++) expect([n, scan(text.slice(0, n))]).toEqual([n, 0]);
  });

  it.each([
    'HTTP/2.0 200 OK\r\n\r\n',
    'HTTP/1.2 200 OK\r\n\r\n',
    'HTTP/1.1  200 OK\r\n\r\n',
    'HTTP/1.1 600 OK\r\n\r\n',
    'HTTP/1.1 20x OK\r\n\r\n',
    'HTTP/1.1 2000 OK\r\n\r\n',
    'HTTP/1.1 200 OK\n\n                 ',
    'HTTP/1.1 200 O\x00K\r\n\r\n',
    'HTTP/1.1 200 OK\r\nA : b\r\n\r\n',
    'HTTP/1.1 200 OK\r\n A: b\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n',
    '<html></html>',
  ])('refuses %j', (text) => {
    expect(scan(text)).toBeLessThan(0);
  });
});
