// Gateway: which hosts are served on which port.
import {
  boolean,
  ignored,
  integer,
  list,
  mapOf,
  object,
  optional,
  required,
  string,
  enumOf,
  type Decoder,
} from '@munjigi/document';
import { judged, warned } from '../problems.ts';
import { domainFault } from './names.ts';
import { isAddress, protocol } from './service-entry.ts';
import type { GatewaySpec } from './spec.ts';

const text = string({ nonEmpty: true });

const tls = object(
  {
    httpsRedirect: optional(boolean),
    mode: optional(
      enumOf('PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'),
    ),
  },
  { unknownFields: 'allowed' },
);

const server = object(
  {
    port: required(
      object({
        number: required(integer({ min: 0, max: 65_535 })),
        name: required(text),
        protocol: required(protocol),
        targetPort: ignored('not supported: the port itself is listened on'),
      }),
    ),
    bind: optional(
      warned(
        judged(text, (bind) =>
          bind.startsWith('unix://') || isAddress(bind) ? null : `${bind} is not a valid IP address`,
        ),
        () => 'not supported: gateway.listen says which addresses are listened on',
      ),
    ),
    hosts: required(list(judged(text, serverHostFault), { min: 1 })),
    tls: optional(tls),
    defaultEndpoint: ignored('not supported: it has no effect'),
    name: optional(string()),
  },
  {
    check: (value, report) => {
      const secure = value.port.protocol === 'HTTPS' || value.port.protocol === 'TLS';
      const mode = value.tls?.mode;
      const unix = value.bind?.startsWith('unix://') === true;
      if (secure && value.tls === undefined)
        report.error('', `a server of ${value.port.protocol} must have tls`);
      if (!secure && mode !== undefined && mode !== 'PASSTHROUGH')
        report.error('tls', `a server of ${value.port.protocol} cannot have tls other than httpsRedirect`);
      if (secure && value.tls?.httpsRedirect === true)
        report.warn('tls', 'httpsRedirect is only for servers of HTTP');
      if (unix && value.port.number !== 0) report.error('port', 'the port must be 0 for a unix socket');
      if (!unix && value.port.number === 0) report.error('port', 'the port must be between 1 and 65535');
    },
  },
);

export const gateway: Decoder<GatewaySpec> = object(
  {
    servers: required(list(server, { min: 1 })),
    selector: optional(mapOf(string())),
  },
  {
    check: ({ servers }, report) => {
      const names = new Map<string, number>();
      servers.forEach(({ port }, i) => {
        const before = names.get(port.name);
        if (before !== undefined)
          report.error(
            'servers',
            `servers ${before + 1} and ${i + 1} have the port name ${port.name}: port names must differ`,
          );
        names.set(port.name, i);
      });
    },
  },
);

/** `host`, `namespace/host`, `*` and `.` as the namespace. Unlike Istio's, a short host such as localhost is fine. */
function serverHostFault(text: string): string | null {
  const slash = text.indexOf('/');
  const namespace = slash < 0 ? '*' : text.slice(0, slash);
  if (namespace !== '*' && namespace !== '.' && !/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(namespace))
    return `invalid namespace ${namespace} in ${text}`;
  const host = text.slice(slash + 1);
  if (/^\*[^.]/.test(host)) return `the partial wildcard ${host} is not allowed`;
  if (host.includes(':')) return `${host}: IPv6 addresses as hosts are not supported yet`;
  return domainFault(host);
}
