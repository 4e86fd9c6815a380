// The program on a configuration of its own: changes under load, refused changes, ports and directories already taken.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ask,
  eventually,
  freePort,
  killAll,
  munjigi,
  query,
  temporaryFolder,
  type Program,
} from './program.ts';

interface Setting {
  readonly dir: string;
  readonly gateway: string;
  readonly console: string;
  readonly proxyPort: number;
  readonly consolePort: number;
  weights(a: number, b: number): void;
}

const upstreams: http.Server[] = [];
let folder: { path: string; remove(): void };
let ports: number[] = [];

beforeAll(async () => {
  folder = temporaryFolder();
  for (const name of ['a', 'b']) {
    const server = http.createServer((_, response) => response.end(name));
    server.keepAliveTimeout = 0;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    upstreams.push(server);
  }
  ports = upstreams.map((server) => (server.address() as net.AddressInfo).port);
});
afterEach(killAll);
afterAll(() => {
  for (const server of upstreams) {
    server.closeAllConnections();
    server.close();
  }
  folder.remove();
});

const istio = (a: number, b: number): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ab }
spec:
  hosts: [ab.local]
  gateways: [web]
  http:
    - name: ab
      route:
        - { destination: { host: ab, subset: a }, weight: ${a} }
        - { destination: { host: ab, subset: b }, weight: ${b} }
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: { name: web }
spec:
  servers: [{ port: { number: 80, name: http, protocol: HTTP }, hosts: ["*"] }]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: ab }
spec:
  host: ab
  subsets: [{ name: a, labels: { v: a } }, { name: b, labels: { v: b } }]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: ab }
spec:
  hosts: [ab]
  ports: [{ number: 80, name: http, protocol: HTTP }]
  resolution: STATIC
  endpoints:
    - { address: 127.0.0.1, ports: { http: ${ports[0]} }, labels: { v: a } }
    - { address: 127.0.0.1, ports: { http: ${ports[1]} }, labels: { v: b } }
`;

async function setting(name: string): Promise<Setting> {
  const dir = join(folder.path, name);
  mkdirSync(join(dir, 'gateway'), { recursive: true });
  const [proxyPort, consolePort] = [await freePort(), await freePort()];
  writeFileSync(
    join(dir, 'munjigi.yaml'),
    `gateway:
  listen: [{ port: ${proxyPort}, address: 127.0.0.1 }]
  workers: 2
  access_log: ./access.log
  sources: { files: [./gateway] }
metrics:
  config: ./prometheus.yml
console: { listen: 127.0.0.1:${consolePort} }
`,
  );
  writeFileSync(
    join(dir, 'prometheus.yml'),
    `global: { scrape_interval: 1s }\nscrape_configs:\n  - job_name: munjigi\n    static_configs: [{ targets: ["127.0.0.1:${consolePort}"] }]\n`,
  );
  const weights = (a: number, b: number): void => writeFileSync(join(dir, 'gateway/ab.yaml'), istio(a, b));
  weights(100, 0);
  const [gateway, console] = [`http://127.0.0.1:${proxyPort}`, `http://127.0.0.1:${consolePort}`];
  return { dir, gateway, console, proxyPort, consolePort, weights };
}

async function up(s: Setting): Promise<Program> {
  const program = munjigi(['up', '--config', 'munjigi.yaml'], s.dir);
  await program.printed(/munjigi is ready/);
  return program;
}

const host = { host: 'ab.local' };
const version = async (s: Setting): Promise<number> => {
  const { data } = JSON.parse((await ask(`${s.console}/api/v1/munjigi/gateway`)).body) as {
    data: { version: number };
  };
  return data.version;
};

describe('changes of the gateway', () => {
  it('a change is live within a second', async () => {
    const s = await setting('live');
    await up(s);
    expect((await ask(s.gateway, { headers: host })).body).toBe('a');
    s.weights(0, 100);
    const from = performance.now();
    await eventually(
      () => ask(s.gateway, { headers: host }),
      ({ body }) => body === 'b',
      5000,
    );
    expect(performance.now() - from).toBeLessThan(2000); // a second on a machine that does nothing else
  });

  it('200 valid changes under load fail no request', async () => {
    const s = await setting('load');
    const program = await up(s);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
    const stop = { now: false };
    let requests = 0;
    const failures: string[] = [];
    const client = async (): Promise<void> => {
      while (!stop.now) {
        requests++;
        try {
          const { status, body } = await ask(s.gateway, { headers: host, agent });
          if (status !== 200 || !/^[ab]$/.test(body)) failures.push(`${status} ${body}`);
        } catch (error) {
          failures.push(String(error));
        }
      }
    };
    const clients = Array.from({ length: 16 }, client);
    for (let i = 1; i <= 200; i++) {
      const before = await version(s);
      s.weights(100 - (i % 100), i % 100);
      // A reload answers when the change serves everywhere; the file watch may have been first.
      const reply = await ask(`${s.console}/-/reload`, { method: 'POST' });
      expect(reply.status, reply.body).toBe(200);
      expect(await version(s)).toBeGreaterThan(before);
    }
    stop.now = true;
    await Promise.all(clients);
    agent.destroy();
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(1000);
    expect((await program.stop()).code).toBe(0);
  });

  it('one invalid file among good ones refuses the whole change and names every fault', async () => {
    const s = await setting('refused');
    await up(s);
    s.weights(0, 100);
    writeFileSync(
      join(s.dir, 'gateway/bad.yaml'),
      `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: bad }
spec:
  hosts: [bad.local]
  gateways: [web]
  http:
    - route:
        - destination: { host: ab, subset: nosuch }
          weight: heavy
`,
    );
    writeFileSync(
      join(s.dir, 'gateway/kong.yaml'),
      `_format_version: "3.0"\nservices:\n  - name: x\n    host: 127.0.0.1\n    port: 99999\n    routes: [{ name: x, hosts: [x.local], paths: [/] }]\n`,
    );
    const reply = await ask(`${s.console}/-/reload`, { method: 'POST' });
    expect(reply.status).toBe(500);
    expect(reply.body).toMatch(/bad\.yaml:10:\d+: error: .*weight/);
    expect(reply.body).toMatch(/kong\.yaml:5:\d+: error: .*port/);
    expect((await ask(s.gateway, { headers: host })).body).toBe('a');
    const { data } = JSON.parse((await ask(`${s.console}/api/v1/munjigi/gateway`)).body) as {
      data: { lastChange: { ok: boolean }; problems: unknown[] };
    };
    expect(data.lastChange.ok).toBe(false);
    expect(data.problems.length).toBeGreaterThanOrEqual(2);
    await eventually(
      () => query(s.console, 'prometheus_config_last_reload_successful'),
      (result) => result[0]?.value[1] === '0',
    );
  });

  it('a bad prometheus.yml refuses a good gateway change too', async () => {
    const s = await setting('whole');
    await up(s);
    s.weights(0, 100);
    writeFileSync(join(s.dir, 'prometheus.yml'), 'scrape_configs: [{ job_nam: x }]\n');
    const reply = await ask(`${s.console}/-/reload`, { method: 'POST' });
    expect(reply.status).toBe(500);
    expect(reply.body).toMatch(/prometheus\.yml:1:\d+: error: .*job_nam/);
    expect((await ask(s.gateway, { headers: host })).body).toBe('a');
  });
});

describe('bad input', () => {
  it('check names three faults in two files, each with its place', async () => {
    const s = await setting('check');
    writeFileSync(
      join(s.dir, 'gateway/ab.yaml'),
      istio(100, 0)
        .replace('weight: 0', 'weight: -1')
        .replace('gateways: [web]', 'gateway: [web]\n  gateways: [nosuch]'),
    );
    writeFileSync(join(s.dir, 'prometheus.yml'), 'global: { scrape_interval: often }\n');
    const program = munjigi(['check', 'munjigi.yaml'], s.dir);
    expect(await program.ended).toBe(2);
    const out = program.output();
    expect(out).toMatch(/gateway\/ab\.yaml:\d+:\d+: error: .*weight/);
    expect(out).toMatch(/gateway\/ab\.yaml:\d+:\d+: (error|warning): .*gateway/);
    expect(out).toMatch(/prometheus\.yml:1:\d+: error: .*scrape_interval/);
  });

  it('a port in use is named', async () => {
    const s = await setting('port');
    const taken = net.createServer().listen(s.proxyPort, '127.0.0.1');
    await once(taken, 'listening');
    const program = munjigi(['up', '--config', 'munjigi.yaml'], s.dir);
    const code = await program.ended;
    taken.close();
    expect(code).toBe(1);
    expect(program.output()).toMatch(new RegExp(`${s.proxyPort}`));
    expect(program.output()).toMatch(/in use/);
  });

  it("the console's port in use is named", async () => {
    const s = await setting('console-port');
    const taken = net.createServer().listen(s.consolePort, '127.0.0.1');
    await once(taken, 'listening');
    const program = munjigi(['up', '--config', 'munjigi.yaml'], s.dir);
    const code = await program.ended;
    taken.close();
    expect(code).toBe(1);
    expect(program.output()).toMatch(new RegExp(`${s.consolePort}.*in use|in use.*${s.consolePort}`));
  });

  it('a second process on the same data directory is refused', async () => {
    const s = await setting('second');
    await up(s);
    const [proxyPort, consolePort] = [await freePort(), await freePort()];
    const text = readFileSync(join(s.dir, 'munjigi.yaml'), 'utf8');
    writeFileSync(
      join(s.dir, 'second.yaml'),
      text
        .replace(String(s.proxyPort), String(proxyPort))
        .replace(String(s.consolePort), String(consolePort)),
    );
    const second = munjigi(['up', '--config', 'second.yaml'], s.dir);
    expect(await second.ended).toBe(1);
    expect(second.output()).toMatch(/data\/metrics.*(in use|held|locked|another process)/);
    expect((await ask(s.gateway, { headers: host })).body).toBe('a');
  });
});
