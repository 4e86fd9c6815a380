// What is kept of Kong's entities once they have been read: their fields by their own names, timeouts in ms.
import type { Node } from '@munjigi/document';

/** A foreign key: what it says and by which field it means it. */
export interface Reference {
  readonly by: 'name' | 'id' | 'either';
  readonly key: string;
}

export interface ServiceFields {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly url: string | undefined;
  readonly protocol: string | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly path: string | undefined;
  readonly retries: number;
  readonly connect_timeout: number;
  readonly write_timeout: number;
  readonly read_timeout: number;
  readonly enabled: boolean;
}

export interface RouteFields {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly protocols: readonly string[] | undefined;
  readonly methods: readonly string[] | undefined;
  readonly hosts: readonly string[] | undefined;
  readonly paths: readonly string[] | undefined;
  readonly headers: ReadonlyMap<string, readonly string[]> | undefined;
  readonly snis: readonly string[] | undefined;
  readonly strip_path: boolean;
  readonly preserve_host: boolean;
  readonly path_handling: 'v0' | 'v1';
  readonly https_redirect_status_code: number;
  readonly request_buffering: boolean | undefined;
  readonly response_buffering: boolean | undefined;
  readonly service: Reference | undefined;
}

export interface UpstreamFields {
  readonly id: string | undefined;
  readonly name: string;
  readonly algorithm: string;
  readonly hash_on: string;
  readonly hash_fallback: string;
  readonly host_header: string | undefined;
  readonly healthchecks: Node | undefined;
}

export interface TargetFields {
  readonly id: string | undefined;
  readonly target: string;
  readonly weight: number;
  readonly upstream: Reference | undefined;
}

export interface ConsumerFields {
  readonly id: string | undefined;
  readonly username: string | undefined;
  readonly custom_id: string | undefined;
}

export interface KeyFields {
  readonly id: string | undefined;
  readonly key: string;
  readonly consumer: Reference | undefined;
}

export interface PluginFields {
  readonly id: string | undefined;
  readonly name: string;
  readonly instance_name: string | undefined;
  readonly service: Reference | undefined;
  readonly route: Reference | undefined;
  readonly consumer: Reference | undefined;
  readonly protocols: readonly string[] | undefined;
  readonly enabled: boolean;
  /** Read by the plugin's own schema. */
  readonly config: Node | undefined;
}
