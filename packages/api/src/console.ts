// The console's files: hashed ones are kept for ever, the page itself is asked for each time, and paths of the page's own router get the page.
import { createHash } from 'node:crypto';
import type { HttpRequest, HttpResponse } from '@munjigi/env';
import type { ApiDeps, Asset } from './deps.ts';
import { text } from './reply.ts';

/** No script or style from anywhere else and no inline script, no frame around us, no type guessing, no referrer to others. */
const SECURITY: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'x-frame-options': 'DENY',
};

/** Paths of the page's own router; everything else that is no file is not found, so that a mistyped API path does not get a page. */
const PAGES = /^\/(?:overview|query|graph|targets|status)\/?$/;

/** Serves GET and HEAD of everything that no other part of the surface answers. */
export function createConsole(deps: ApiDeps): (r: HttpRequest) => HttpResponse {
  const tags = new WeakMap<Uint8Array, string>();
  const tagOf = (bytes: Uint8Array): string => {
    let tag = tags.get(bytes);
    if (tag === undefined) {
      tag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
      tags.set(bytes, tag);
    }
    return tag;
  };
  return (r) => {
    if (r.method !== 'GET' && r.method !== 'HEAD')
      return text(405, 'Only GET or HEAD requests are allowed here.\n', { allow: 'GET, HEAD' });
    const asset = find(deps, r.path);
    if (asset === null) return text(404, '404 page not found\n', SECURITY);
    const tag = tagOf(asset.bytes);
    const headers: Record<string, string> = {
      ...SECURITY,
      etag: tag,
      'cache-control': asset.immutable ? 'public, max-age=31536000, immutable' : 'no-cache',
    };
    if (matches(r.headers['if-none-match'], tag)) return { status: 304, headers, body: '' };
    headers['content-type'] = asset.contentType;
    return { status: 200, headers, body: asset.bytes };
  };
}

function find(deps: ApiDeps, path: string): Asset | null {
  if (path === '/') return deps.asset('/index.html');
  const exact = deps.asset(path);
  if (exact !== null) return exact;
  return PAGES.test(path) ? deps.asset('/index.html') : null;
}

function matches(header: string | undefined, tag: string): boolean {
  if (header === undefined) return false;
  return header === '*' || header.split(',').some((item) => item.trim().replace(/^W\//, '') === tag);
}
