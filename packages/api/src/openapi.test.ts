// Every reply against the public OpenAPI description of Prometheus' API, where that data is at hand.
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { createApi } from './api.ts';
import { bodyText, fakeDeps, request } from './testing/fake-deps.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

interface Operation {
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema: Schema }> }>>;
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** A good request for each path that we serve. */
const GOOD: Readonly<Record<string, string>> = {
  '/query': '/query?query=up',
  '/query_range': '/query_range?query=up&start=0&end=10&step=1',
  '/query_exemplars': '/query_exemplars?query=up',
  '/format_query': '/format_query?query=up',
  '/parse_query': '/parse_query?query=up',
  '/labels': '/labels',
  '/label/{name}/values': '/label/job/values',
  '/series': '/series?match[]=up',
  '/metadata': '/metadata',
  '/scrape_pools': '/scrape_pools',
  '/targets': '/targets',
  '/rules': '/rules',
  '/alerts': '/alerts',
  '/alertmanagers': '/alertmanagers',
  '/features': '/features',
  '/status/config': '/status/config',
  '/status/runtimeinfo': '/status/runtimeinfo',
  '/status/buildinfo': '/status/buildinfo',
  '/status/flags': '/status/flags',
  '/status/tsdb': '/status/tsdb',
  '/status/tsdb/blocks': '/status/tsdb/blocks',
  '/admin/tsdb/clean_tombstones': '/admin/tsdb/clean_tombstones',
  '/admin/tsdb/delete_series': '/admin/tsdb/delete_series?match[]=up',
  '/admin/tsdb/snapshot': '/admin/tsdb/snapshot',
  '/status/walreplay': '/status/walreplay',
};

const WITHOUT_DATA: readonly string[] = ['/admin/tsdb/clean_tombstones', '/admin/tsdb/delete_series'];

/** Described but not served: they answer 404. */
const NOT_SERVED: readonly string[] = [
  '/notifications',
  '/otlp/v1/metrics',
  '/query_cost',
  '/query_range_cost',
  '/read',
  '/scrape_pools/config',
  '/search/label_names',
  '/search/label_values',
  '/search/metric_names',
  '/status/self_metrics',
  '/targets/metadata',
  '/targets/relabel_steps',
  '/write',
];

const DATA =
  process.env['MUNJIGI_CONFORMANCE'] ??
  fileURLToPath(new URL('../../../../shared/conformance', import.meta.url));
const FILE = `${DATA}/metrics/http-api/openapi/openapi_3.1_golden.yaml`;

describe.skipIf(!existsSync(FILE))('as described', () => {
  const description = existsSync(FILE)
    ? (parse(readFileSync(FILE, 'utf8')) as Description)
    : { paths: {}, components: { schemas: {} } };
  const served = Object.entries(GOOD).flatMap(([path, target]) =>
    Object.keys(description.paths[path] ?? {})
      .filter((method) => ['get', 'post', 'put'].includes(method))
      .map((method) => ({ path, method, target })),
  );

  test('each path is served or known not to be', () => {
    expect([...Object.keys(GOOD), ...NOT_SERVED].sort()).toEqual(Object.keys(description.paths).sort());
  });

  test.for(served)('$method $path', async ({ path, method, target }) => {
    const response = await createApi(fakeDeps())(request(`${method.toUpperCase()} /api/v1${target}`));
    const schema = description.paths[path]![method]!.responses['200']!.content!['application/json']!.schema;
    // Not as described, but as Prometheus does: what has no data has no body.
    if (WITHOUT_DATA.includes(path)) return expect([response.status, bodyText(response)]).toEqual([204, '']);
    expect(response.status).toBe(200);
    expect(differences(JSON.parse(bodyText(response)), schema, '', description)).toEqual([]);
  });

  test.for(['/query?time=x', '/nothing', '/status/tsdb?limit=0'])('error of %s', async (target) => {
    const response = await createApi(fakeDeps())(request(`GET /api/v1${target}`));
    const schema = { $ref: '#/components/schemas/Error' };
    expect(differences(JSON.parse(bodyText(response)), schema, '', description)).toEqual([]);
  });

  test.for(NOT_SERVED.map((path) => [path]))('%s is not served', async ([path]) => {
    const response = await createApi(fakeDeps())(request(`GET /api/v1${path!}`));
    expect(response.status).toBe(404);
  });
});

test('the checker itself sees what is wrong', () => {
  const description: Description = { paths: {}, components: { schemas: { N: { type: 'integer' } } } };
  const schema: Schema = {
    type: 'object',
    properties: { a: { $ref: '#/components/schemas/N' }, b: { type: 'array', items: { type: 'string' } } },
    required: ['a'],
    additionalProperties: false,
  };
  expect(differences({ a: 1, b: ['x'] }, schema, '', description)).toEqual([]);
  expect(differences({ a: 1.5, b: [2], c: 0 }, schema, '', description)).toEqual([
    '.a: not integer',
    '.b[0]: not string',
    '.c: not described',
  ]);
  expect(differences({}, schema, '', description)).toEqual(['.a: missing']);
});

/** Where a value departs from its schema. */
function differences(value: unknown, schema: Schema, at: string, description: Description): string[] {
  if (schema.$ref !== undefined)
    return differences(
      value,
      description.components.schemas[schema.$ref.split('/').pop()!]!,
      at,
      description,
    );
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) {
    const tries = choices.map((choice) => differences(value, choice, at, description));
    return tries.some((found) => found.length === 0) ? [] : tries.flat();
  }
  if (schema.type !== undefined && !hasType(value, schema.type)) return [`${at}: not ${schema.type}`];
  if (schema.enum !== undefined && !schema.enum.includes(value)) return [`${at}: ${String(value)}`];
  const found: string[] = [];
  if (Array.isArray(value)) {
    if (value.length < (schema.minItems ?? 0) || value.length > (schema.maxItems ?? Infinity))
      found.push(`${at}: ${value.length} items`);
    const { items } = schema;
    if (items !== undefined)
      for (const [i, item] of value.entries())
        found.push(...differences(item, items, `${at}[${i}]`, description));
  } else if (typeof value === 'object' && value !== null) {
    for (const name of schema.required ?? []) if (!(name in value)) found.push(`${at}.${name}: missing`);
    for (const [name, field] of Object.entries(value)) {
      const inner = schema.properties?.[name];
      const rest = schema.additionalProperties;
      if (inner !== undefined) found.push(...differences(field, inner, `${at}.${name}`, description));
      else if (rest === false) found.push(`${at}.${name}: not described`);
      else if (typeof rest === 'object')
        found.push(...differences(field, rest, `${at}.${name}`, description));
    }
  }
  return found;
}

function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}
