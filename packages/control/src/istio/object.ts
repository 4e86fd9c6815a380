// What all Istio objects share: their header, their names, the values their fields are made of.
import {
  byKind,
  childOf,
  Context,
  goDuration,
  isNull,
  list,
  mapOf,
  object,
  optional,
  plain,
  required,
  string,
  withDefault,
  type Decoder,
  type Place,
  type Schema,
} from '@munjigi/document';
import type { Problem } from '@munjigi/model';
import { DURATION_MS } from '../limits.ts';
import { judged } from '../problems.ts';
import type { IstioObject } from '../source/header.ts';
import type { Headers, StringMatch } from './spec.ts';

export interface Named<S> {
  readonly namespace: string;
  readonly name: string;
  readonly spec: S;
  /** Of the document. */
  readonly at: Place;
}

/** `default/shop` */
export function fullName(object: { readonly namespace: string; readonly name: string }): string {
  return `${object.namespace}/${object.name}`;
}

const metadata = object(
  {
    name: required(string({ nonEmpty: true })),
    namespace: withDefault(string({ nonEmpty: true }), 'default'),
  },
  { unknownFields: 'allowed' },
);

/** The object, or null when it cannot be read. */
export function readObject<S>(written: IstioObject, spec: Decoder<S>, problems: Problem[]): Named<S> | null {
  const context = new Context({ file: written.file, unknownFields: 'warning', text: 'strict' });
  const { node } = written;
  const value = object({
    apiVersion: optional(plain),
    kind: optional(plain),
    metadata: required(metadata),
    spec: required(spec),
    status: optional(plain),
  })(node, context);
  problems.push(...context.problems);
  if (value === undefined) return null;
  const { name, namespace } = value.metadata;
  return { name, namespace, spec: value.spec, at: context.place(node) };
}

/** A text at a path of keys of an object that may be unreadable otherwise. */
export function textAt(written: IstioObject, ...path: readonly string[]): string | null {
  let node = written.node;
  for (const key of path) {
    const child = childOf(node, key);
    if (child === null) return null;
    node = child;
  }
  return node.kind === 'scalar' && !isNull(node) ? node.text : null;
}

const REGEX = 'regular expressions are not supported yet: use exact or prefix';

/** `{ exact: x }`, `{ prefix: x }`, or nothing at all for what only has to be there. */
export const stringMatch: Decoder<StringMatch> = (node, context) => {
  const value = fields(node, context);
  if (value === undefined) return undefined;
  const { exact, prefix, regex } = value;
  if (regex !== undefined) return context.error(childOf(node, 'regex') ?? node, REGEX);
  if (exact !== undefined && prefix !== undefined)
    return context.error(node, 'wants either exact or prefix, not both');
  if (exact !== undefined) return { kind: 'exact', value: exact };
  if (prefix === '') return context.error(node, 'the prefix must not be empty');
  return prefix === undefined ? { kind: 'present' } : { kind: 'prefix', value: prefix };
};
const fields = object({ exact: optional(string()), prefix: optional(string()), regex: optional(string()) });

/** A duration of whole milliseconds: Istio takes no finer one. */
export function millis(min_ms: number): Decoder<number> {
  return judged(goDuration({ min: min_ms, max: DURATION_MS }), (ms) =>
    Number.isInteger(ms) ? null : 'wants whole milliseconds',
  );
}

/** Header names with what their values must be; `{}` for any value. */
export const headerMatches: Decoder<Map<string, StringMatch>> = mapOf(stringMatch, headerFault);

/** What is wrong with a header name, or null. */
function headerFault(name: string): string | null {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) ? null : `${JSON.stringify(name)} is not a header name`;
}

const headerName = judged(string(), headerEditFault);
const headerValue: Decoder<string> = (node, context) => {
  const text = byKind({ scalar: string() })(node, context);
  if (text === undefined) return undefined;
  // oxlint-disable-next-line no-control-regex -- the control characters are what is refused
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(text))
    return context.error(node, 'a header value must not contain control characters');
  if (/(?:^|[^%])(?:%%)*%[A-Za-z]/.test(text)) {
    return context.error(
      node,
      'variables such as %DOWNSTREAM_REMOTE_ADDRESS% are not supported yet; write %% for %',
    );
  }
  return text.replaceAll('%%', '%');
};
const edits = {
  set: withDefault(mapOf(headerValue, headerEditFault), new Map<string, string>()),
  add: withDefault(mapOf(headerValue, headerEditFault), new Map<string, string>()),
  remove: withDefault(list(headerName), []),
} satisfies Schema;
const headerOperations = object(edits);
export const headers: Decoder<Headers> = object({
  request: optional(headerOperations),
  response: optional(headerOperations),
});

/** Headers that frame a message or belong to one connection. */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function headerEditFault(name: string): string | null {
  if (name === ':authority') return null;
  return FRAMING.has(name.toLowerCase())
    ? `${name} cannot be changed: it frames the message or belongs to the connection`
    : headerFault(name);
}
