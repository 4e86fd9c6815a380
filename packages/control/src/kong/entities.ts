// Kong's documents as flat lists of entities: nested ones lifted out, ids filled in, references followed, duplicates found.
import type { Place } from '@munjigi/document';
import type { KongDocument } from '../source/header.ts';
import { printPlace, type Problems } from '../problems.ts';
import { idOf } from './ids.ts';
import { formatOf, nothingWritten, readDocument, type Kind, type WrittenEntity } from './read.ts';
import type {
  ConsumerFields,
  KeyFields,
  PluginFields,
  Reference,
  RouteFields,
  ServiceFields,
  TargetFields,
  UpstreamFields,
} from './fields.ts';

/** An entity with its id and its place. `label`: its name, or its id when it has none. */
interface Entity<F> {
  readonly id: string;
  readonly label: string;
  readonly fields: F;
  readonly at: Place;
}

export type Service = Entity<ServiceFields>;
type Consumer = Entity<ConsumerFields>;
type Target = Entity<TargetFields>;
export type Upstream = Entity<UpstreamFields> & { readonly targets: readonly Target[] };
export type Route = Entity<RouteFields> & { readonly service: Service | null };
export type Key = Entity<KeyFields> & { readonly consumer: Consumer };
export type Plugin = Entity<PluginFields> & {
  readonly service: Service | null;
  readonly route: Route | null;
  readonly consumer: Consumer | null;
};

export interface Entities {
  readonly services: readonly Service[];
  readonly routes: readonly Route[];
  readonly upstreams: readonly Upstream[];
  readonly consumers: readonly Consumer[];
  readonly keys: readonly Key[];
  readonly plugins: readonly Plugin[];
  /** Files written in the format before 3.0, where a path with special characters was a regular expression without `~`. */
  readonly oldFormat: ReadonlySet<string>;
}

/** What can be read; what cannot stands in `problems`, and nothing is said of entities that only miss one that was unreadable. */
export function readEntities(documents: readonly KongDocument[], problems: Problems): Entities {
  const written = nothingWritten();
  for (const document of documents) problems.all.push(...readDocument(document, written));
  const links = new Links(written.broken, problems);

  const services = links.index(
    'services',
    'name',
    identified('services', written.services, (f) => f.name),
  );
  const consumers = links.index(
    'consumers',
    'username',
    identified('consumers', written.consumers, (f) => f.username),
  );
  links.refuseTwins('custom_id', consumers.all, (f) => f.custom_id);

  const routes = links.index(
    'routes',
    'name',
    identified('routes', written.routes, (f) => f.name).flatMap((entity) => {
      const service = links.follow(entity, entity.fields.service, 'service', services);
      return service === undefined ? [] : [{ ...entity, service }];
    }),
  );

  const upstreams = links.index(
    'upstreams',
    'name',
    identified('upstreams', written.upstreams, (f) => f.name),
  );
  const targets = new Map<string, Map<string, Target>>();
  for (const target of identified('targets', written.targets, () => undefined)) {
    const upstream = links.follow(target, target.fields.upstream, 'upstream', upstreams);
    if (upstream === null) links.error(target.at, 'upstream', 'a target needs its upstream');
    if (upstream === null || upstream === undefined) continue;
    const known = targets.get(upstream.id) ?? new Map<string, Target>();
    const before = known.get(target.fields.target);
    if (before === undefined) known.set(target.fields.target, target);
    else links.error(target.at, 'target', `this target is there twice: also at ${printPlace(before.at)}`);
    targets.set(upstream.id, known);
  }

  const keys = identified('keyauth_credentials', written.keyauth_credentials, (f) => f.key).flatMap((key) => {
    const consumer = links.follow(key, key.fields.consumer, 'consumer', consumers);
    if (consumer === null) links.error(key.at, 'consumer', 'a key needs its consumer');
    return consumer === null || consumer === undefined ? [] : [{ ...key, label: key.id, consumer }];
  });
  links.refuseTwins('key', keys, (f) => f.key);

  const plugins = new Map<string, Plugin>();
  for (const entity of identified('plugins', written.plugins, () => undefined)) {
    const { fields, at } = entity;
    const service = links.follow(entity, fields.service, 'service', services);
    const route = links.follow(entity, fields.route, 'route', routes);
    const consumer = links.follow(entity, fields.consumer, 'consumer', consumers);
    if (service === undefined || route === undefined || consumer === undefined) continue;
    const scope = scopeName(fields.name, service, route, consumer);
    const before = plugins.get(scope);
    const id = fields.id ?? idOf('plugins', scope);
    const label = fields.instance_name ?? scope;
    if (before === undefined) plugins.set(scope, { id, label, fields, at, service, route, consumer });
    else
      links.error(
        at,
        'name',
        `${fields.name} is there twice for one place: also at ${printPlace(before.at)}`,
      );
  }

  return {
    services: services.all,
    routes: routes.all,
    upstreams: upstreams.all.map((upstream) => ({
      ...upstream,
      targets: [...(targets.get(upstream.id)?.values() ?? [])],
    })),
    consumers: consumers.all,
    keys,
    plugins: [...plugins.values()],
    oldFormat: new Set(documents.filter((document) => formatOf(document) !== '3.0').map(({ file }) => file)),
  };
}

/** An entity that still knows what it was written as. */
type Identified<F> = Entity<F> & { readonly written: WrittenEntity<F> };

interface Index<E> {
  readonly kind: Kind;
  readonly all: readonly E[];
  readonly byName: ReadonlyMap<string, E>;
  readonly byId: ReadonlyMap<string, E>;
  readonly byWritten: ReadonlyMap<unknown, E>;
}

class Links {
  readonly #broken: ReadonlySet<string>;
  readonly #problems: Problems;

  constructor(broken: ReadonlySet<string>, problems: Problems) {
    this.#broken = broken;
    this.#problems = problems;
  }

  error(at: Place, field: string, message: string): void {
    this.#problems.error(at, field, message);
  }

  index<F extends { readonly id?: string | undefined }, E extends Identified<F>>(
    kind: Kind,
    nameField: string,
    all: readonly E[],
  ): Index<E> {
    const byId = new Map<string, E>();
    const byName = new Map<string, E>();
    for (const entity of all) {
      if (!byId.has(entity.id)) byId.set(entity.id, entity);
      if (entity.label !== entity.id && !byName.has(entity.label)) byName.set(entity.label, entity);
    }
    this.refuseTwins('id', all, (fields) => fields.id);
    this.refuseTwins(nameField, all, (_, entity) => (entity.label === entity.id ? undefined : entity.label));
    return { kind, all, byName, byId, byWritten: new Map(all.map((entity) => [entity.written, entity])) };
  }

  refuseTwins<F, E extends Entity<F>>(
    field: string,
    entities: readonly E[],
    valueOf: (fields: E['fields'], entity: E) => string | undefined,
  ): void {
    const first = new Map<string, E>();
    for (const entity of entities) {
      const value = valueOf(entity.fields, entity);
      if (value === undefined) continue;
      const before = first.get(value);
      // A key is a secret: it is not repeated.
      const what = field === 'key' ? 'this key' : `the ${field} ${value}`;
      if (before === undefined) first.set(value, entity);
      else this.error(entity.at, field, `${what} is used twice: also at ${printPlace(before.at)}`);
    }
  }

  /** What an entity belongs to: what it is nested in, or what it names. null: nothing; undefined: it is missing, and that was said. */
  follow<E>(
    entity: Identified<unknown>,
    reference: Reference | undefined,
    field: string,
    within: Index<E>,
  ): E | null | undefined {
    const { parent } = entity.written;
    if (parent?.kind === within.kind) return within.byWritten.get(parent.entity);
    if (reference === undefined) return null;
    const { by, key } = reference;
    const found =
      (by === 'id' ? undefined : within.byName.get(key)) ??
      (by === 'name' ? undefined : within.byId.get(key));
    if (found === undefined && !this.#broken.has(`${within.kind}/${key}`)) {
      this.error(entity.at, field, `there is no ${field} ${key}`);
    }
    return found;
  }
}

/** Entities with their ids: as written, by their own name, or (nameless) by what they contain. */
function identified<F extends { readonly id?: string | undefined }>(
  kind: Kind,
  written: readonly WrittenEntity<F>[],
  nameOf: (fields: F) => string | undefined,
): Identified<F>[] {
  const taken = new Set<string>();
  return written.map((one) => {
    const name = nameOf(one.fields);
    const text = name ?? `${one.parent?.entity?.content ?? ''}#${one.content}`;
    let id = one.fields.id ?? idOf(kind, text);
    const isMade = name === undefined && one.fields.id === undefined;
    // Two that say the same, in one place.
    if (isMade) for (let n = 2; taken.has(id); n++) id = idOf(kind, `${text}#${n}`);
    taken.add(id);
    return { id, label: name ?? id, fields: one.fields, at: one.at, written: one };
  });
}

function scopeName(
  name: string,
  service: Service | null,
  route: Route | null,
  consumer: Consumer | null,
): string {
  let text = name;
  if (service !== null) text += `:service/${service.label}`;
  if (route !== null) text += `:route/${route.label}`;
  if (consumer !== null) text += `:consumer/${consumer.label}`;
  return text;
}
