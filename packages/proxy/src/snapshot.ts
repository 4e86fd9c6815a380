// What the data plane runs: named, immutable resources, fine enough that a small change stays small. `../snapshot.md` says every field's
// meaning, unit and default. Plain data: a Delta is posted to worker threads as it is.
import type { Applied, Problem } from '@munjigi/model';

/** `kind/name`, as `route/shop/default/0` or `cluster/reviews.v2`. */
export type ResourceName = string;

export interface Snapshot {
  readonly version: number;
  readonly resources: ReadonlyMap<ResourceName, Resource>;
}

export interface Delta {
  readonly base: number;
  readonly version: number;
  readonly set: readonly Resource[];
  readonly remove: readonly ResourceName[];
}

export type Resource =
  | ListenerResource
  | HostResource
  | RouteResource
  | SplitResource
  | ClusterResource
  | EndpointsResource
  | SecretResource
  | FilterResource;

interface Named<K extends string> {
  readonly kind: K;
  /** With its kind in front: `listener/...`. */
  readonly name: ResourceName;
  /** Of the content: equal hash, equal resource. */
  readonly hash: string;
}

export interface ListenerResource extends Named<'listener'> {
  readonly address: string;
  readonly port: number;
  readonly protocol: 'http';
  /** Hosts that this listener serves, by resource name. A host pattern appears once a listener. */
  readonly hosts: readonly ResourceName[];
}

export interface HostResource extends Named<'host'> {
  /** `shop.local`, `*.shop.local`, `*`; lower case, no port. The most specific pattern wins: exact, longest wildcard, `*`. */
  readonly patterns: readonly string[];
  /** Route resource names in their final order: the first that matches wins. The data plane never re-sorts. */
  readonly routes: readonly ResourceName[];
  /** Answer when no route matches. */
  readonly noRoute: DirectResponse;
}

export interface RouteResource extends Named<'route'> {
  /** Any of them; each ANDs its parts. Empty: matches everything. */
  readonly matches: readonly RouteMatch[];
  readonly action:
    | { readonly kind: 'forward'; readonly split: ResourceName }
    | { readonly kind: 'direct'; readonly response: DirectResponse }
    | {
        readonly kind: 'redirect';
        readonly status: number;
        readonly host: string | null;
        readonly path: string | null;
        /** Absent: the request's own. Another scheme drops the request's port. */
        readonly scheme?: 'http' | 'https';
        /** Absent: that of `host`, or the request's. */
        readonly port?: number;
      };
  /** Filter resource names in the order they run. */
  readonly filters: readonly ResourceName[];
  /** null: the path is forwarded as it came. */
  readonly rewritePath: PathRewrite | null;
  /** null: the client's Host; `endpoint`: the host name of the chosen endpoint; else this value. */
  readonly hostHeader:
    | { readonly kind: 'endpoint' }
    | { readonly kind: 'literal'; readonly value: string }
    | null;
  readonly requestHeaders: HeaderEdits;
  readonly responseHeaders: HeaderEdits;
  /** Total, from the whole request head to the whole response; 0: none. */
  readonly timeout_ms: number;
  /** Extra tries on another endpoint when no byte of the request could be sent; 0: none. */
  readonly connectRetries: number;
  /** Labels of its metrics: the dialect's object, as `shop` or `default/orders`. */
  readonly metric: { readonly route: string; readonly service: string };
}

export interface RouteMatch {
  readonly path: PathMatch | null;
  /** Upper case; null: any. */
  readonly methods: readonly string[] | null;
  readonly headers: readonly HeaderMatch[];
}

/**
 * `replacePrefix` replaces the matched prefix; `replaceFull` the whole path. `join` is Kong's: `base` before the path, or with `strip` before
 * the rest after the matched prefix (without a path match: after '/'), of which one leading '.', '..', './' or '../' is dropped.
 * `slash` true: exactly one '/' between base and rest; with an empty rest base itself, ending in '/' when it is '/' or the request path
 * (longer than '/') does, else not; without `strip` the path '/' counts as an empty rest, but base then stays as it is.
 * `slash` false: base and rest side by side, the path's own first '/' dropped without `strip`; '//' at the seam becomes '/'.
 */
export type PathRewrite =
  | { readonly kind: 'replacePrefix' | 'replaceFull'; readonly to: string }
  | { readonly kind: 'join'; readonly base: string; readonly strip: boolean; readonly slash: boolean };

/** 'prefix' is by segment (`/a` matches `/a` and `/a/b`), 'stringPrefix' by characters. */
export interface PathMatch {
  readonly kind: 'exact' | 'prefix' | 'stringPrefix';
  readonly value: string;
}

/** `name` in lower case. `values`: any of them; for 'present' empty. */
export interface HeaderMatch {
  readonly name: string;
  readonly kind: 'exact' | 'prefix' | 'present';
  readonly values: readonly string[];
  /** The values are in lower case and compared so. */
  readonly ignoreCase?: boolean;
}

/** Applied in the order remove, set, add. Names in lower case. */
export interface HeaderEdits {
  readonly remove: readonly string[];
  readonly set: readonly (readonly [string, string])[];
  readonly add: readonly (readonly [string, string])[];
}

export interface DirectResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

export interface SplitResource extends Named<'split'> {
  /** Weights are relative; 0: no traffic. All 0 or empty: `noBackend`. */
  readonly targets: readonly {
    readonly cluster: ResourceName;
    readonly weight: number;
    readonly requestHeaders: HeaderEdits;
    readonly responseHeaders: HeaderEdits;
  }[];
  readonly noBackend: DirectResponse;
}

export interface ClusterResource extends Named<'cluster'> {
  readonly endpoints: ResourceName;
  readonly algorithm: 'roundRobin';
  readonly connectTimeout_ms: number;
  /** Longest silence while sending to or reading from the endpoint; 0: none. */
  readonly idleTimeout_ms: number;
  /** Idle pooled connections kept to each endpoint by each worker. */
  readonly maxIdleConnections: number;
  /** How long a pooled connection may stay idle; shorter than the upstream's own. */
  readonly poolIdleTimeout_ms: number;
  /** Answer when it has no endpoint. */
  readonly noEndpoint: DirectResponse;
  /** Label of its metrics. */
  readonly metric: { readonly upstream: string };
}

export interface EndpointsResource extends Named<'endpoints'> {
  /** Weight 0: drained. `host` is an address or a DNS name. */
  readonly endpoints: readonly { readonly host: string; readonly port: number; readonly weight: number }[];
}

export interface SecretResource extends Named<'secret'> {
  /** SHA-256 in hex of a credential -> who it is. Plain secrets are not kept. */
  readonly credentials: readonly {
    readonly sha256: string;
    readonly consumer: Consumer;
    readonly credentialId: string;
  }[];
}

export interface Consumer {
  readonly id: string;
  readonly username: string;
  readonly customId: string;
}

export type FilterResource = KeyAuthFilter | RateLimitingFilter;

/** Kong's key-auth. */
export interface KeyAuthFilter extends Named<'filter'> {
  readonly filter: 'key-auth';
  readonly secret: ResourceName;
  readonly keyNames: readonly string[];
  readonly inHeader: boolean;
  readonly inQuery: boolean;
  readonly hideCredentials: boolean;
  /** Realm in WWW-Authenticate. */
  readonly realm: string;
  /** false: OPTIONS passes unauthenticated. */
  readonly runOnPreflight: boolean;
}

/** Kong's rate-limiting, policy local: fixed windows, exact across the workers of this process. */
export interface RateLimitingFilter extends Named<'filter'> {
  readonly filter: 'rate-limiting';
  /** Any subset of windows with its limit. */
  readonly limits: readonly {
    readonly window: 'second' | 'minute' | 'hour' | 'day' | 'month' | 'year';
    readonly limit: number;
  }[];
  readonly limitBy: 'consumer' | 'credential' | 'ip' | 'service' | 'header' | 'path';
  /** For limitBy header (lower case) and path. */
  readonly limitByName: string;
  /** What a counter belongs to, beside the limitBy identity: survives renames of the route. */
  readonly scope: string;
  readonly hideClientHeaders: boolean;
  readonly errorCode: number;
  readonly errorMessage: string;
}

export interface DataPlane {
  /** Everything that can fail; changes nothing that a request can see. */
  prepare(delta: Delta): Promise<Problem[]>;
  /** Resolves when every worker serves the version (or was replaced by one that does). */
  commit(version: number): Promise<Applied>;
  abort(version: number): void;
}
