// Collects the named resources of one translation and gives each the hash of its content.
import { createHash } from 'node:crypto';
import type { HeaderEdits, Resource, ResourceName } from '@munjigi/proxy';

type Bare<R> = R extends Resource ? Omit<R, 'hash'> : never;

/** A resource before it has its hash. */
export type BareResource = Bare<Resource>;

export const NO_EDITS: HeaderEdits = { remove: [], set: [], add: [] };

/** Connections are pooled for less time than common servers keep them (Node: 5 s), so that none is written to as it closes. */
export const POOL = { maxIdleConnections: 256, poolIdleTimeout_ms: 4000 } as const;

export class ResourceSet {
  readonly #resources = new Map<ResourceName, Resource>();

  /** Names that were added twice with different content: two objects that ended up with one name. */
  readonly collisions: Set<ResourceName> = new Set();

  /** Returns the name. The same content may be added again. */
  add(resource: BareResource): ResourceName {
    const hash = hashOf(resource);
    const before = this.#resources.get(resource.name);
    if (before === undefined) this.#resources.set(resource.name, { ...resource, hash });
    else if (before.hash !== hash) this.collisions.add(resource.name);
    return resource.name;
  }

  /** In order of their names. */
  all(): Resource[] {
    return [...this.#resources.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

/** The first 16 bytes of the SHA-256 of the content, in hex. Keys count in the order they were written. */
function hashOf(content: unknown): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex').slice(0, 32);
}
