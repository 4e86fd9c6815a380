import { expect, test } from 'vitest';
import type { HttpFetch } from './env.ts';
import { readParams, readTarget, redirected } from './request.ts';
import { Prng } from './sim/index.ts';

test.each([
  ['/', { path: '/', query: '' }],
  ['/a/b?x=1?y=2', { path: '/a/b', query: 'x=1?y=2' }],
  ['/a%2Fb%20c?%', { path: '/a/b c', query: '%' }],
  ['/%C3%BC', { path: '/ü', query: '' }],
  ['//host/path', { path: '//host/path', query: '' }],
  ['http://host:80/p?q', { path: '/p', query: 'q' }],
  ['HTTPS://host', { path: '/', query: '' }],
  ['http://host?q=1', { path: '/', query: 'q=1' }],
  ['*', { path: '*', query: '' }],
  ['/%', null],
  ['/%ff', null],
  ['/%C3', null],
  ['p', null],
  ['', null],
  ['ftp://host/p', null],
])('target %s', (target, parsed) => {
  expect(readTarget(target)).toEqual(parsed);
});

test('a path comes back from its encoded form, and no target throws', () => {
  const random = new Prng(1, 'targets');
  for (let i = 0; i < 3000; i++) {
    const chars = Array.from({ length: random.below(12) }, () => String.fromCharCode(1 + random.below(300)));
    const path = `/${chars.join('')}`;
    expect(readTarget(encodeURIComponent(path).replace('%2F', '/'))?.path).toBe(path);
    const noise = Array.from({ length: random.below(8) }, () => '/%?a0F:*&h'[random.below(10)]!).join('');
    const parsed = readTarget(noise);
    expect(parsed === null || noise.endsWith(parsed.query)).toBe(true);
  }
});

test.each([
  ['POST', 'application/x-www-form-urlencoded', 'a=2&a=1&q=3'],
  ['POST', 'Application/X-WWW-Form-Urlencoded ; charset=utf-8', 'a=2&a=1&q=3'],
  ['POST', 'application/json', 'a=1&q=3'],
  ['PUT', 'application/x-www-form-urlencoded', 'a=1&q=3'],
  ['GET', undefined, 'a=1&q=3'],
])('parameters of %s with %s', async (method, type, params) => {
  const read = await readParams(method, 'a=1&q=3', type, new TextEncoder().encode('a=2'));
  expect(read?.toString()).toBe(params);
});

const FORM = 'application/x-www-form-urlencoded';
const PARTS =
  '--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nup{a="b"}\r\n' +
  '--x\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\nfile\r\n--x--\r\n';
test.each([
  ['a well formed query', 'q=%C3%BC+1', undefined, '', 'q=%C3%BC+1'],
  ['a bad escape', 'q=%zz', undefined, '', null],
  ['bytes that are no UTF-8', 'q=%ff', undefined, '', null],
  ['a bad escape in a form', '', FORM, 'q=%f', null],
  [
    'a multipart form, without its files',
    'a=1',
    'multipart/form-data; boundary=x',
    PARTS,
    'query=up%7Ba%3D%22b%22%7D&a=1',
  ],
  ['a multipart form without its end', '', 'multipart/form-data; boundary=x', PARTS.slice(0, 40), null],
  ['a multipart form without a boundary', '', 'multipart/form-data', PARTS, null],
])('%s', async (_, query, type, text, params) => {
  const read = await readParams('POST', query, type, new TextEncoder().encode(text));
  expect(read?.toString() ?? null).toBe(params);
});

const body = new Uint8Array(1);
const post: HttpFetch = {
  url: 'http://a/x/y',
  method: 'POST',
  headers: { Authorization: 'secret', 'Content-Type': 't', Cookie: 'c', Keep: 'k' },
  body,
  timeout_ms: 1,
  bodyLimit: 1,
  followRedirects: true,
};

test.each([
  [200, '/z', null],
  [304, '/z', null],
  [302, undefined, null],
  [302, 'http://[', null],
  [302, 'file:///etc/passwd', null],
  [
    301,
    '../z',
    { url: 'http://a/z', method: 'GET', names: ['Authorization', 'Cookie', 'Keep'], body: undefined },
  ],
  [
    303,
    '/z',
    { url: 'http://a/z', method: 'GET', names: ['Authorization', 'Cookie', 'Keep'], body: undefined },
  ],
  [
    307,
    '/z',
    { url: 'http://a/z', method: 'POST', names: ['Authorization', 'Content-Type', 'Cookie', 'Keep'], body },
  ],
  [308, 'http://b/', { url: 'http://b/', method: 'POST', names: ['Content-Type', 'Keep'], body }],
  [302, 'https://a/', { url: 'https://a/', method: 'GET', names: ['Keep'], body: undefined }],
])('a redirect %i to %s', (status, location, wanted) => {
  const next = redirected(post, status, location);
  const seen = next && {
    url: next.url,
    method: next.method,
    names: Object.keys(next.headers ?? {}),
    body: next.body,
  };
  expect(seen).toEqual(wanted);
  expect(redirected({ ...post, followRedirects: false }, status, location)).toBe(null);
});
