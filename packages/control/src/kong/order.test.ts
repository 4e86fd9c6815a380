import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { translate } from '../index.ts';
import { idOf, uuid5 } from './ids.ts';

interface Written {
  readonly name: string;
  readonly id?: string;
  readonly [field: string]: unknown;
}

/** Each list from first to last; every earlier route wins over every later one. */
const LISTS: readonly { readonly why: string; readonly routes: readonly Written[] }[] = [
  {
    why: 'more kinds of conditions first',
    routes: [
      { name: 'four', hosts: ['a'], methods: ['GET'], headers: { x: ['1'] }, paths: ['/'] },
      { name: 'three', methods: ['GET'], headers: { x: ['1'] }, paths: ['/'] },
      { name: 'two', hosts: ['a'], paths: ['/'] },
      { name: 'one', paths: ['/very/long/path/that/counts/little'] },
    ],
  },
  {
    why: 'then exact hosts before wildcards and none',
    routes: [
      { name: 'exact', hosts: ['a.b'], paths: ['/'] },
      { name: 'wild', hosts: ['*.b'], paths: ['/longer'] },
    ],
  },
  {
    why: 'then more headers',
    routes: [
      { name: 'two-headers', headers: { x: ['1'], y: ['1'] }, paths: ['/'] },
      { name: 'one-header', headers: { x: ['1'] }, paths: ['/longer'] },
    ],
  },
  {
    why: 'then longer paths, in bytes',
    routes: [
      { name: 'bytes', paths: ['/äöü'] },
      { name: 'letters', paths: ['/abcd'] },
      { name: 'short', paths: ['/a'] },
    ],
  },
  {
    why: 'then the higher id',
    routes: [
      { name: 'z', id: 'ffffffff-0000-4000-8000-000000000000', paths: ['/a'] },
      { name: 'a', id: '00000000-0000-4000-8000-000000000000', paths: ['/b'] },
    ],
  },
];

test.each(LISTS)('$why', ({ routes }) => {
  expect(order(routes)).toEqual(routes.map(({ name }) => name));
});

test('the order in the file does not count', () => {
  const all = LISTS.flatMap(({ routes }) => routes);
  const expected = order(all);
  fc.assert(
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), (shuffled) => {
      expect(order(shuffled)).toEqual(expected);
    }),
    { seed: 7, numRuns: 50 },
  );
});

test('ids are those that Kong makes', () => {
  // RFC 9562, appendix A.4.
  const dns = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';
  expect(uuid5(dns, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
  expect(idOf('services', 'a')).toBe(uuid5(uuid5('fd02801f-0957-4a15-a55a-c8d9606f30b5', 'services'), 'a'));
  expect(idOf('services', 'a')).not.toBe(idOf('routes', 'a'));
});

function order(routes: readonly Written[]): string[] {
  const text = JSON.stringify({ _format_version: '3.0', routes });
  const { view, problems } = translate({ files: [{ path: 'k.json', text }], listeners: [] });
  expect(problems).toEqual([]);
  return view.routes.map(({ object }) => object.replace('route ', ''));
}
