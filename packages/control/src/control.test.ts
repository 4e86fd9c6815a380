import { expect, test } from 'vitest';
import { printProblem } from '@munjigi/model';
import { simWorld } from '@munjigi/env/sim';
import type { Resource } from '@munjigi/proxy';
import { createControl, translate, type Control, type Loaded } from './index.ts';

const LISTENERS = [{ address: '0.0.0.0', port: 8000 }];

const SHOP = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: web }
spec: { servers: [{ port: { number: 8000, name: http, protocol: HTTP }, hosts: ['*'] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: shop }
spec:
  hosts: [shop.local]
  gateways: [web]
  http:
    - route:
        - { destination: { host: shop, subset: v1 }, weight: 90 }
        - { destination: { host: shop, subset: v2 }, weight: 10 }
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: shop }
spec: { host: shop, subsets: [{ name: v1, labels: { v: '1' } }, { name: v2, labels: { v: '2' } }] }
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: shop }
spec:
  hosts: [shop]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints: [{ address: 10.0.0.1, labels: { v: '1' } }, { address: 10.0.0.2, labels: { v: '2' } }]
`;

const ORDERS = `_format_version: '3.0'
services:
  - name: orders
    host: pool
    routes: [{ name: orders, hosts: [orders.local], paths: [/] }]
upstreams:
  - { name: pool, targets: [{ target: '10.0.1.1:80', weight: 100 }] }
consumers:
  - { username: demo, keyauth_credentials: [{ key: demo }] }
plugins:
  - { name: key-auth }
  - { name: rate-limiting, config: { minute: 30 } }
`;

class Bench {
  readonly #world = simWorld(1);
  readonly control: Control = createControl(this.#world.env);

  async write(name: string, text: string): Promise<void> {
    const { files } = this.#world.env;
    files.makeDir('gateway/sub');
    await files.writeWhole(`gateway/${name}`, new TextEncoder().encode(text));
  }

  load(): Promise<Loaded> {
    return this.control.load({ folders: ['gateway'], listeners: LISTENERS });
  }

  /** Writes, loads, commits; the names of what was set and removed. */
  async change(name: string, text: string): Promise<string[]> {
    await this.write(name, text);
    const { delta, problems } = await this.load();
    if (delta === null) return problems.map(printProblem);
    this.control.committed(delta.version);
    return [
      ...delta.set.map((resource: Resource) => resource.name),
      ...delta.remove.map((gone) => `-${gone}`),
    ];
  }
}

async function running(): Promise<Bench> {
  const bench = new Bench();
  await bench.change('shop.yaml', SHOP);
  await bench.change('sub/orders.yaml', ORDERS);
  return bench;
}

const CHANGES: readonly {
  what: string;
  file: string;
  from: string;
  to: string;
  changed: readonly string[];
}[] = [
  { what: 'nothing', file: 'shop.yaml', from: 'kind: Gateway', to: 'kind: Gateway # the door', changed: [] },
  {
    what: 'a weight',
    file: 'shop.yaml',
    from: 'weight: 90',
    to: 'weight: 80',
    changed: ['split/istio/default/shop/0'],
  },
  {
    what: 'an endpoint',
    file: 'shop.yaml',
    from: '10.0.0.2',
    to: '10.0.0.3',
    changed: ['endpoints/istio/shop:80/v2'],
  },
  {
    what: 'a target',
    file: 'sub/orders.yaml',
    from: 'weight: 100',
    to: 'weight: 0',
    changed: ['endpoints/kong/upstream/pool'],
  },
  {
    what: 'a limit',
    file: 'sub/orders.yaml',
    from: 'minute: 30',
    to: 'minute: 60',
    changed: ['filter/kong/rate-limiting'],
  },
  {
    what: 'a key',
    file: 'sub/orders.yaml',
    from: 'key: demo',
    to: 'key: other',
    changed: ['secret/kong/key-auth'],
  },
  {
    what: 'a host',
    file: 'shop.yaml',
    from: 'hosts: [shop.local]',
    to: 'hosts: [buy.local]',
    changed: [
      'host/istio/0.0.0.0:8000/buy.local',
      'listener/0.0.0.0:8000',
      '-host/istio/0.0.0.0:8000/shop.local',
    ],
  },
  {
    what: 'no more Kong',
    file: 'sub/orders.yaml',
    from: ORDERS,
    to: '# empty',
    changed: [
      'host/none/0.0.0.0:8000/*',
      'listener/0.0.0.0:8000',
      '-cluster/kong/orders',
      '-endpoints/kong/upstream/pool',
      '-filter/kong/key-auth',
      '-filter/kong/rate-limiting',
      '-host/kong/orders.local',
      '-route/kong/orders',
      '-secret/kong/key-auth',
      '-split/kong/orders',
    ],
  },
];

test.each(CHANGES)('a change of $what travels alone', async ({ file, from, to, changed }) => {
  const bench = await running();
  const before = file === 'shop.yaml' ? SHOP : ORDERS;
  expect(before).toContain(from);
  expect(await bench.change(file, before.replace(from, to))).toEqual(changed);
});

test('with nothing to serve the listener still answers', async () => {
  const bench = new Bench();
  await bench.write('notes.txt', 'not read');
  const { delta, view } = await bench.load();
  expect(delta?.set.map(({ name }) => name)).toEqual(['host/none/0.0.0.0:8000/*', 'listener/0.0.0.0:8000']);
  expect(view.listeners[0]!.hosts).toEqual([
    { name: 'host/none/0.0.0.0:8000/*', pattern: '*', dialect: null, routes: [] },
  ]);
});

test('one error anywhere and nothing is applied; all errors of all files are told', async () => {
  const bench = await running();
  await bench.write(
    'shop.yaml',
    SHOP.replace('subset: v2', 'subset: v3').replace('weight: 90', 'weight: -1'),
  );
  await bench.write('sub/orders.yaml', ORDERS.replace('paths: [/]', 'pahts: [/], strip_path: 1'));
  const { delta, problems } = await bench.load();
  expect(delta).toBeNull();
  expect(problems.map(printProblem)).toEqual([
    'gateway/shop.yaml:14:62: error: spec.http[0].route[0].weight: must be at least 0, got -1',
    'gateway/sub/orders.yaml:5:53: warning: services[0].routes[0].pahts: unknown field, it is ignored: did you mean paths?',
    'gateway/sub/orders.yaml:5:77: error: services[0].routes[0].strip_path: wants true or false, got the number 1',
  ]);
  const { version, set } = bench.control.running();
  expect(version).toBe(2);
  expect(set.map(({ name }) => name)).toContain('split/istio/default/shop/0');
});

test.each([
  ['', 1, 'error'],
  ['\n \n', 1, 'error'],
  ['# later\n', 1, 'warning'],
])('a file without a document: %j', (text, line, severity) => {
  const { problems } = translate({ files: [{ path: 'a.yaml', text }], listeners: [] });
  expect(problems).toMatchObject([{ file: 'a.yaml', line, severity }]);
});

test('three faults in two files', async () => {
  const bench = new Bench();
  await bench.write(
    'a.yaml',
    SHOP.replace('subset: v2', 'subset: v3').replace('number: 80,', 'number: 808080,'),
  );
  await bench.write('b.yaml', ORDERS.replace('name: rate-limiting', 'name: ip-restriction'));
  const { problems } = await bench.load();
  expect(problems.map((p) => `${p.file}:${p.line}:${p.column} ${p.field}`)).toEqual([
    'gateway/a.yaml:15:48 spec.http[0].route[1].destination.subset',
    'gateway/a.yaml:27:21 spec.ports[0].number',
    'gateway/b.yaml:12:13 plugins[1].name',
  ]);
});

test('what was not committed is compared again', async () => {
  const bench = await running();
  await bench.write('shop.yaml', SHOP.replace('weight: 90', 'weight: 80'));
  const first = await bench.load();
  const second = await bench.load();
  expect(second.delta!.set).toEqual(first.delta!.set);
  expect([second.delta!.base, second.delta!.version]).toEqual([2, first.delta!.version + 1]);
  bench.control.committed(first.delta!.version);
  expect(bench.control.running().version).toBe(2);
  bench.control.committed(second.delta!.version);
  expect((await bench.load()).delta).toBeNull();
});
