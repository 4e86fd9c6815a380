// /-/healthy, /-/ready, /-/reload, /metrics, /federate, /version: for probes, scrapers and operators. Plain text.
import type { HttpRequest, HttpResponse } from '@munjigi/env';
import { CONTENT_TYPE_TEXT, writeText } from '@munjigi/exposition';
import { printProblem, type MetricFamily } from '@munjigi/model';
import type { ApiDeps } from './deps.ts';
import { foreignRequest } from './foreign.ts';
import { finishedJson, queryReply, text } from './reply.ts';

/** null: none of these paths. */
export function lifecycle(deps: ApiDeps, r: HttpRequest): HttpResponse | Promise<HttpResponse> | null {
  const reads = r.method === 'GET' || r.method === 'HEAD';
  switch (r.path) {
    case '/-/healthy':
      return reads ? text(200, 'Munjigi is healthy.\n') : only('GET, HEAD');
    case '/-/ready': {
      if (!reads) return only('GET, HEAD');
      const { ready, reason } = deps.ready();
      return ready ? text(200, 'Munjigi is ready.\n') : text(503, `Munjigi is not ready: ${reason}\n`);
    }
    case '/-/reload':
      return r.method === 'POST' || r.method === 'PUT' ? reload(deps, r) : only('POST, PUT');
    case '/metrics':
      return reads ? metrics(deps) : only('GET, HEAD');
    case '/federate':
      return reads ? federate(deps, r) : only('GET, HEAD');
    case '/version':
      return reads ? finishedJson(200, JSON.stringify(deps.buildInfo)) : only('GET, HEAD');
    default:
      return null;
  }
}

function only(methods: string): HttpResponse {
  return text(405, `Only ${methods.replace(', ', ' or ')} requests are allowed here.\n`, { allow: methods });
}

async function metrics(deps: ApiDeps): Promise<HttpResponse> {
  const body = writeText(groupFamilies(await deps.families()));
  return { status: 200, headers: { 'content-type': CONTENT_TYPE_TEXT }, body };
}

/** Families that several threads fill become one: the format has each name once. */
function groupFamilies(families: readonly MetricFamily[]): Iterable<MetricFamily> {
  const byName = new Map<string, MetricFamily>();
  for (const family of families) {
    const known = byName.get(family.name);
    const samples = known === undefined ? family.samples : [...known.samples, ...family.samples];
    byName.set(family.name, { ...(known ?? family), samples });
  }
  return byName.values();
}

async function federate(deps: ApiDeps, { params, method, signal }: HttpRequest): Promise<HttpResponse> {
  const { ready, reason } = deps.ready();
  if (!ready) return text(503, `Munjigi is not ready: ${reason}\n`);
  const request = { kind: 'federate', match: params.getAll('match[]'), time_ms: deps.clock.now() } as const;
  const reply = await deps.query.query(request, signal);
  if (reply.error !== null) return text(reply.status, `${reply.error.message}\n`);
  return queryReply(reply, method, CONTENT_TYPE_TEXT);
}

async function reload(deps: ApiDeps, r: HttpRequest): Promise<HttpResponse> {
  const refusal = foreignRequest(r, deps.hostNames);
  if (refusal !== null) return text(403, `${refusal}\n`);
  const applied = await deps.reload();
  const problems = applied.problems.map((problem) => `${printProblem(problem)}\n`).join('');
  if (applied.ok) return text(200, problems);
  return text(
    500,
    `failed to reload config: nothing was changed, the last good one keeps running\n${problems}`,
  );
}
