// Host patterns as the data plane has them: `shop.local`, `*.shop.local` (any number of labels), `*`.

/** Whether every host that `narrow` names is one that `wide` names. */
export function covers(wide: string, narrow: string): boolean {
  if (wide === '*' || wide === narrow) return true;
  return wide.startsWith('*') && narrow.length > wide.length - 1 && narrow.endsWith(wide.slice(1));
}

/** Every pattern that covers this one: itself, the wildcards above it, `*`. */
export function coversOf(pattern: string): string[] {
  const all = [pattern];
  const name = pattern.startsWith('*.') ? pattern.slice(2) : pattern;
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1))
    all.push(`*${name.slice(dot)}`);
  if (pattern !== '*') all.push('*');
  return all;
}

/** The hosts that both name: the narrower pattern, or null. */
export function intersect(a: string, b: string): string | null {
  if (covers(a, b)) return b;
  return covers(b, a) ? a : null;
}

/** What is wrong with a host pattern, or null. `name` or an address; a wildcard stands for whole labels at the left. */
export function hostFault(pattern: string): string | null {
  if (pattern === '*') return null;
  const host = pattern.startsWith('*.') ? pattern.slice(2) : pattern;
  if (host.includes('*')) return 'a wildcard is only supported as the whole first label, as in *.example.com';
  if (host.includes(':')) return 'a host with a port is not supported: every port of the gateway serves it';
  if (host.length > 253 || !/^(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/i.test(host))
    return 'not a host name';
  return null;
}
