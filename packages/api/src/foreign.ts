// Requests that change something must come from programs and from our own pages, not from whatever page a browser shows.
import type { HttpRequest } from '@munjigi/env';

/**
 * Why a request that changes something is refused: a page of another origin sent it, or it came under a name that is not ours (a page may
 * give its own name our loopback address). Programs send no Origin.
 */
export function foreignRequest(r: HttpRequest, hostNames: readonly string[] | null): string | null {
  const { host = '', origin } = r.headers;
  if (origin !== undefined && originHost(origin) !== host.toLowerCase())
    return `refused: the request comes from a page of ${origin}, not of this server`;
  if (hostNames === null) return null;
  const name = hostName(host);
  const known = name === 'localhost' || isAddress(name) || hostNames.includes(name);
  return known
    ? null
    : `refused: this server does not answer to the name ${name}: add it to the console's names`;
}

function originHost(origin: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase() ?? '';
}

function hostName(host: string): string {
  return host.replace(/:[0-9]*$/, '').toLowerCase();
}

function isAddress(name: string): boolean {
  return /^[0-9]{1,3}(\.[0-9]{1,3}){3}$/.test(name) || /^\[[0-9a-f:.]+\]$/.test(name);
}
