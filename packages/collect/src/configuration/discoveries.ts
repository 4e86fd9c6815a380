// The ways of finding targets that Prometheus has and this program has not yet. They are recognised, checked for what Prometheus
// would refuse, and answered with a warning: their targets are not scraped.
import { describe, object, toPlain, type Decoder, type Field } from '@munjigi/document';
import { checkHttpClient, httpClientFields } from './http.ts';

type Plain = Readonly<Record<string, unknown>>;
/** What is wrong with one entry, or null. */
type Check = (sd: Plain) => string | null;

const CHECKS: Readonly<Record<string, Check>> = {
  aws: any,
  azure: (sd) => {
    const method = text(sd, 'authentication_method') || 'OAuth';
    if (!['OAuth', 'ManagedIdentity', 'SDK', 'WorkloadIdentity'].includes(method))
      return `unknown authentication_method ${method}`;
    const needed =
      method === 'OAuth'
        ? ['subscription_id', 'tenant_id', 'client_id', 'client_secret']
        : ['subscription_id'];
    return needs(sd, ...needed);
  },
  consul: any,
  digitalocean: any,
  dns: (sd) => (Array.isArray(sd['names']) && sd['names'].length > 0 ? null : 'names is required'),
  docker: any,
  dockerswarm: (sd) => needs(sd, 'host') ?? oneOf(sd, 'role', ['services', 'nodes', 'tasks']),
  ec2: ec2Like,
  ecs: any,
  elasticache: any,
  eureka: (sd) => needs(sd, 'server') ?? urlOf(sd, 'server'),
  gce: (sd) => needs(sd, 'project', 'zone'),
  hetzner: (sd) => oneOf(sd, 'role', ['robot', 'hcloud']),
  http: (sd) => needs(sd, 'url') ?? urlOf(sd, 'url'),
  ionos: (sd) => needs(sd, 'datacenter_id'),
  kubernetes,
  kuma: (sd) => needs(sd, 'server') ?? urlOf(sd, 'server'),
  lightsail: any,
  linode: any,
  marathon: (sd) => {
    if (!Array.isArray(sd['servers']) || sd['servers'].length === 0) return 'servers is required';
    const token = has(sd, 'auth_token') || has(sd, 'auth_token_file');
    if (has(sd, 'auth_token') && has(sd, 'auth_token_file'))
      return 'at most one of auth_token and auth_token_file can be set';
    const other = AUTH.find((name) => has(sd, name));
    return token && other !== undefined ? `at most one of auth_token and ${other} can be set` : null;
  },
  msk: any,
  nerve: zookeeper,
  nomad: (sd) => needs(sd, 'server'),
  oci: (sd) => oneOf(sd, 'auth', ['', 'api_key', 'instance_principal', 'resource_principal']),
  openstack: (sd) =>
    oneOf(sd, 'availability', ['', 'public', 'admin', 'internal']) ??
    oneOf(sd, 'role', ['hypervisor', 'instance', 'loadbalancer']) ??
    needs(sd, 'region'),
  outscale: (sd) => needs(sd, 'region', 'access_key') ?? exactlyOne(sd, 'secret_key', 'secret_key_file'),
  ovhcloud: (sd) =>
    oneOf(sd, 'service', ['vps', 'dedicated_server']) ??
    needs(sd, 'endpoint', 'application_key', 'application_secret', 'consumer_key'),
  puppetdb: (sd) => needs(sd, 'url', 'query') ?? urlOf(sd, 'url'),
  rds: any,
  scaleway: (sd) =>
    oneOf(sd, 'role', ['baremetal', 'instance']) ??
    needs(sd, 'project_id', 'access_key') ??
    exactlyOne(sd, 'secret_key', 'secret_key_file'),
  serverset: zookeeper,
  stackit: (sd) => (has(sd, 'endpoint') ? urlOf(sd, 'endpoint') : null),
  triton: (sd) => needs(sd, 'account', 'dns_suffix', 'endpoint'),
  uyuni: (sd) => needs(sd, 'server', 'username', 'password') ?? urlOf(sd, 'server'),
  vultr: any,
};

const AUTH = ['basic_auth', 'authorization', 'bearer_token', 'bearer_token_file', 'oauth2'];

/** Rows of a schema: `<kind>_sd_configs` of every kind. */
export const otherDiscoveries: Readonly<Record<string, Field<undefined>>> = Object.fromEntries(
  Object.entries(CHECKS).map(([kind, check]) => [`${kind}_sd_configs`, discovery(kind, check)]),
);

const client = object(httpClientFields(false), {
  unknownFields: 'allowed',
  check: (_, report) => checkHttpClient(report),
});

function discovery(kind: string, check: Check): Field<undefined> {
  const decoder: Decoder<undefined> = (node, context) => {
    if (node.kind !== 'list') return context.error(node, `wants a list, got ${describe(node)}`);
    node.items.forEach((item, i) =>
      context.within(`[${i}]`, () => {
        if (item.kind !== 'map') return context.error(item, `wants a mapping, got ${describe(item)}`);
        client(item, context);
        const wrong = check(toPlain(item) as Plain);
        if (wrong !== null) context.error(item, wrong);
        return undefined;
      }),
    );
    context.warn(
      node,
      `${kind} discovery is not supported yet: it is ignored, and its targets are not scraped`,
    );
    return undefined;
  };
  return { decoder, absent: () => undefined, silent: true };
}

function any(): null {
  return null;
}

function has(sd: Plain, name: string): boolean {
  return sd[name] !== undefined && sd[name] !== null && sd[name] !== '';
}

function text(sd: Plain, name: string): string {
  const value = sd[name];
  return typeof value === 'string' ? value : '';
}

function needs(sd: Plain, ...names: string[]): string | null {
  const missing = names.find((name) => !has(sd, name));
  return missing === undefined ? null : `${missing} is required`;
}

function oneOf(sd: Plain, name: string, values: readonly string[]): string | null {
  return values.includes(text(sd, name))
    ? null
    : `${name} must be one of ${values.filter((v) => v !== '').join(', ')}`;
}

function exactlyOne(sd: Plain, a: string, b: string): string | null {
  return has(sd, a) === has(sd, b) ? `exactly one of ${a} and ${b} must be set` : null;
}

function urlOf(sd: Plain, name: string): string | null {
  return /^https?:\/\/[^/]/.test(text(sd, name)) ? null : `${name} must be an http or https URL with a host`;
}

function ec2Like(sd: Plain): string | null {
  const filters = Array.isArray(sd['filters']) ? (sd['filters'] as Plain[]) : [];
  const empty = filters.some((f) => !Array.isArray(f?.['values']) || f['values'].length === 0);
  return empty ? 'a filter needs values' : null;
}

function zookeeper(sd: Plain): string | null {
  for (const name of ['servers', 'paths']) {
    const value = sd[name];
    if (!Array.isArray(value) || value.length === 0) return `${name} is required`;
    if (name === 'paths' && value.some((path) => typeof path !== 'string' || !path.startsWith('/')))
      return 'paths begin with /';
  }
  return null;
}

/** Which objects a role may select. */
const SELECTABLE: Readonly<Record<string, readonly string[]>> = {
  node: ['node'],
  service: ['service'],
  pod: ['pod', 'node'],
  endpoints: ['pod', 'service', 'endpoints'],
  endpointslice: ['pod', 'service', 'endpointslice'],
  ingress: ['ingress'],
};

function kubernetes(sd: Plain): string | null {
  const role = text(sd, 'role');
  const selectable = SELECTABLE[role];
  if (selectable === undefined) return `role must be one of ${Object.keys(SELECTABLE).join(', ')}`;
  const namespaces = (sd['namespaces'] ?? {}) as Plain;
  const odd = Object.keys(namespaces).find((key) => key !== 'names' && key !== 'own_namespace');
  if (odd !== undefined) return `unknown field ${odd} in namespaces`;
  const own = namespaces['own_namespace'] === true;
  const auth = [...AUTH, 'tls_config'].find((name) => has(sd, name));
  const server = has(sd, 'api_server');
  if (has(sd, 'kubeconfig_file')) {
    if (server) return 'at most one of api_server and kubeconfig_file can be set';
    if (auth !== undefined) return `${auth} cannot be used with kubeconfig_file`;
    if (own) return 'own_namespace cannot be used with kubeconfig_file';
  }
  if (!server && auth !== undefined) return `${auth} needs api_server`;
  if (server && own) return 'own_namespace cannot be used with api_server';
  const seen = new Set<string>();
  for (const selector of Array.isArray(sd['selectors']) ? (sd['selectors'] as Plain[]) : []) {
    const of = text(selector, 'role');
    if (seen.has(of)) return `two selectors of role ${of}`;
    seen.add(of);
    if (!selectable.includes(of)) return `role ${role} selects ${selectable.join(', ')} only, not ${of}`;
    const field = text(selector, 'field');
    if (field !== '' && !field.split(',').every((part) => /^[^=!]+(?:!=|==?)[^=]*$/.test(part)))
      return `${field} is no field selector`;
  }
  return null;
}
