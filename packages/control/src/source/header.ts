// Tells documents apart by their own headers: Kong's `_format_version`, Kubernetes' `apiVersion` and `kind`.
import { childOf, describe, isNull, readDocuments, type Node } from '@munjigi/document';
import type { Problem } from '@munjigi/model';
import type { SourceFile } from './folder.ts';

const ISTIO_KINDS = ['Gateway', 'VirtualService', 'DestinationRule', 'ServiceEntry'] as const;
export type IstioKind = (typeof ISTIO_KINDS)[number];

export interface KongDocument {
  readonly file: string;
  readonly node: Node;
}

export interface IstioObject {
  readonly file: string;
  readonly kind: IstioKind;
  readonly node: Node;
}

export interface Sorted {
  readonly kong: readonly KongDocument[];
  /** In the order of the files. */
  readonly istio: readonly IstioObject[];
  readonly problems: readonly Problem[];
}

const ACCEPTED =
  'Kong (_format_version: "3.0", "2.1" or "1.1") and Istio (apiVersion: networking.istio.io/v1, ' +
  `kind: ${ISTIO_KINDS.join(', ')})`;

/** Kinds that decide who may do what: to pass one over would open the gate. */
const GUARDS: ReadonlySet<string> = new Set([
  'security.istio.io/AuthorizationPolicy',
  'security.istio.io/RequestAuthentication',
  'security.istio.io/PeerAuthentication',
  'networking.istio.io/EnvoyFilter',
  'extensions.istio.io/WasmPlugin',
  'extensions.istio.io/TrafficExtension',
]);

/** API groups whose objects are known to be something else, or to be read later. */
const PASSED_OVER: readonly RegExp[] = [
  /^v1$/,
  /^(?:apps|batch|autoscaling|policy)\//,
  /(?:^|\.)k8s\.io\//,
  /(?:^|\.)(?:istio\.io|konghq\.com|monitoring\.coreos\.com|flagger\.app)\//,
];

/**
 * A file without a document. An empty one is what a save looks like that was cut off or met a full disk: to take it for "no routes" would
 * close the gate. One that has only comments was meant.
 */
function nothingIn(file: string, text: string): Problem {
  const empty = text.trim() === '';
  return {
    severity: empty ? 'error' : 'warning',
    file,
    line: 1,
    column: 1,
    field: '',
    message: empty
      ? 'the file is empty: write a document, or remove the file'
      : 'there is no document in it, only comments',
  };
}

/** Reads all documents of all files. Nothing throws: what is wrong stands in `problems`. */
export function sortDocuments(files: readonly SourceFile[]): Sorted {
  const kong: KongDocument[] = [];
  const istio: IstioObject[] = [];
  const problems: Problem[] = [];
  const say = (
    severity: Problem['severity'],
    file: string,
    at: Node,
    field: string,
    message: string,
  ): void => {
    problems.push({ severity, file, line: at.line, column: at.column, field, message });
  };

  const sort = (file: string, node: Node, field: string): void => {
    if (node.kind !== 'map') {
      say(
        'error',
        file,
        node,
        field,
        `wants a configuration document, got ${describe(node)}; accepted: ${ACCEPTED}`,
      );
      return;
    }
    if (childOf(node, '_format_version') !== null) {
      kong.push({ file, node });
      return;
    }
    const version = textOf(node, 'apiVersion');
    const kind = textOf(node, 'kind');
    if (version === null || kind === null) {
      const openApi = childOf(node, 'openapi') ?? childOf(node, 'swagger');
      if (openApi !== null)
        say('warning', file, node, field, 'OpenAPI documents are not read yet: it has no effect');
      else {
        const header = missingHeader(node, version, kind);
        say('error', file, node, field, `unknown kind of document${header}; accepted: ${ACCEPTED}`);
      }
      return;
    }
    if (kind === 'List' || (kind.endsWith('List') && childOf(node, 'items') !== null)) {
      const items = childOf(node, 'items');
      if (items === null || isNull(items)) return;
      if (items.kind !== 'list') say('error', file, items, 'items', `wants a list, got ${describe(items)}`);
      else
        items.items.forEach((item, i) => sort(file, item, `${field === '' ? '' : `${field}.`}items[${i}]`));
      return;
    }
    const known = ISTIO_KINDS.find((name) => name === kind);
    if (known !== undefined && /^networking\.istio\.io\/(?:v1|v1beta1|v1alpha3)$/.test(version)) {
      istio.push({ file, kind: known, node });
    } else if (GUARDS.has(`${version.slice(0, version.indexOf('/'))}/${kind}`)) {
      say(
        'error',
        file,
        node,
        'kind',
        `${kind} is not supported yet, and without it requests would pass that it stops`,
      );
    } else if (PASSED_OVER.some((group) => group.test(version))) {
      say('warning', file, node, 'kind', `${kind} (${version}) is not supported yet: it has no effect`);
    } else {
      say(
        'error',
        file,
        node,
        'kind',
        `unknown kind of document: ${kind} of ${version}; accepted: ${ACCEPTED}`,
      );
    }
  };

  for (const { path, text } of files) {
    const { documents, problems: syntax } = readDocuments(path, text);
    problems.push(...syntax);
    if (documents.length === 0 && syntax.length === 0) problems.push(nothingIn(path, text));
    for (const node of documents) sort(path, node, '');
  }
  return { kong, istio, problems };
}

function missingHeader(node: Node, version: string | null, kind: string | null): string {
  if (version !== null) return ': it has no kind';
  if (kind !== null) return ': it has kind but no apiVersion';
  const isKong = ['services', 'routes', 'upstreams', 'consumers', 'plugins'].some(
    (part) => childOf(node, part) !== null,
  );
  return isKong ? ': if it is Kong\'s, add _format_version: "3.0"' : '';
}

function textOf(node: Node, key: string): string | null {
  const child = childOf(node, key);
  return child !== null && child.kind === 'scalar' && !isNull(child) && child.text !== '' ? child.text : null;
}
