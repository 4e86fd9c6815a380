// /admin/tsdb/*: deleting series and copying the store, for those whom the configuration lets. As in Prometheus, what gives no data answers 204.
import type { HttpRequest, HttpResponse } from '@munjigi/env';
import { readSelectors, RequestError } from '@munjigi/query';
import type { ApiDeps } from './deps.ts';
import { CHANGE, type Endpoint, type Endpoints } from './endpoint.ts';
import { foreignRequest } from './foreign.ts';
import { BadRequest, booleanParameter, MAX_TIME_MS, MIN_TIME_MS, optionalTime } from './params.ts';
import { failure, finishedJson, success } from './reply.ts';

export function adminEndpoints(deps: ApiDeps): Endpoints {
  const admin = (handle: (r: HttpRequest) => Promise<HttpResponse>): Endpoint => ({
    methods: CHANGE,
    needsStore: true,
    handle: (r) => {
      if (!deps.adminApi) return failure('unavailable', 'admin APIs disabled');
      const refusal = foreignRequest(r, deps.hostNames);
      return refusal === null ? handle(r) : failure('bad_data', refusal, 403);
    },
  });
  return {
    '/admin/tsdb/delete_series': admin(async ({ params }) => {
      const match = params.getAll('match[]');
      if (match.length === 0) throw new BadRequest('no match[] parameter provided');
      const mint = optionalTime(params, 'start', MIN_TIME_MS);
      const maxt = optionalTime(params, 'end', MAX_TIME_MS);
      // All are read before anything is deleted: a mistake in the second must not leave the first done.
      await deps.deleteSeries(selectors(match), mint, maxt);
      return finishedJson(204, '');
    }),
    '/admin/tsdb/clean_tombstones': admin(async () => {
      await deps.cleanTombstones();
      return finishedJson(204, '');
    }),
    '/admin/tsdb/snapshot': admin(async ({ params }) => {
      const skipHead = booleanParameter(params, 'skip_head');
      try {
        return success(await deps.snapshot(skipHead));
      } catch (error) {
        throw new Error(`create snapshot: ${(error as Error).message}`, { cause: error });
      }
    }),
  };
}

function selectors(match: readonly string[]): ReturnType<typeof readSelectors> {
  try {
    return readSelectors(match);
  } catch (error) {
    if (error instanceof RequestError) throw new BadRequest(error.message);
    throw error;
  }
}
