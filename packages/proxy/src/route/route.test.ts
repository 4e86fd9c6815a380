import { describe, expect, it } from 'vitest';
import { Head, scanRequest } from '../http1/head.ts';
import type { PathRewrite, RouteMatch } from '../snapshot.ts';
import { checkEdits, compileEdits } from './edits.ts';
import { Hosts } from './hosts.ts';
import { isNormal, normalize, normalPath } from './path.ts';
import { rewritePath } from './rewrite.ts';
import { Rules } from './rules.ts';

describe('paths', () => {
  it.each([
    ['/', '/'],
    ['/a/b', '/a/b'],
    ['/a/', '/a/'],
    ['/a//b///', '/a/b/'],
    ['//', '/'],
    ['/./a', '/a'],
    ['/a/.', '/a/'],
    ['/a/..', '/'],
    ['/a/../..', '/'],
    ['/../../a', '/a'],
    ['/a/./b/../c', '/a/c'],
    ['/%61%2E%2e', '/a..'],
    ['/x/%2e%2e/a', '/a'],
    ['/x/.%2e/a', '/a'],
    ['/a%2fb', '/a%2Fb'],
    ['/a%2Fb', '/a%2Fb'],
    ['/%c3%a9', '/%C3%A9'],
    ['/%', '/%'],
    ['/%4', '/%4'],
    ['/%zz', '/%zz'],
    ['/...', '/...'],
    ['/.a/..b', '/.a/..b'],
    ['/a;x=1', '/a;x=1'],
    ['/%252e%252e/a', '/%252e%252e/a'],
    ['/a\\..\\b', '/a\\..\\b'],
    ['/a/%2e', '/a/'],
  ])('%s is %s', (path, normal) => {
    const b = Buffer.from(path, 'latin1');
    const out = Buffer.alloc(b.length + 1);
    const n = normalize(out, b, 0, b.length);
    expect(out.toString('latin1', 0, n)).toBe(normal);
    // The quick test never calls something normal that isn't; and a normal form stays as it is.
    expect(isNormal(b, 0, b.length) && path !== normal).toBe(false);
    expect(normalPath(normal)).toBe(normal);
  });

  it('an encoded NUL has no normal form', () => {
    const b = Buffer.from('/a%00');
    expect(normalize(Buffer.alloc(8), b, 0, b.length)).toBe(-1);
  });

  it('a path of a configuration may hold any characters', () => {
    expect(normalPath('/é a')).toBe('/%C3%A9%20a');
  });

  const join = (base: string, strip: boolean, slash: boolean): PathRewrite => ({
    kind: 'join',
    base,
    strip,
    slash,
  });
  it.each<readonly [rewrite: PathRewrite, path: string, matched: number, to: string]>([
    [{ kind: 'replaceFull', to: '/x' }, '/a/b', 2, '/x'],
    [{ kind: 'replacePrefix', to: '/x' }, '/a/b', 2, '/x/b'],
    [{ kind: 'replacePrefix', to: '/' }, '/a/b', 2, '/b'],
    [{ kind: 'replacePrefix', to: '' }, '/a', 2, '/'],
    [{ kind: 'replacePrefix', to: '/x/' }, '/a/', 2, '/x/'],
    [{ kind: 'replacePrefix', to: '/x' }, '/a/b', 0, '/x/a/b'],
    [{ kind: 'replacePrefix', to: '/v2/' }, '/v1/b', 4, '/v2/b'],
    [{ kind: 'replacePrefix', to: '/x' }, '/apple', 4, '/x/le'],
    [join('/', true, true), '/a/b', 2, '/b'],
    [join('/', true, true), '/a', 2, '/'],
    [join('/s', true, true), '/a/b', 2, '/s/b'],
    [join('/s', true, true), '/a', 2, '/s'],
    [join('/s', true, true), '/a/', 3, '/s/'],
    [join('/s/', true, true), '/a', 2, '/s'],
    [join('/s', true, true), '/ab', 2, '/s/b'],
    [join('/s', true, true), '/a../b', 2, '/s/b'],
    [join('/s', true, false), '/ab', 2, '/sb'],
    [join('/s/', true, false), '/a/b', 2, '/s/b'],
    [join('/s', false, true), '/a/b', 2, '/s/a/b'],
    [join('/s/', false, true), '/', 1, '/s/'],
    [join('/s', false, false), '/a', 2, '/sa'],
    [join('/s', true, true), '/a/b', 0, '/s/a/b'],
  ])('%j makes %s (%i) %s', (rewrite, path, matched, to) => {
    expect(rewritePath(rewrite, path, matched)).toBe(to);
  });
});

describe('hosts', () => {
  const hosts = new Hosts<string>();
  for (const pattern of ['shop.local', '*.shop.local', '*.local', '*', '*.a.shop.local'])
    hosts.add(pattern, pattern);
  it.each([
    ['shop.local', 'shop.local'],
    ['SHOP.Local.', 'shop.local'],
    ['x.shop.local', '*.shop.local'],
    ['y.x.shop.local', '*.shop.local'],
    ['y.a.shop.local', '*.a.shop.local'],
    ['a.shop.local', '*.shop.local'],
    ['b.local', '*.local'],
    ['local', '*'],
    ['[::1]', '*'],
  ])('%s is served by %s', (host, pattern) => {
    expect(hosts.find(host)).toBe(pattern);
  });

  it('knows a pattern once, and nothing that was not said', () => {
    expect([hosts.add('*', 'x'), hosts.add('*.local', 'x'), hosts.add('shop.local', 'x')]).toEqual([
      false,
      false,
      false,
    ]);
    const few = new Hosts<string>();
    few.add('*.b', 'b');
    expect([few.find('b'), few.find('a.b'), few.find('a.b.c'), few.find('.b')]).toEqual([
      null,
      'b',
      null,
      null,
    ]);
  });
});

const h = new Head();
function find(rules: Rules<string>, line: string, headers = ''): string | null {
  const b = Buffer.from(`${line} HTTP/1.1\r\nHost: a\r\n${headers}\r\n`, 'latin1');
  if (scanRequest(h, b, 0, b.length) <= 0) throw new Error(`bad test request ${line}`);
  return rules.find(b, h.targetFrom, h.pathTo, b, h);
}

describe('rules', () => {
  const match = (change: Partial<RouteMatch>): RouteMatch => ({
    path: null,
    methods: null,
    headers: [],
    ...change,
  });
  const path = (kind: 'exact' | 'prefix' | 'stringPrefix', value: string): RouteMatch =>
    match({ path: { kind, value } });
  const list: readonly { route: string; matches: RouteMatch[] }[] = [
    {
      route: 'header',
      matches: [
        match({
          headers: [
            { name: 'x-v', kind: 'exact', values: ['1', '2'] },
            { name: 'x-p', kind: 'present', values: [] },
          ],
        }),
      ],
    },
    { route: 'exact', matches: [path('exact', '/a')] },
    { route: 'post', matches: [match({ path: { kind: 'prefix', value: '/a/' }, methods: ['POST', 'PUT'] })] },
    { route: 'prefix', matches: [path('prefix', '/a'), path('prefix', '/z/')] },
    { route: 'string', matches: [path('stringPrefix', '/ab')] },
    { route: 'pre', matches: [match({ headers: [{ name: 'x-v', kind: 'prefix', values: ['ab'] }] })] },
    {
      route: 'case',
      matches: [match({ headers: [{ name: 'x-v', kind: 'exact', values: ['mixed'], ignoreCase: true }] })],
    },
    { route: 'rest', matches: [path('prefix', '/')] },
  ];
  const cases: readonly (readonly [line: string, headers: string, route: string])[] = [
    ['GET /a', '', 'exact'],
    ['GET /a/', '', 'prefix'],
    ['GET /a/b?c', '', 'prefix'],
    ['POST /a/b', '', 'post'],
    ['PUT /a/b', '', 'post'],
    ['GET /abc', '', 'string'],
    ['GET /ab', '', 'string'],
    ['GET /A', '', 'rest'],
    ['GET /z', '', 'prefix'],
    ['GET /zz', '', 'rest'],
    ['GET /', 'X-V: 2\r\nX-P:\r\n', 'header'],
    ['GET /', 'X-V: 2\r\n', 'rest'],
    ['GET /', 'X-V: 0\r\nX-V: 1\r\nx-p: a\r\n', 'header'],
    ['GET /', 'X-V: abc\r\n', 'pre'],
    ['GET /', 'X-V: MiXeD\r\n', 'case'],
  ];
  it.each(cases)('%s with %j is for %s', (line, headers, route) => {
    expect(find(new Rules(list), line, headers)).toBe(route);
  });

  it('many rules are found as few are', () => {
    // The same rules behind others that match nothing: above the size from which the maps are used.
    const filler = Array.from({ length: 50 }, (_, i) => ({
      route: `f${i}`,
      matches: [path('exact', `/filler/${i}`)],
    }));
    const rules = new Rules([...filler, ...list]);
    for (const [line, headers, route] of cases)
      expect([line, find(rules, line, headers)]).toEqual([line, route]);
    expect(find(rules, 'GET /filler/7')).toBe('f7');
    // And at random: a walk over single-rule tables is the reference.
    let seed = 7;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % n;
    };
    const word = (): string =>
      `/${'ab'.charAt(random(2))}${'ab/'.charAt(random(4))}${'ab'.charAt(random(3))}`;
    const kinds = ['exact', 'prefix', 'stringPrefix'] as const;
    for (let round = 0; round < 20; round++) {
      const some = Array.from({ length: 40 }, (_, i) => ({
        route: String(i),
        matches: [
          {
            ...path(kinds[random(3)]!, word() + (random(3) === 0 ? word() : '')),
            methods: random(4) === 0 ? ['PUT'] : null,
          },
        ],
      }));
      const all = new Rules(some);
      for (let k = 0; k < 40; k++) {
        const line = `GET ${normalPath(word() + (random(2) === 0 ? word() : ''))}`;
        const expected = some.find((one) => find(new Rules([one]), line) !== null)?.route ?? null;
        expect([line, find(all, line)]).toEqual([line, expected]);
      }
    }
  });

  it('no match at all matches everything', () => {
    expect(find(new Rules([{ route: 'x', matches: [] }]), 'GET /y')).toBe('x');
    expect(find(new Rules<string>([]), 'GET /y')).toBe(null);
  });
});

describe('header edits', () => {
  it('later ones win', () => {
    const e = compileEdits(
      {
        remove: ['a'],
        set: [
          ['b', '1'],
          ['c', '1'],
        ],
        add: [['d', '1']],
      },
      {
        remove: ['c'],
        set: [
          ['b', '2'],
          ['host', 'x'],
        ],
        add: [['d', '2']],
      },
    );
    expect(e.lines.toString()).toBe('d: 1\r\nb: 2\r\nd: 2\r\n');
    expect(e.drop.map(String)).toEqual(['a', 'b', 'c'].map((s) => String(Buffer.from(s))));
    expect(String(e.host)).toBe('x');
  });

  it.each([
    [{ remove: ['Connection'], set: [], add: [] }, 'lower case'],
    [{ remove: ['connection'], set: [], add: [] }, "can't be edited"],
    [{ remove: [], set: [['content-length', '1']] as const, add: [] }, "can't be edited"],
    [{ remove: [], set: [['x', 'a\r\nb: c']] as const, add: [] }, 'control character'],
    [{ remove: ['host'], set: [], add: [] }, 'not removed'],
    [{ remove: [], set: [], add: [['x', 'y'.repeat(20_000)]] as const }, 'limit'],
  ])('refuses %#: %o', (edits, why) => {
    expect(checkEdits(edits).join()).toContain(why);
  });
});
