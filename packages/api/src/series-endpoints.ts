// /labels, /label/:name/values, /series, /metadata.
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
import { ask } from './reply.ts';

export function seriesEndpoints({ query }: ApiDeps): Endpoints {
  return {
    '/labels': {
      methods: READ_OR_FORM,
      needsStore: true,
      handle: (r) => ask(query, { kind: 'labels', ...choice(r.params) }, r),
    },
    '/label/:name/values': {
      methods: READ,
      needsStore: true,
      handle: (r, name) => {
        const label = name.startsWith('U__') ? unescapeName(name) : name;
        if (label === '') throw new BadRequest(`invalid label name: ${JSON.stringify(label)}`);
        return ask(query, { kind: 'values', label, ...choice(r.params) }, r);
      },
    },
    '/series': {
      methods: READ_OR_FORM,
      needsStore: true,
      handle: (r) => {
        if (!r.params.has('match[]')) throw new BadRequest('no match[] parameter provided');
        return ask(query, { kind: 'series', ...choice(r.params) }, r);
      },
    },
    '/metadata': {
      methods: READ,
      needsStore: true,
      handle: (r) =>
        ask(
          query,
          {
            kind: 'metadata',
            metric: r.params.get('metric') ?? '',
            limit: countParameter(r.params, 'limit') ?? -1,
            limitPerMetric: countParameter(r.params, 'limit_per_metric') ?? -1,
          },
          r,
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
