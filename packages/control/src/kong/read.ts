// Reads a Kong document into entities as they are written, each with its place and the entity it is nested in. One that cannot be read does
// not hide the others: it is remembered as broken, so that nobody complains of its absence.
import {
  childOf,
  closest,
  Context,
  describe,
  enumOf,
  isNull,
  toPlain,
  type Decoder,
  type MapNode,
  type Node,
  type Place,
} from '@munjigi/document';
import type { Problem } from '@munjigi/model';
import type { KongDocument } from '../source/header.ts';
import type {
  ConsumerFields,
  KeyFields,
  PluginFields,
  RouteFields,
  ServiceFields,
  TargetFields,
  UpstreamFields,
} from './fields.ts';
import {
  consumerDecoder,
  headerKeys,
  keyDecoder,
  otherParts,
  pluginDecoder,
  routeDecoder,
  serviceDecoder,
  targetDecoder,
  upstreamDecoder,
} from './schema.ts';

export interface WrittenEntity<F> {
  readonly fields: F;
  readonly at: Place;
  /** Everything it holds, as text: what its id is made of when it has no name. */
  readonly content: string;
  readonly parent: Parent | null;
}

/** What an entity is nested in; `entity` null: that one could not be read. */
interface Parent {
  readonly kind: Kind;
  readonly entity: WrittenEntity<unknown> | null;
}

export interface Written {
  readonly services: WrittenEntity<ServiceFields>[];
  readonly routes: WrittenEntity<RouteFields>[];
  readonly upstreams: WrittenEntity<UpstreamFields>[];
  readonly targets: WrittenEntity<TargetFields>[];
  readonly consumers: WrittenEntity<ConsumerFields>[];
  readonly keyauth_credentials: WrittenEntity<KeyFields>[];
  readonly plugins: WrittenEntity<PluginFields>[];
  /** `kind/name` and `kind/id` of what could not be read. */
  readonly broken: Set<string>;
}

export type Kind = Exclude<keyof Written, 'broken'>;

export function nothingWritten(): Written {
  return {
    services: [],
    routes: [],
    upstreams: [],
    targets: [],
    consumers: [],
    keyauth_credentials: [],
    plugins: [],
    broken: new Set(),
  };
}

/** Adds the document's entities to `written` and returns what is wrong with them. */
export function readDocument(document: KongDocument, written: Written): Problem[] {
  const context = new Context({ file: document.file, unknownFields: 'warning', text: 'strict' });
  const { node } = document;
  if (node.kind !== 'map') return [];
  for (const entry of node.entries) {
    context.within(entry.key, () => {
      const { key, value } = entry;
      if (key === '_format_version') enumOf('3.0', '2.1', '1.1')(value, context);
      if (headerKeys.has(key) || isNull(value)) return;
      const kind = KINDS.find((name) => name === key);
      const other = otherParts.get(key);
      if (kind !== undefined) readList(value, kind, null, written, context);
      else if (other?.severity === 'error') context.error(entry, other.message);
      else if (other !== undefined) context.warn(entry, other.message);
      else {
        const near = closest(key, [...KINDS, ...otherParts.keys(), ...headerKeys]);
        context.warn(entry, `unknown field, it is ignored${near === null ? '' : `: did you mean ${near}?`}`);
      }
    });
  }
  return context.problems;
}

/** The version of the file format; '3.0' when it is none that is known. */
export function formatOf(document: KongDocument): string {
  const version = childOf(document.node, '_format_version');
  return version?.kind === 'scalar' ? version.text : '3.0';
}

const decoders: { readonly [K in Kind]: Decoder<Written[K][number]['fields']> } = {
  services: serviceDecoder,
  routes: routeDecoder,
  upstreams: upstreamDecoder,
  targets: targetDecoder,
  consumers: consumerDecoder,
  keyauth_credentials: keyDecoder,
  plugins: pluginDecoder,
};
const KINDS = Object.keys(decoders) as Kind[];

const NESTED: { readonly [K in Kind]?: readonly Kind[] } = {
  services: ['routes', 'plugins'],
  routes: ['plugins'],
  upstreams: ['targets'],
  consumers: ['keyauth_credentials', 'plugins'],
};

function readList(node: Node, kind: Kind, parent: Parent | null, written: Written, context: Context): void {
  if (node.kind !== 'list') {
    context.error(node, `wants a list, got ${describe(node)}`);
    return;
  }
  node.items.forEach((item, i) =>
    context.within(`[${i}]`, () => {
      if (item.kind === 'map') readEntity(item, kind, parent, written, context);
      else context.error(item, `wants a mapping, got ${describe(item)}`);
    }),
  );
}

function readEntity(
  node: MapNode,
  kind: Kind,
  parent: Parent | null,
  written: Written,
  context: Context,
): void {
  const fields = decoders[kind](node, context);
  let entity: WrittenEntity<never> | null = null;
  if (fields === undefined) {
    for (const key of ['id', 'name', 'username']) {
      const name = childOf(node, key);
      if (name?.kind === 'scalar') written.broken.add(`${kind}/${name.text}`);
    }
  } else {
    entity = {
      fields: fields as never,
      at: context.place(node),
      content: JSON.stringify(toPlain(node)),
      parent,
    };
    // The decoder of this kind made the fields.
    (written[kind] as WrittenEntity<never>[]).push(entity);
  }
  for (const child of NESTED[kind] ?? []) {
    const list = childOf(node, child);
    if (list === null || isNull(list)) continue;
    context.within(child, () => readList(list, child, { kind, entity }, written, context));
  }
}
