// Istio's names of hosts: full, short, wildcard.

/** What is wrong with a full or wildcard (`*.x`, `*`) name, or null. Underscores are allowed: SNI names of Istio's own have them. */
export function domainFault(name: string): string | null {
  if (name === '*') return null;
  if (name.length > 255) return `${name} has more than 255 characters`;
  const labels = name.split('.');
  if (labels[0] === '*') labels.shift();
  const wrong = labels.find((label) => !/^[a-zA-Z0-9_](?:[-a-zA-Z0-9_]{0,61}[a-zA-Z0-9_])?$/.test(label));
  return wrong === undefined && labels.length > 0 ? null : `${name} is not a domain name`;
}

/** `shop` in the namespace default is `shop.default.svc.cluster.local`; a name with a dot is itself. */
export function fullHost(host: string, namespace: string): string {
  return host.includes('.') || host.includes('*') ? host : `${host}.${namespace}.svc.cluster.local`;
}
