// What Kong makes of the path, case by case of its own table, against what the route's rewrite says.
import { expect, test } from 'vitest';
import type { PathRewrite, RouteResource } from '@munjigi/proxy';
import { translate } from '../index.ts';

interface Case {
  readonly service: string;
  /** null: the route matches by something else. */
  readonly route: string | null;
  readonly strip: boolean;
  readonly handling: 'v0' | 'v1';
  /** In normal form. */
  readonly request: string;
  readonly expected: string;
}

/** service path, route path, strip, request -> with v0, with v1. */
const TABLE: readonly [string, string | null, boolean, string, string, string][] = [
  ['/', '/', true, '/', '/', '/'],
  ['/', '/', true, '/route/req', '/route/req', '/route/req'],
  ['/', '/route', true, '/route', '/', '/'],
  ['/', '/route', true, '/route/', '/', '/'],
  ['/', '/route', true, '/routereq', '/req', '/req'],
  ['/', '/route', false, '/routereq', '/routereq', '/routereq'],
  ['/', '/route/', true, '/route/req', '/req', '/req'],
  ['/srv', '/rou', false, '/roureq', '/srv/roureq', '/srvroureq'],
  ['/srv', '/rou', true, '/roureq', '/srv/req', '/srvreq'],
  ['/srv/', '/rou', false, '/rou', '/srv/rou', '/srv/rou'],
  ['/srv/', '/rou', true, '/rou', '/srv', '/srv/'],
  ['/service', '/', true, '/', '/service', '/service'],
  ['/service', '/', false, '/', '/service', '/service'],
  ['/service', '/', true, '/route/', '/service/route/', '/serviceroute/'],
  ['/service', '/', false, '/route', '/service/route', '/serviceroute'],
  ['/service', '/route', true, '/route', '/service', '/service'],
  ['/service', '/route', true, '/route/', '/service/', '/service/'],
  ['/service', '/route', true, '/routereq', '/service/req', '/servicereq'],
  ['/service', '/route/', true, '/route/', '/service/', '/service'],
  ['/service', '/route/', true, '/route/req', '/service/req', '/servicereq'],
  ['/service/', '/', false, '/', '/service/', '/service/'],
  ['/service/', '/', true, '/', '/service/', '/service/'],
  ['/service/', '/route', true, '/route', '/service', '/service/'],
  ['/service/', '/route', true, '/route/', '/service/', '/service/'],
  ['/service/', '/route/', true, '/route/req', '/service/req', '/service/req'],
  ['/service', null, true, '/', '/service', '/service'],
  ['/service', null, true, '/route', '/service/route', '/serviceroute'],
  ['/service/', null, false, '/route/', '/service/route/', '/service/route/'],
  ['/service', '/route', true, '/route./req', '/service/req', '/servicereq'],
  ['/service/', '/route', true, '/route../req', '/service/req', '/service/req'],
  ['/service', '/route', false, '/route../req', '/service/route../req', '/serviceroute../req'],
];

const cases: Case[] = TABLE.flatMap(([service, route, strip, request, v0, v1]) => [
  { service, route, strip, request, handling: 'v0' as const, expected: v0 },
  { service, route, strip, request, handling: 'v1' as const, expected: v1 },
]);

test.each(cases)('$service $route strip $strip $handling $request', (one) => {
  expect(upstreamPath(one)).toBe(one.expected);
});

function upstreamPath({ service, route, strip, handling, request }: Case): string {
  const text = JSON.stringify({
    _format_version: '3.0',
    services: [{ name: 's', host: 'h', path: service }],
    routes: [
      {
        name: 'r',
        service: 's',
        strip_path: strip,
        path_handling: handling,
        ...(route === null ? { methods: ['GET'] } : { paths: [route] }),
      },
    ],
  });
  const { resources, problems } = translate({ files: [{ path: 'k.json', text }], listeners: [] });
  expect(problems).toEqual([]);
  const { rewritePath } = resources.find(({ kind }) => kind === 'route') as RouteResource;
  return rewritePath === null ? request : rewritten(rewritePath, request, route ?? '');
}

/** `PathRewrite` read word for word. */
function rewritten(rewrite: PathRewrite, path: string, matched: string): string {
  if (rewrite.kind !== 'join') throw new Error(`Kong's routes only join, not ${rewrite.kind}`);
  const { base, strip, slash } = rewrite;
  const rest = strip ? path.slice(matched === '' ? 1 : matched.length).replace(/^\.\.?(?:\/|$)/, '') : path;
  if (!slash) {
    const tail = strip ? rest : rest.slice(1);
    return base.endsWith('/') && tail.startsWith('/') ? base + tail.slice(1) : base + tail;
  }
  if (!strip && path === '/') return base;
  if (rest !== '') return `${base.replace(/\/$/, '')}/${rest.replace(/^\//, '')}`;
  if (base === '/') return '/';
  return base.replace(/\/$/, '') + (path.length > 1 && path.endsWith('/') ? '/' : '');
}
