// /labels, /label/:name/values, /series, /metadata.
import type { HttpRequest, HttpResponse } from '@munjigi/env';
import type { SeriesChoice } from '@munjigi/query';
import type { ApiDeps } from './deps.ts';
import { READ, READ_OR_FORM, type Endpoints } from './endpoint.ts';
import {
  BadRequest,
  countParameter,
  limitParameter,
  MAX_TIME_MS,
  MIN_TIME_MS,
  optionalTime,
} from './params.ts';
import { finishedJson } from './reply.ts';

export function seriesEndpoints({ query }: ApiDeps): Endpoints {
  const ask = async (
    request: Parameters<typeof query.query>[0],
    signal: AbortSignal,
  ): Promise<HttpResponse> => {
    const reply = await query.query(request, signal);
    return finishedJson(reply.status, reply.body);
  };
  return {
    '/labels': {
      methods: READ_OR_FORM,
      needsStore: true,
      handle: ({ params, signal }) => ask({ kind: 'labels', ...choice(params) }, signal),
    },
    '/label/:name/values': {
      methods: READ,
      needsStore: true,
      handle: ({ params, signal }, name) => {
        const label = name.startsWith('U__') ? unescapeName(name) : name;
        if (label === '') throw new BadRequest(`invalid label name: ${JSON.stringify(name)}`);
        return ask({ kind: 'values', label, ...choice(params) }, signal);
      },
    },
    '/series': {
      methods: READ_OR_FORM,
      needsStore: true,
      handle: ({ params, signal }: HttpRequest) => {
        if (!params.has('match[]')) throw new BadRequest('no match[] parameter provided');
        return ask({ kind: 'series', ...choice(params) }, signal);
      },
    },
    '/metadata': {
      methods: READ,
      needsStore: true,
      handle: ({ params, signal }) =>
        ask(
          {
            kind: 'metadata',
            metric: params.get('metric') ?? '',
            limit: countParameter(params, 'limit') ?? -1,
            limitPerMetric: countParameter(params, 'limit_per_metric') ?? -1,
          },
          signal,
        ),
    },
  };
}

function choice(params: URLSearchParams): SeriesChoice {
  return {
    limit: limitParameter(params),
    mint: optionalTime(params, 'start', MIN_TIME_MS),
    maxt: optionalTime(params, 'end', MAX_TIME_MS),
    match: params.getAll('match[]'),
  };
}

/**
 * Prometheus' escaping of names for places that take only old-style names: `U__`, `__` for an underscore, `_hex_` for a code point. A name
 * that is not such an escape stays as it is.
 */
export function unescapeName(escaped: string): string {
  let out = '';
  for (let i = 'U__'.length; i < escaped.length; i++) {
    if (escaped[i] !== '_') {
      out += escaped[i];
      continue;
    }
    if (escaped[i + 1] === '_') {
      out += '_';
      i++;
      continue;
    }
    const hex = /^_([0-9a-fA-F]{1,6})_/.exec(escaped.slice(i, i + 8));
    const code = hex === null ? -1 : Number.parseInt(hex[1]!, 16);
    if (hex === null || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return escaped;
    out += String.fromCodePoint(code);
    i += hex[0].length - 1;
  }
  return out;
}
