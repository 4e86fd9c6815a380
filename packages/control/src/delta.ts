// What changes from one set of resources to the next.
import type { Delta, Resource, ResourceName } from '@munjigi/proxy';

/** Only resources whose content differs are set. `next` holds each name once. */
export function deltaBetween(
  previous: ReadonlyMap<ResourceName, Resource>,
  next: readonly Resource[],
  base: number,
  version: number,
): Delta {
  const set = next.filter((resource) => previous.get(resource.name)?.hash !== resource.hash);
  const kept = new Set(next.map((resource) => resource.name));
  const remove = [...previous.keys()].filter((name) => !kept.has(name));
  return { base, version, set, remove };
}

export function isEmptyDelta(delta: Delta): boolean {
  return delta.set.length === 0 && delta.remove.length === 0;
}
