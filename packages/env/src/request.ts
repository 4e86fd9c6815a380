// What HTTP means for our own surface, the same in the real world and in a simulation: targets, parameters, limits.
import type { HttpFetch } from './env.ts';

/** Largest body of a request; more is answered with 413. */
export const REQUEST_BODY_MAX_BYTES: number = 10 * 1024 * 1024;
export const REDIRECTS_MAX = 10;

/** The path (decoded) and the query of a request target, absolute or not; null: malformed. */
export function readTarget(target: string): { path: string; query: string } | null {
  const origin = /^https?:\/\/[^/?]*/i.exec(target);
  const rest = origin === null ? target : target.slice(origin[0].length);
  const mark = rest.indexOf('?');
  const raw = mark === -1 ? rest : rest.slice(0, mark);
  if (origin === null && raw !== '*' && !raw.startsWith('/')) return null;
  try {
    return { path: decodeURIComponent(raw) || '/', query: mark === -1 ? '' : rest.slice(mark + 1) };
  } catch {
    return null;
  }
}

/**
 * Parameters of the query and of a form body (URL-encoded or multipart, files left out); a body's come first, so that `get` prefers them.
 * null: a percent escape, the UTF-8 or the multipart framing is wrong, and what was meant can't be known.
 */
export async function readParams(
  method: string,
  query: string,
  contentType: string | undefined,
  body: Uint8Array,
): Promise<URLSearchParams | null> {
  const form = await readForm(method, contentType ?? '', body);
  if (form === null || !wellEncoded(query)) return null;
  for (const [name, value] of new URLSearchParams(query)) form.append(name, value);
  return form;
}

async function readForm(
  method: string,
  contentType: string,
  body: Uint8Array,
): Promise<URLSearchParams | null> {
  const type = contentType.split(';', 1)[0]!.trim().toLowerCase();
  if (method !== 'POST') return new URLSearchParams();
  if (type === 'application/x-www-form-urlencoded') {
    const text = new TextDecoder().decode(body);
    return wellEncoded(text) ? new URLSearchParams(text) : null;
  }
  if (type !== 'multipart/form-data') return new URLSearchParams();
  try {
    const headers = { 'content-type': contentType };
    const fields = await new Response(new Uint8Array(body), { headers }).formData();
    const form = new URLSearchParams();
    for (const [name, value] of fields) if (typeof value === 'string') form.append(name, value);
    return form;
  } catch {
    return null;
  }
}

function wellEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return !text.includes('\ufffd');
  } catch {
    return false;
  }
}

/** The request that follows a redirect; null: the answer is final. Credentials stay with their origin, a POST becomes a GET as browsers do. */
export function redirected(
  request: HttpFetch,
  status: number,
  location: string | undefined,
): HttpFetch | null {
  if (request.followRedirects !== true || location === undefined) return null;
  if (![301, 302, 303, 307, 308].includes(status)) return null;
  if (!URL.canParse(location, request.url)) return null;
  const from = new URL(request.url);
  const to = new URL(location, from);
  if (to.protocol !== 'http:' && to.protocol !== 'https:') return null;
  const method = request.method ?? 'GET';
  const asGet =
    (status === 303 && method !== 'HEAD') || (method === 'POST' && (status === 301 || status === 302));
  const dropped = new Set(
    to.origin === from.origin ? [] : ['authorization', 'cookie', 'proxy-authorization'],
  );
  if (asGet) for (const name of ['content-type', 'content-length', 'content-encoding']) dropped.add(name);
  const headers = Object.fromEntries(
    Object.entries(request.headers ?? {}).filter(([name]) => !dropped.has(name.toLowerCase())),
  );
  const { body, tls, ...rest } = request;
  return {
    ...rest,
    url: to.href,
    method: asGet ? 'GET' : method,
    headers,
    ...(body === undefined || asGet ? {} : { body }),
    ...(tls === undefined ? {} : { tls }),
  };
}
