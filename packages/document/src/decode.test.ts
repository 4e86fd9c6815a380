import { printProblem } from '@munjigi/model';
import { expect, test } from 'vitest';
import {
  boolean,
  byKind,
  byteSize,
  decode,
  duration,
  enumOf,
  goDuration,
  ignored,
  integer,
  lazy,
  list,
  mapOf,
  nullable,
  number,
  object,
  oneOrMany,
  optional,
  placeOf,
  plain,
  problemAt,
  readDocuments,
  refine,
  refused,
  required,
  scalar,
  string,
  withDefault,
  type DecodeOptions,
  type Decoder,
} from './index.ts';

function run<T>(
  decoder: Decoder<T>,
  text: string,
  options: Partial<DecodeOptions> = {},
): { value: T | undefined; problems: string[] } {
  const read = readDocuments('f', text);
  expect(read.problems).toEqual([]);
  const { value, problems } = decode(read.documents[0]!, decoder, { file: 'f', ...options });
  return { value, problems: problems.map(printProblem) };
}

interface Route {
  weight: number;
  kind: 'a' | 'blue';
}
const route: Decoder<Route> = object({
  weight: withDefault(integer({ min: 0, max: 100 }), 1),
  kind: required(enumOf('a', 'blue')),
});
const spec = object({
  name: required(string({ nonEmpty: true })),
  routes: withDefault(list(route), []),
  timeout: optional(duration()),
  labels: optional(mapOf(string(), (name) => (/^[a-z]+$/.test(name) ? null : 'not a label name'))),
  old: ignored('old is not supported yet: it is ignored'),
  tls: refused('tls is not supported: remove it'),
});

test('reads a mapping by its table', () => {
  const { value, problems } = run(
    spec,
    'name: x\nroutes: [{kind: a, weight: 5}, {kind: blue}]\ntimeout: 1m30s\nlabels: {a: b}\n',
  );
  expect(problems).toEqual([]);
  expect(value).toEqual({
    name: 'x',
    routes: [
      { kind: 'a', weight: 5 },
      { kind: 'blue', weight: 1 },
    ],
    timeout: 90_000,
    labels: new Map([['a', 'b']]),
  });
  expect(placeOf(value!.routes[1]!)).toEqual({ file: 'f', line: 2, column: 32, field: 'routes[1]' });
  expect(problemAt(value!.routes[1]!, 'error', 'no', 'weight')).toMatchObject({
    line: 2,
    field: 'routes[1].weight',
  });
});

test('a warning leaves the value, and null is absent', () => {
  const { value, problems } = run(spec, 'name: x\nold: {a: 1}\ntimeout:\nrouts: []\n', {
    unknownFields: 'warning',
  });
  expect(value).toEqual({ name: 'x', routes: [], timeout: undefined, labels: undefined });
  expect(problems).toEqual([
    'f:2:6: warning: old: old is not supported yet: it is ignored',
    'f:4:1: warning: routs: unknown field, it is ignored: did you mean routes?',
  ]);
});

test('reports everything that is wrong, in the order of the text', () => {
  const { value, problems } = run(
    spec,
    'routes:\n  - {kind: blu, weight: 101}\n  - weight: 1.5\n  - 5\ntimeout: 5\nlabels: {B: c}\ntls: {}\nzzz: 1\n',
  );
  expect(value).toBeUndefined();
  expect(problems).toEqual([
    'f:1:1: error: the field name is required',
    'f:2:12: error: routes[0].kind: wants one of a, blue, got "blu"; did you mean blue?',
    'f:2:25: error: routes[0].weight: must be at most 100, got 101',
    'f:3:5: error: routes[1]: the field kind is required',
    'f:3:13: error: routes[1].weight: wants a whole number, got 1.5',
    'f:4:5: error: routes[2]: wants a mapping, got the number 5',
    'f:5:10: error: timeout: wants a duration such as 30s or 1h30m, got "5"',
    'f:6:10: error: labels.B: not a label name',
    'f:7:6: error: tls: tls is not supported: remove it',
    'f:8:1: error: zzz: unknown field',
  ]);
});

test.each<[what: string, decoder: Decoder<unknown>, text: string, value: unknown]>([
  ['text from a number', string(), '1.50', '1.50'],
  ['text from a boolean', string(), 'on', 'on'],
  ['a boolean', boolean, 'On', true],
  ['a number', number(), '1e3', 1000],
  ['a Go duration', goDuration(), '1.5s', 1500],
  ['zero as duration', duration(), '0', 0],
  ['bytes', byteSize, '512', 512],
  ['kilobytes', byteSize, '10KB', 10_240],
  ['mebibytes', byteSize, '1.5MiB', 1_572_864],
  ['one of one or many', oneOrMany(string()), 'x', ['x']],
  ['many of one or many', oneOrMany(string()), '[x, y]', ['x', 'y']],
  ['by kind', byKind<unknown>({ list: list(scalar), scalar }), '[1, ~]', [1, null]],
  ['nullable', list(nullable(integer())), '[~, 2]', [null, 2]],
  ['refined', refine(integer(), (n) => n * 2), '4', 8],
  ['anything', plain, '{a: [1]}', { a: [1] }],
  ['lazy', lazy(() => string()), 'x', 'x'],
])('decodes %s', (_, decoder, text, value) => {
  expect(run(decoder, text)).toEqual({ value, problems: [] });
});

test.each<[decoder: Decoder<unknown>, text: string, problem: RegExp, options?: Partial<DecodeOptions>]>([
  [string(), '5', /wants text, got the number 5: quote it \("5"\)/, { text: 'strict' }],
  [string(), '~', /wants text, got nothing/],
  [string(), '[a]', /wants text, got a list/],
  [string({ nonEmpty: true }), '""', /must not be empty/],
  [string({ maxLength: 2 }), 'abc', /has 3 characters, at most 2/],
  [string({ pattern: /^a+$/, what: 'a row of a' }), 'b', /"b" is not a row of a/],
  [boolean, '"true"', /wants true or false, got the text "true"/],
  [integer(), '"5"', /wants a whole number, got the text "5"/],
  [integer(), '9007199254740993', /wants a whole number/],
  [number({ min: 1 }), '0', /at least 1, got 0/],
  [duration({ min: 1 }), '0s', /at least 1ms/],
  [goDuration(), '1d', /wants a duration such as 5s/],
  [byteSize, '5X', /wants a size/],
  [byteSize, '5K', /wants a size/],
  [scalar, '{}', /wants a single value, got a mapping/],
  [list(string(), { min: 1 }), '[]', /at least 1 items/],
  [list(string(), { max: 1 }), '[a, b]', /at most 1 items/],
  [byKind({ list: list(string()) }), 'a: 1', /wants a list, got a mapping/],
  [refine(integer(), (_, report) => report('no')), '4', /no/],
])('refuses %#', (decoder, text, problem, options) => {
  const { value, problems } = run(decoder, text, options);
  expect(value).toBeUndefined();
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(problem);
});

test('checks of a whole mapping stand at its fields', () => {
  const both = object(
    { a: optional(integer()), b: optional(integer()) },
    {
      check: (value, report) => {
        if (report.has('a') && report.has('b')) report.error('b', 'at most one of a and b');
        if (value.a === 1) report.warn('', 'one');
      },
    },
  );
  expect(run(both, '{a: 1, b: 2}')).toEqual({
    value: undefined,
    problems: ['f:1:1: warning: one', 'f:1:11: error: b: at most one of a and b'],
  });
  expect(run(both, '{a: 2}').problems).toEqual([]);
});
