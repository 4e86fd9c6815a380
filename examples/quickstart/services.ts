// The quickstart's three sample services and its light traffic, in one thread of their own. They speak HTTP as any service would and expose
// /metrics; nothing in the gateway or the watch knows that they are ours.
import { Registry } from '@munjigi/model';
import { writeText } from '@munjigi/exposition';
import {
  EnvError,
  type Env,
  type HttpRequest,
  type HttpResponse,
  type Listener,
  type Port,
} from '@munjigi/env';

interface Sample {
  readonly service: string;
  readonly version: string;
  readonly port: number;
  /** Share of requests that answer 503. */
  readonly failing: number;
}

const SAMPLES: readonly Sample[] = [
  { service: 'shop', version: 'v1', port: 8081, failing: 0 },
  { service: 'shop', version: 'v2', port: 8082, failing: 0 },
  { service: 'orders', version: 'v1', port: 8083, failing: 0.05 },
];

/** Requests a second that the traffic sends, by host; the key is the traffic's own. */
const TRAFFIC: readonly { host: string; path: string; every_ms: number; headers: Record<string, string> }[] =
  [
    { host: 'shop.local', path: '/', every_ms: 100, headers: {} },
    { host: 'orders.local', path: '/orders', every_ms: 2500, headers: { apikey: 'traffic-key' } },
  ];

/** `gateway`: where the traffic goes, as http://host:port. */
export async function run(
  env: Env,
  parent: Port,
  data: { gateway: string; traffic: boolean },
): Promise<void> {
  const listeners: Listener[] = [];
  try {
    for (const sample of SAMPLES) listeners.push(await serve(env, sample));
  } catch (error) {
    const message = error instanceof EnvError ? error.message : String(error);
    for (const listener of listeners) await listener.close();
    parent.post({ failed: `a sample service cannot start: ${message}` });
    return;
  }
  let stopped = false;
  parent.receive((message) => {
    if (message === 'go' && data.traffic)
      for (const t of TRAFFIC) void send(env, data.gateway, t, () => stopped);
    if (message === 'stop') {
      stopped = true;
      void Promise.all(listeners.map((listener) => listener.close())).then(() =>
        parent.post({ stopped: true }),
      );
    }
  });
  parent.post({ ready: true });
}

async function serve(env: Env, sample: Sample): Promise<Listener> {
  const registry = new Registry();
  const requests = registry.counter('sample_requests_total', 'Requests answered, by status code.');
  const seconds = registry.histogram(
    'sample_request_duration_seconds',
    'Time to answer.',
    [0.005, 0.01, 0.025, 0.05, 0.1],
  );
  const counted = new Map([200, 503].map((code) => [code, requests.with({ code: String(code) })]));
  return env.http.serve(
    { host: '127.0.0.1', port: sample.port },
    async (request: HttpRequest): Promise<HttpResponse> => {
      if (request.path === '/metrics')
        return {
          status: 200,
          headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
          body: writeText(registry.families()),
        };
      const from = env.clock.monotonic();
      await env.clock.sleep(2 + 15 * env.random.float() ** 3);
      const status = env.random.float() < sample.failing ? 503 : 200;
      counted.get(status)!.add();
      seconds.observe((env.clock.monotonic() - from) / 1000);
      const answer = {
        service: sample.service,
        version: sample.version,
        path: request.path,
        consumer: request.headers['x-consumer-username'],
        ...(status === 200 ? {} : { error: 'this service fails now and then, on purpose' }),
      };
      return { status, headers: { 'content-type': 'application/json' }, body: `${JSON.stringify(answer)}\n` };
    },
  );
}

async function send(
  env: Env,
  gateway: string,
  t: (typeof TRAFFIC)[number],
  stopped: () => boolean,
): Promise<void> {
  while (!stopped()) {
    await env.clock.sleep(t.every_ms * (0.5 + env.random.float()));
    // What is answered shows in the metrics; a refused connection is tried again in the next round.
    await env.http
      .fetch({
        url: `${gateway}${t.path}`,
        headers: { ...t.headers, host: t.host },
        timeout_ms: 5000,
        bodyLimit: 1 << 20,
      })
      .catch(() => undefined);
  }
}
