// What can be wrong with a resource, beyond its type: checked before anything is compiled, each finding a Problem that names the resource.
import type { Problem } from '@munjigi/model';
import { checkEdits } from './route/edits.ts';
import type { DirectResponse, PathMatch, Resource, ResourceName } from './snapshot.ts';

/** Most rules that one host may have. */
const HOST_ROUTES = 100_000;
/** Most targets of a split. */
const SPLIT_TARGETS = 1000;
/** Most endpoints of a cluster. */
const CLUSTER_ENDPOINTS = 10_000;
const ANSWER_BYTES = 1024 * 1024;

/** A Problem about a resource; it has no place in a file. */
export function problem(field: string, message: string): Problem {
  return { severity: 'error', file: 'gateway', line: 0, column: 0, field, message };
}

/** Names of the resources that r needs. */
export function references(r: Resource): ResourceName[] {
  switch (r.kind) {
    case 'listener':
      return [...r.hosts];
    case 'host':
      return [...r.routes];
    case 'route':
      return [...(r.action.kind === 'forward' ? [r.action.split] : []), ...r.filters];
    case 'split':
      return r.targets.map(({ cluster }) => cluster);
    case 'cluster':
      return [r.endpoints];
    case 'filter':
      return r.filter === 'key-auth' ? [r.secret] : [];
    case 'endpoints':
    case 'secret':
      return [];
    // no default
  }
}

/** Everything that is wrong with one resource by itself. */
export function checkResource(r: Resource): Problem[] {
  const wrong: string[] = [];
  if (!r.name.startsWith(`${r.kind}/`)) wrong.push(`the name of a ${r.kind} begins with ${r.kind}/`);
  switch (r.kind) {
    case 'listener':
      if (!Number.isInteger(r.port) || r.port < 1 || r.port > 65_535) wrong.push(`${r.port} is not a port`);
      break;
    case 'host':
      if (r.routes.length > HOST_ROUTES) wrong.push(`more than ${HOST_ROUTES} routes`);
      for (const p of r.patterns)
        if (!/^(\*|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])$/.test(p))
          wrong.push(`"${p}" is not a host pattern (lower case, no port, at most a leading *.)`);
      wrong.push(...checkAnswer(r.noRoute));
      break;
    case 'route':
      for (const m of r.matches) {
        if (m.path !== null) wrong.push(...checkPath(m.path));
        for (const h of m.headers)
          if (h.name !== h.name.toLowerCase()) wrong.push(`the header name ${h.name} is not in lower case`);
      }
      if (r.action.kind === 'direct') wrong.push(...checkAnswer(r.action.response));
      if (r.action.kind === 'redirect') {
        const { status, host, path } = r.action;
        if (status < 300 || status > 399) wrong.push(`${status} is not a redirect`);
        if (/[\r\n\0]/.test(`${host ?? ''}${path ?? ''}`)) wrong.push('the location holds a line end');
      }
      if (r.hostHeader?.kind === 'literal' && !/^[\w.~\-[\]:]+$/.test(r.hostHeader.value))
        wrong.push(`"${r.hostHeader.value}" can't stand in Host`);
      if (r.rewritePath !== null) {
        const to = r.rewritePath.kind === 'join' ? r.rewritePath.base : r.rewritePath.to;
        if (/[^\x21-\x7e]|[?#]/.test(to)) wrong.push(`"${to}" can't stand in a path: percent-encode it`);
      }
      wrong.push(...checkEdits(r.requestHeaders), ...checkEdits(r.responseHeaders));
      wrong.push(...checkDuration('timeout_ms', r.timeout_ms));
      break;
    case 'split':
      if (r.targets.length > SPLIT_TARGETS) wrong.push(`more than ${SPLIT_TARGETS} targets`);
      for (const t of r.targets) {
        wrong.push(
          ...checkWeight(t.weight),
          ...checkEdits(t.requestHeaders),
          ...checkEdits(t.responseHeaders),
        );
      }
      wrong.push(...checkAnswer(r.noBackend));
      break;
    case 'cluster':
      wrong.push(...checkDuration('connectTimeout_ms', r.connectTimeout_ms));
      wrong.push(...checkDuration('idleTimeout_ms', r.idleTimeout_ms));
      wrong.push(...checkDuration('poolIdleTimeout_ms', r.poolIdleTimeout_ms));
      wrong.push(...checkAnswer(r.noEndpoint));
      break;
    case 'endpoints':
      if (r.endpoints.length > CLUSTER_ENDPOINTS) wrong.push(`more than ${CLUSTER_ENDPOINTS} endpoints`);
      for (const { host, port, weight } of r.endpoints) {
        if (!/^[\w.\-:%]+$/.test(host)) wrong.push(`"${host}" is neither an address nor a name`);
        if (!Number.isInteger(port) || port < 1 || port > 65_535) wrong.push(`${port} is not a port`);
        wrong.push(...checkWeight(weight));
      }
      break;
    case 'secret':
      for (const { sha256 } of r.credentials)
        if (!/^[0-9a-f]{64}$/.test(sha256)) wrong.push('a credential is not a SHA-256 in hexadecimal');
      break;
    case 'filter':
      if (r.filter === 'rate-limiting') {
        if (r.limits.length === 0) wrong.push('no limit is given');
        for (const { limit } of r.limits)
          if (!(Number.isInteger(limit) && limit >= 0 && limit < 2 ** 31))
            wrong.push(`${limit} is not a limit`);
        if (r.errorCode < 400 || r.errorCode > 599) wrong.push(`${r.errorCode} is not an error status`);
      }
      break;
    // no default
  }
  return wrong.map((message) => problem(r.name, message));
}

function checkAnswer(r: DirectResponse): string[] {
  const wrong: string[] = [];
  if (!Number.isInteger(r.status) || r.status < 200 || r.status > 599)
    wrong.push(`${r.status} is not a final status`);
  if (/[^\t\x20-\x7e]/.test(r.contentType)) wrong.push('a content type holds a forbidden character');
  if (r.body.length > ANSWER_BYTES) wrong.push(`an answer's body is longer than ${ANSWER_BYTES} characters`);
  return wrong;
}

function checkPath(p: PathMatch): string[] {
  return p.value.startsWith('/') ? [] : [`the path "${p.value}" does not begin with /`];
}

function checkWeight(weight: number): string[] {
  return Number.isFinite(weight) && weight >= 0 && weight <= 1e9 ? [] : [`${weight} is not a weight`];
}

function checkDuration(field: string, ms: number): string[] {
  return Number.isFinite(ms) && ms >= 0 && ms < 2 ** 31 ? [] : [`${field}: ${ms} is not a duration in ms`];
}
