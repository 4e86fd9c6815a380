import { hash } from 'node:crypto';

/** Content hash of a resource: of everything but its own `hash`, whatever the order of its fields. */
export function contentHash(resource: object): string {
  const { hash: _, ...content } = resource as { readonly hash?: string };
  return hash('sha256', canonical(content), 'hex').slice(0, 32);
}

/** JSON with sorted fields. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const fields = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`);
  return `{${fields.join(',')}}`;
}
