// Whatever comes as a request, the answer is a reply with a status that blames the right side.
import { expect, test } from 'vitest';
import { createApi } from './api.ts';
import { bodyText, fakeDeps, request } from './testing/fake-deps.ts';

const PATHS: readonly string[] = [
  '/api/v1/query',
  '/api/v1/query_range',
  '/api/v1/query_exemplars',
  '/api/v1/labels',
  '/api/v1/label/x/values',
  '/api/v1/label/U__x_/values',
  '/api/v1/series',
  '/api/v1/metadata',
  '/api/v1/targets',
  '/api/v1/rules',
  '/api/v1/status/tsdb',
  '/api/v1/status/tsdb/blocks',
  '/api/v1/munjigi/cardinality',
  '/api/v1/admin/tsdb/delete_series',
  '/api/v1/admin/tsdb/snapshot',
  '/federate',
  '/assets/../x',
];
const NAMES: readonly string[] = [
  'query',
  'time',
  'start',
  'end',
  'step',
  'limit',
  'timeout',
  'lookback_delta',
  'match[]',
  'state',
  'skip_head',
  'type',
  'metric',
];
const PIECES: readonly string[] = [
  '',
  '0',
  '-1',
  '1e9',
  '1e400',
  'NaN',
  '+Inf',
  '1h',
  '5m30s',
  '99999999999999999999',
  '2026-01-02T13:37:00Z',
  '2026-02-30T25:61:00.Z',
  '9999-12-31T23:59:59.9+23:59',
  '\u{1f600}',
  '{',
  'up',
  ' ',
  '\0',
];

test('any parameters get an answer', async () => {
  const api = createApi(fakeDeps());
  let seed = 7;
  const pick = <T>(list: readonly T[]): T => {
    seed = (seed * 48_271) % 2_147_483_647;
    return list[seed % list.length]!;
  };
  for (let i = 0; i < 3000; i++) {
    const params = new URLSearchParams();
    for (let k = 0; k < 5; k++) params.append(pick(NAMES), pick(PIECES) + (i % 3 === 0 ? pick(PIECES) : ''));
    const line = `${pick(['GET', 'POST', 'HEAD', 'OPTIONS', 'PUT'])} ${pick(PATHS)}?${params.toString()}`;
    const response = await api(request(line));
    expect([200, 204, 400, 404, 405], line).toContain(response.status);
    if (response.headers['content-type'] === 'application/json')
      expect(JSON.parse(bodyText(response)), line).toMatchObject({
        status: response.status === 200 ? 'success' : 'error',
      });
  }
});
