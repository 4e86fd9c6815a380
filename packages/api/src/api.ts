// The HTTP surface: one function from request to response. Order: health and metrics, the API below /api/v1, then the console's files.
import type { HttpRequest, HttpResponse } from '@munjigi/env';
import { adminEndpoints } from './admin-endpoints.ts';
import { createConsole } from './console.ts';
import type { ApiDeps } from './deps.ts';
import type { Endpoint, Endpoints } from './endpoint.ts';
import { lifecycle } from './lifecycle.ts';
import { munjigiEndpoints } from './munjigi-endpoints.ts';
import { BadRequest } from './params.ts';
import { queryEndpoints } from './query-endpoints.ts';
import { failure, withHeaders } from './reply.ts';
import { seriesEndpoints } from './series-endpoints.ts';
import { statusEndpoints } from './status-endpoints.ts';
import { ruleEndpoints, targetEndpoints } from './target-endpoints.ts';

const PREFIX = '/api/v1';
/** Answers every request of the port: errors become replies, never exceptions. */
export function createApi(deps: ApiDeps): (r: HttpRequest) => Promise<HttpResponse> {
  const console = createConsole(deps);
  const find = createRoutes({
    ...queryEndpoints(deps),
    ...seriesEndpoints(deps),
    ...targetEndpoints(deps),
    ...ruleEndpoints(),
    ...statusEndpoints(deps),
    ...adminEndpoints(deps),
    ...munjigiEndpoints(deps),
  });
  const answer = async (r: HttpRequest): Promise<HttpResponse> => {
    if (r.path === '/api' || r.path.startsWith('/api/'))
      return withHeaders(await answerApi(deps, find, r), corsHeaders(r));
    return (await lifecycle(deps, r)) ?? console(r);
  };
  return async (r) => {
    try {
      return await answer(r);
    } catch (error) {
      // A bug or a part that is gone: the one who asked gets a reply, the log the whole story.
      const { message, stack } = error as Error;
      deps.log.error('request failed', { method: r.method, path: r.path, error: stack ?? message });
      return withHeaders(failure('internal', message), corsHeaders(r));
    }
  };
}

type Routes = (path: string) => { readonly endpoint: Endpoint; readonly name: string } | null;

async function answerApi(deps: ApiDeps, find: Routes, r: HttpRequest): Promise<HttpResponse> {
  const found = r.path.startsWith(`${PREFIX}/`) ? find(r.path.slice(PREFIX.length)) : null;
  if (r.method === 'OPTIONS') return { status: 204, headers: {}, body: '' };
  if (found === null) return failure('not_found', `there is no ${r.path} in this API`);
  const { endpoint, name } = found;
  const method = r.method === 'HEAD' ? 'GET' : r.method;
  if (!endpoint.methods.some((allowed) => allowed === method)) {
    const allow = [...endpoint.methods, 'OPTIONS'].join(', ');
    const reply = failure(
      'bad_data',
      `${r.method} is not allowed here: use ${endpoint.methods.join(' or ')}`,
      405,
    );
    return withHeaders(reply, { allow });
  }
  const { ready, reason } = deps.ready();
  if (endpoint.needsStore && !ready) return failure('unavailable', `not ready yet: ${reason}`);
  try {
    return await endpoint.handle(r, name);
  } catch (error) {
    if (error instanceof BadRequest) return failure('bad_data', error.message);
    throw error;
  }
}

/** Fixed paths by lookup; one `:name` segment by pattern. */
function createRoutes(endpoints: Endpoints): Routes {
  const fixed = new Map(Object.entries(endpoints).filter(([path]) => !path.includes(':')));
  const patterns = Object.entries(endpoints)
    .filter(([path]) => path.includes(':'))
    .map(([path, endpoint]) => ({ parts: path.split('/:name'), endpoint }));
  return (path) => {
    const endpoint = fixed.get(path);
    if (endpoint !== undefined) return { endpoint, name: '' };
    for (const { parts, endpoint } of patterns) {
      const [before = '', after = ''] = parts;
      if (!path.startsWith(`${before}/`) || !path.endsWith(after)) continue;
      const name = path.slice(before.length + 1, path.length - after.length);
      if (name !== '' && !name.includes('/')) return { endpoint, name };
    }
    return null;
  };
}

/** Any page may read metrics, as in Prometheus: this API has no cookies to abuse. What the gate runs is for our own pages only. */
function corsHeaders(r: HttpRequest): Record<string, string> {
  if (r.headers['origin'] === undefined || r.path.startsWith(`${PREFIX}/munjigi/`)) return {};
  return {
    'access-control-allow-headers': 'Accept, Authorization, Content-Type, Origin',
    'access-control-allow-methods': 'GET, POST, OPTIONS',
    'access-control-allow-origin': '*',
    'access-control-expose-headers': 'Date',
    vary: 'Origin',
  };
}
