// What the mock server knows: series whose values are formulas of time, so that every run and every reload shows the same.

interface MockSeries {
  readonly labels: Readonly<Record<string, string>>;
  /** Value at a time in seconds. */
  readonly at: (t_s: number) => number;
}

export interface MockFamily {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly series: readonly MockSeries[];
}

interface MockRoute {
  readonly service: string;
  readonly route: string;
  /** Mean requests a second. */
  readonly rate: number;
  /** Share of 5xx, healthy and in trouble. */
  readonly failing: readonly [number, number];
  /** Median seconds. */
  readonly latency_s: number;
  readonly dialect: string;
  readonly match: string;
  readonly host: string;
  readonly split: readonly (readonly [upstream: string, weight: number])[];
  readonly filters: readonly string[];
}

export const MOCK_ROUTES: readonly MockRoute[] = [
  {
    service: 'shop',
    route: 'storefront',
    rate: 182,
    failing: [0.0004, 0.0004],
    latency_s: 0.011,
    dialect: 'kong',
    host: 'shop.example',
    match: '/',
    split: [['shop', 100]],
    filters: ['rate-limiting'],
  },
  {
    service: 'reviews',
    route: 'reviews',
    rate: 64,
    failing: [0, 0.021],
    latency_s: 0.023,
    dialect: 'istio',
    host: 'shop.example',
    match: '/reviews',
    split: [
      ['reviews-v1', 90],
      ['reviews-v2', 10],
    ],
    filters: [],
  },
  {
    service: 'checkout',
    route: 'checkout',
    rate: 12.4,
    failing: [0.0002, 0.124],
    latency_s: 0.048,
    dialect: 'kong',
    host: 'shop.example',
    match: 'POST /checkout',
    split: [['checkout', 100]],
    filters: ['key-auth', 'rate-limiting'],
  },
  {
    service: 'search',
    route: 'search',
    rate: 41,
    failing: [0, 0],
    latency_s: 0.087,
    dialect: 'gateway-api',
    host: 'shop.example',
    match: '/search',
    split: [
      ['search-blue', 50],
      ['search-green', 50],
    ],
    filters: [],
  },
  {
    service: 'accounts',
    route: 'accounts',
    rate: 7.1,
    failing: [0, 0],
    latency_s: 0.0064,
    dialect: 'openapi',
    host: 'api.example',
    match: 'GET /accounts/{id}',
    split: [['accounts', 100]],
    filters: ['key-auth'],
  },
  {
    service: 'legacy',
    route: 'legacy-export',
    rate: 0,
    failing: [0, 0],
    latency_s: 0.2,
    dialect: 'kong',
    host: 'api.example',
    match: '/export',
    split: [['legacy', 1]],
    filters: [],
  },
];

/** Upper bounds of the latency histogram, in seconds. */
const BOUNDS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A smooth wave around 1, different for every seed. */
function wave(t_s: number, seed: number): number {
  return (
    1 +
    0.18 * Math.sin(t_s / 140 + seed) +
    0.07 * Math.sin(t_s / 31 + seed * 3) +
    0.04 * Math.sin(t_s / 9.7 + seed * 7)
  );
}

/** The wave's integral: a counter that grows at `rate` times the wave. */
function grown(t_s: number, rate: number, seed: number): number {
  const t = t_s - 1_700_000_000;
  const integral =
    t -
    0.18 * 140 * Math.cos(t_s / 140 + seed) -
    0.07 * 31 * Math.cos(t_s / 31 + seed * 3) -
    0.04 * 9.7 * Math.cos(t_s / 9.7 + seed * 7);
  return Math.max(0, rate * integral);
}

/** Share of requests answered within `bound_s`: log-logistic around the median. */
function within(bound_s: number, median_s: number): number {
  return 1 / (1 + (median_s / bound_s) ** 2.6);
}

/** All families; `trouble`: some things are broken, a target of them since `downFrom_s`. */
export function mockFamilies(trouble: boolean, downFrom_s: number): Map<string, MockFamily> {
  const families = new Map<string, MockFamily>();
  const requests: MockSeries[] = [];
  const buckets: MockSeries[] = [];
  const counts: MockSeries[] = [];
  const upstream: MockSeries[] = [];
  for (const [i, r] of MOCK_ROUTES.entries()) {
    const labels = { job: 'munjigi', instance: '127.0.0.1:9090', service: r.service, route: r.route };
    // As the program's own: the histogram has no service.
    const { service: _, ...timed } = labels;
    const failing = r.failing[trouble ? 1 : 0];
    requests.push({ labels: { ...labels, code: '200' }, at: (t) => grown(t, r.rate * (1 - failing), i) });
    if (r.rate > 0)
      requests.push({ labels: { ...labels, code: '503' }, at: (t) => grown(t, r.rate * failing, i + 0.5) });
    for (const le of [...BOUNDS, Infinity]) {
      const share = le === Infinity ? 1 : within(le, r.latency_s);
      buckets.push({
        labels: { ...timed, le: le === Infinity ? '+Inf' : String(le) },
        at: (t) => grown(t, r.rate * share, i + 0.2 * (1 - share)),
      });
    }
    counts.push({ labels: timed, at: (t) => grown(t, r.rate, i) });
    const weights = r.split.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [at, [name, weight]] of r.split.entries()) {
      upstream.push({
        labels: {
          job: 'munjigi',
          instance: '127.0.0.1:9090',
          upstream: name,
          endpoint: `10.0.${i}.${at + 10}:8080`,
          code: '200',
        },
        at: (t) => grown(t, (r.rate * weight * (1 + 0.03 * Math.sin(i + at))) / weights, i),
      });
    }
  }
  families.set('munjigi_http_requests_total', {
    type: 'counter',
    help: 'Requests that the gateway answered, by route and status.',
    series: requests,
  });
  families.set('munjigi_http_request_duration_seconds_bucket', {
    type: 'histogram',
    help: 'Time from the first byte of a request to the last of its answer.',
    series: buckets,
  });
  families.set('munjigi_http_request_duration_seconds_count', {
    type: 'histogram',
    help: '',
    series: counts,
  });
  families.set('munjigi_upstream_requests_total', {
    type: 'counter',
    help: 'Requests sent to upstream endpoints.',
    series: upstream,
  });
  families.set('up', {
    type: 'gauge',
    help: 'Whether the last scrape of the target succeeded.',
    series: MOCK_TARGETS.map((t) => ({
      labels: { job: t.job, instance: t.instance },
      at: (at) => (trouble && t.fails && at >= downFrom_s ? 0 : 1),
    })),
  });
  families.set('process_resident_memory_bytes', {
    type: 'gauge',
    help: 'Resident memory of the process.',
    series: MOCK_TARGETS.map((t, i) => ({
      labels: { job: t.job, instance: t.instance },
      at: (at) => 9e7 * (1 + i / 3) * wave(at / 8, i),
    })),
  });
  families.set('queue_depth', {
    type: 'gauge',
    help: 'Jobs that wait, by queue.',
    series: Array.from({ length: 1200 }, (_, i) => ({
      labels: { job: 'jobs', queue: `queue-${i}` },
      at: (at) => Math.round(20 * wave(at, i)),
    })),
  });
  families.set('hostile', {
    type: 'gauge',
    help: 'A series whose label tries to be markup.',
    series: [
      {
        labels: { job: '<img src=x onerror="window.broken=1">', 'odd label': '"</script>' },
        at: (at) => wave(at, 1),
      },
    ],
  });
  return families;
}

interface MockTarget {
  readonly job: string;
  readonly instance: string;
  readonly fails: boolean;
  readonly labels: Readonly<Record<string, string>>;
}

export const MOCK_TARGETS: readonly MockTarget[] = [
  { job: 'munjigi', instance: '127.0.0.1:9090', fails: false, labels: {} },
  { job: 'node', instance: '10.0.9.1:9100', fails: false, labels: { zone: 'a' } },
  { job: 'node', instance: '10.0.9.2:9100', fails: false, labels: { zone: 'b' } },
  { job: 'node', instance: '10.0.9.3:9100', fails: true, labels: { zone: 'b' } },
  { job: 'services', instance: '10.0.0.10:8080', fails: false, labels: { service: 'shop', team: 'web' } },
  { job: 'services', instance: '10.0.1.10:8080', fails: false, labels: { service: 'reviews', team: 'web' } },
  {
    job: 'services',
    instance: '10.0.2.10:8080',
    fails: false,
    labels: { service: 'checkout', team: 'payments' },
  },
  {
    job: 'services',
    instance: '10.0.3.10:8080',
    fails: false,
    labels: { service: 'search', team: 'search' },
  },
];
