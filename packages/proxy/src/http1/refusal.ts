// Every reason for which a message is refused, with the status that the client gets. The scanners answer with these numbers, negated.
import { latin1 } from './bytes.ts';

export interface Refusal {
  /** Label value in munjigi_http_bad_requests_total. */
  readonly reason: string;
  readonly status: number;
  readonly message: string;
}

/** Index is the number that scanners return (negated); 0 is unused. */
export const REFUSALS: readonly Refusal[] = [
  { reason: 'none', status: 400, message: 'Bad request' },
  { reason: 'request_line', status: 400, message: 'The request line is malformed' },
  { reason: 'line_end', status: 400, message: 'A line does not end in CR LF' },
  { reason: 'header_name', status: 400, message: 'A header name is malformed' },
  { reason: 'header_value', status: 400, message: 'A header value holds a forbidden character' },
  { reason: 'folding', status: 400, message: 'Folded header lines are not accepted' },
  { reason: 'content_length', status: 400, message: 'Content-Length is malformed or repeated' },
  {
    reason: 'length_and_encoding',
    status: 400,
    message: 'Content-Length and Transfer-Encoding exclude each other',
  },
  { reason: 'transfer_encoding', status: 400, message: 'Transfer-Encoding is malformed' },
  { reason: 'transfer_coding', status: 501, message: 'Only the transfer coding chunked is accepted' },
  { reason: 'encoding_in_http10', status: 400, message: 'HTTP/1.0 has no Transfer-Encoding' },
  { reason: 'host', status: 400, message: 'Exactly one valid Host is needed' },
  { reason: 'target', status: 400, message: 'The request target is malformed' },
  { reason: 'target_length', status: 414, message: 'The request target is too long' },
  { reason: 'head_length', status: 431, message: 'The request head is too large' },
  { reason: 'header_count', status: 431, message: 'The request has too many headers' },
  { reason: 'version', status: 505, message: 'Only HTTP/1.1 and HTTP/1.0 are spoken here' },
  { reason: 'method', status: 501, message: 'The method is not supported' },
  { reason: 'expectation', status: 417, message: 'The expectation is not supported' },
  { reason: 'upgrade', status: 501, message: 'Upgrade is not supported' },
  { reason: 'chunk', status: 400, message: 'The chunked body is malformed' },
  { reason: 'head_timeout', status: 408, message: 'The request head took too long' },
  { reason: 'body_timeout', status: 408, message: 'The request body took too long' },
  { reason: 'connection_limit', status: 503, message: 'Too many connections' },
];

function numberOf(reason: string): number {
  return REFUSALS.findIndex((r) => r.reason === reason);
}

export const REFUSE: Readonly<
  Record<
    | 'requestLine'
    | 'lineEnd'
    | 'headerName'
    | 'headerValue'
    | 'folding'
    | 'contentLength'
    | 'lengthAndEncoding'
    | 'transferEncoding'
    | 'transferCoding'
    | 'encodingInHttp10'
    | 'host'
    | 'target'
    | 'targetLength'
    | 'headLength'
    | 'headerCount'
    | 'version'
    | 'method'
    | 'expectation'
    | 'upgrade'
    | 'chunk'
    | 'headTimeout'
    | 'bodyTimeout'
    | 'connectionLimit',
    number
  >
> = {
  requestLine: numberOf('request_line'),
  lineEnd: numberOf('line_end'),
  headerName: numberOf('header_name'),
  headerValue: numberOf('header_value'),
  folding: numberOf('folding'),
  contentLength: numberOf('content_length'),
  lengthAndEncoding: numberOf('length_and_encoding'),
  transferEncoding: numberOf('transfer_encoding'),
  transferCoding: numberOf('transfer_coding'),
  encodingInHttp10: numberOf('encoding_in_http10'),
  host: numberOf('host'),
  target: numberOf('target'),
  targetLength: numberOf('target_length'),
  headLength: numberOf('head_length'),
  headerCount: numberOf('header_count'),
  version: numberOf('version'),
  method: numberOf('method'),
  expectation: numberOf('expectation'),
  upgrade: numberOf('upgrade'),
  chunk: numberOf('chunk'),
  headTimeout: numberOf('head_timeout'),
  bodyTimeout: numberOf('body_timeout'),
  connectionLimit: numberOf('connection_limit'),
};

const PHRASES: Readonly<Record<number, string>> = {
  200: 'OK',
  201: 'Created',
  202: 'Accepted',
  204: 'No Content',
  206: 'Partial Content',
  301: 'Moved Permanently',
  302: 'Found',
  303: 'See Other',
  304: 'Not Modified',
  307: 'Temporary Redirect',
  308: 'Permanent Redirect',
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  411: 'Length Required',
  413: 'Content Too Large',
  414: 'URI Too Long',
  417: 'Expectation Failed',
  421: 'Misdirected Request',
  426: 'Upgrade Required',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
  505: 'HTTP Version Not Supported',
};

/** `HTTP/1.1 404 Not Found\r\n` */
export function statusLine(status: number): Buffer {
  return latin1(`HTTP/1.1 ${status} ${PHRASES[status] ?? ''}\r\n`);
}
