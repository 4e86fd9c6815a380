// Istio's own tables of valid and invalid objects against what the gateway's files are judged by. An object that Istio refuses must be refused;
// one that Istio takes may only be refused for what is not supported yet.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { translate } from '@munjigi/control';
import type { Problem } from '@munjigi/model';

interface Case {
  readonly name?: string;
  readonly _unresolvedGoExpr?: boolean;
  readonly [field: string]: unknown;
}

interface Table {
  readonly func: string;
  readonly cases: readonly Case[];
}

type Kind = 'Gateway' | 'VirtualService' | 'DestinationRule' | 'ServiceEntry';
interface Wrapping {
  readonly kind: Kind;
  readonly field: string;
  /** Puts the tested value where it belongs in a spec. */
  readonly spec: (value: unknown) => unknown;
}

const destinations = [{ destination: { host: 'a.example.com' } }];
const http = (route: unknown): unknown => ({ hosts: ['a.example.com'], gateways: ['web'], http: [route] });
const rule = (trafficPolicy: unknown): unknown => ({ host: 'a.example.com', trafficPolicy });
const wrapping = (kind: Kind, field: string, spec: Wrapping['spec']): Wrapping => ({ kind, field, spec });

const TABLES: ReadonlyMap<string, Wrapping> = new Map([
  ['TestValidateGateway', wrapping('Gateway', 'in', (spec) => spec)],
  ['TestValidateServer', wrapping('Gateway', 'in', (server) => ({ servers: [server] }))],
  ['TestValidateVirtualService', wrapping('VirtualService', 'in', (spec) => spec)],
  ['TestValidateHTTPRoute', wrapping('VirtualService', 'route', http)],
  ['TestValidateRouteDestination', wrapping('VirtualService', 'routes', (route) => http({ route }))],
  [
    'TestValidateDestination',
    wrapping('VirtualService', 'destination', (destination) => http({ route: [{ destination }] })),
  ],
  [
    'TestValidateHTTPRetry',
    wrapping('VirtualService', 'in', (retries) => http({ route: destinations, retries })),
  ],
  [
    'TestValidateHTTPRewrite',
    wrapping('VirtualService', 'in', (rewrite) => http({ route: destinations, rewrite })),
  ],
  ['TestValidateHTTPRedirect', wrapping('VirtualService', 'redirect', (redirect) => http({ redirect }))],
  [
    'TestValidateHTTPDirectResponse',
    wrapping('VirtualService', 'directResponse', (directResponse) => http({ directResponse })),
  ],
  ['TestValidateDestinationRule', wrapping('DestinationRule', 'in', (spec) => spec)],
  ['TestValidateTrafficPolicy', wrapping('DestinationRule', 'in', rule)],
  [
    'TestValidateConnectionPool',
    wrapping('DestinationRule', 'in', (connectionPool) => rule({ connectionPool })),
  ],
  ['TestValidateLoadBalancer', wrapping('DestinationRule', 'in', (loadBalancer) => rule({ loadBalancer }))],
  [
    'TestValidateOutlierDetection',
    wrapping('DestinationRule', 'in', (outlierDetection) => rule({ outlierDetection })),
  ],
  ['TestValidateServiceEntries', wrapping('ServiceEntry', 'in', (spec) => spec)],
]);

/** Where we differ on purpose; a case that agrees again is a failure, so that this list stays true. */
const DEVIATIONS: ReadonlyMap<string, string> = new Map([
  ['TestValidateServer: invalid short name host', 'a gateway on a laptop serves localhost'],
  [
    'TestValidateServiceEntries: discovery type DYNAMIC_DNS, MESH_INTERNAL with waypoint (invalid)',
    'waypoints do not exist here',
  ],
]);

export async function run(dataDir: string): Promise<{ passed: number; failures: string[] }> {
  const path = join(dataDir, 'gateway/istio/derived/istio-validation-cases.json');
  const { tables } = JSON.parse(await readFile(path, 'utf8')) as { tables: Table[] };
  const failures: string[] = [];
  let passed = 0;
  for (const { func, cases } of tables) {
    const wrap = TABLES.get(func);
    if (wrap === undefined) continue;
    for (const one of cases) {
      // Not data: Go code, Go's own field names, a call with nil.
      if (one._unresolvedGoExpr === true || one[wrap.field] === null || holdsGoNames(one[wrap.field]))
        continue;
      const failure = judge(wrap, one);
      const name = `${func}: ${one.name ?? JSON.stringify(one)}`;
      if (DEVIATIONS.has(name)) {
        if (failure === null) failures.push(`${name}: agrees, but is listed as a deviation`);
      } else if (failure === null) passed++;
      else failures.push(`${name}: ${failure}`);
    }
  }
  return { passed, failures };
}

function holdsGoNames(value: unknown): boolean {
  return JSON.stringify(value ?? null).includes('"specifier"');
}

function judge({ kind, field, spec }: Wrapping, one: Case): string | null {
  // Two kinds of tables: `valid`, or `out` with the error's text.
  const valid = 'valid' in one ? one['valid'] === true : one['out'] === '';
  const object = {
    apiVersion: 'networking.istio.io/v1',
    kind,
    metadata: { name: 'a' },
    spec: spec(one[field]),
  };
  const errors = errorsOf(JSON.stringify(object));
  if (!valid) return errors.length > 0 ? null : 'Istio refuses it, we take it';
  const wrong = errors.filter(({ message }) => !/not supported/.test(message));
  return wrong.length === 0
    ? null
    : `Istio takes it: ${wrong.map((p) => `${p.field}: ${p.message}`).join('; ')}`;
}

/** Without those about objects that the case does not have. */
function errorsOf(text: string): Problem[] {
  const { problems } = translate({
    files: [{ path: 'case.json', text }],
    listeners: [{ address: '127.0.0.1', port: 80 }],
  });
  return problems.filter(
    ({ severity, message }) => severity === 'error' && !message.startsWith('there is no '),
  );
}
