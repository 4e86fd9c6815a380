// The ids that Kong gives to entities without one: UUIDv5 by kind and name, so that every node, decK and we find the same.
import { createHash } from 'node:crypto';

/** The namespace below which Kong makes one for every kind of entity (`services`, `routes`, ...). */
const ENTITIES = 'fd02801f-0957-4a15-a55a-c8d9606f30b5';

const namespaces = new Map<string, string>();

/** The id of an entity that has a name of its own: `name` is the route's name, the consumer's username, the credential's key, ... */
export function idOf(kind: string, name: string): string {
  let namespace = namespaces.get(kind);
  if (namespace === undefined) {
    namespace = uuid5(ENTITIES, kind);
    namespaces.set(kind, namespace);
  }
  return uuid5(namespace, name);
}

/** RFC 9562, version 5. */
export function uuid5(namespace: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest();
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}
