// What is kept of Istio's objects once they have been read: their fields by their own names, durations in ms.

export type Protocol =
  | 'HTTP'
  | 'HTTPS'
  | 'HTTP2'
  | 'GRPC'
  | 'GRPC-WEB'
  | 'TCP'
  | 'TLS'
  | 'MONGO'
  | 'MYSQL'
  | 'REDIS'
  | 'UDP';

// ---- Gateway

export interface GatewaySpec {
  readonly servers: readonly Server[];
}

export interface Server {
  readonly port: { readonly number: number; readonly name: string; readonly protocol: Protocol };
  /** `host` or `namespace/host`. */
  readonly hosts: readonly string[];
  readonly tls: { readonly httpsRedirect: boolean | undefined } | undefined;
}

// ---- VirtualService

export interface VirtualServiceSpec {
  readonly hosts: readonly string[];
  /** As written; `mesh` when there are none. */
  readonly gateways: readonly string[];
  readonly http: readonly HttpRoute[];
}

export interface HttpRoute {
  readonly name: string | undefined;
  /** Any of them; null and an empty list match everything. */
  readonly match: readonly (HttpMatch | null)[];
  readonly route: readonly Weighted[];
  readonly redirect: Redirect | undefined;
  readonly directResponse:
    | { readonly status: number; readonly body: { readonly string: string | undefined } | undefined }
    | undefined;
  readonly rewrite: { readonly uri: string | undefined; readonly authority: string | undefined } | undefined;
  /** ms */
  readonly timeout: number | undefined;
  readonly retries: { readonly attempts: number; readonly retryOn: string | undefined } | undefined;
  readonly headers: Headers | undefined;
}

export interface HttpMatch {
  readonly uri: StringMatch | undefined;
  readonly scheme: string | undefined;
  readonly method: string | undefined;
  readonly authority: StringMatch | undefined;
  readonly headers: ReadonlyMap<string, StringMatch> | undefined;
  readonly port: number | undefined;
  readonly gateways: readonly string[] | undefined;
  readonly sourceLabels: ReadonlyMap<string, string> | undefined;
  readonly sourceNamespace: string | undefined;
}

export type StringMatch =
  | { readonly kind: 'exact' | 'prefix'; readonly value: string }
  /** Whatever it is, as long as it is there. */
  | { readonly kind: 'present' };

export interface Weighted {
  readonly destination: Destination;
  readonly weight: number;
  readonly headers: Headers | undefined;
}

export interface Destination {
  readonly host: string;
  readonly subset: string | undefined;
  readonly port: { readonly number: number } | undefined;
}

interface Redirect {
  readonly uri: string | undefined;
  readonly authority: string | undefined;
  readonly port: number | undefined;
  readonly scheme: 'http' | 'https' | undefined;
  /** 0: 301. */
  readonly redirectCode: number;
}

export interface Headers {
  readonly request: HeaderOperations | undefined;
  readonly response: HeaderOperations | undefined;
}

export interface HeaderOperations {
  readonly set: ReadonlyMap<string, string>;
  readonly add: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

// ---- DestinationRule

export interface DestinationRuleSpec {
  readonly host: string;
  readonly subsets: readonly SubsetSpec[];
  readonly trafficPolicy: TrafficPolicy | undefined;
}

export interface SubsetSpec {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly trafficPolicy: TrafficPolicy | undefined;
}

interface TrafficPolicy {
  readonly connectionPool:
    | {
        readonly tcp: { readonly connectTimeout: number | undefined } | undefined;
        readonly http: { readonly idleTimeout: number | undefined } | undefined;
      }
    | undefined;
}

// ---- ServiceEntry

export interface ServiceEntrySpec {
  readonly hosts: readonly string[];
  readonly ports: readonly PortSpec[];
  readonly resolution: 'NONE' | 'STATIC' | 'DNS' | 'DNS_ROUND_ROBIN' | 'DYNAMIC_DNS';
  readonly endpoints: readonly EndpointSpec[];
}

export interface PortSpec {
  readonly number: number;
  readonly name: string;
  readonly protocol: Protocol | undefined;
  readonly targetPort: number | undefined;
}

export interface EndpointSpec {
  readonly address: string | undefined;
  /** By the name of the port. */
  readonly ports: ReadonlyMap<string, number>;
  readonly labels: ReadonlyMap<string, string>;
  /** 0: as 1. */
  readonly weight: number;
}
