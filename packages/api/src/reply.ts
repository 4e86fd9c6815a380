// Replies: Prometheus' JSON envelope, plain text, and what headers they have.
import type { HttpRequest, HttpResponse } from '@munjigi/env';
import { ERROR_STATUS, type ErrorType, type QueryReply, type QueryRequest } from '@munjigi/query';
import type { ApiDeps } from './deps.ts';

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain; charset=utf-8';

export function success(data: unknown): HttpResponse {
  return json(200, { status: 'success', data });
}

export function failure(errorType: ErrorType, error: string, status?: number): HttpResponse {
  return json(status ?? ERROR_STATUS[errorType], { status: 'error', errorType, error });
}

function json(status: number, value: object): HttpResponse {
  return finishedJson(status, JSON.stringify(value));
}

export function finishedJson(status: number, body: Uint8Array | string): HttpResponse {
  return { status, headers: status === 204 ? {} : { 'content-type': JSON_TYPE }, body };
}

/** What the pool answers to a request. */
export async function ask(
  pool: ApiDeps['query'],
  request: QueryRequest,
  { method, signal }: HttpRequest,
): Promise<HttpResponse> {
  return queryReply(await pool.query(request, signal), method);
}

/** What the pool answered: whole, or piece by piece as the client takes them. */
export function queryReply(
  { status, body, rest }: QueryReply,
  method: string,
  contentType: string = JSON_TYPE,
): HttpResponse {
  const headers = status === 204 ? {} : { 'content-type': contentType };
  if (rest === undefined) return { status, headers, body };
  // Nobody will read it.
  if (method === 'HEAD') rest.drop();
  return {
    status,
    headers,
    body: async (send) => {
      let piece: Uint8Array<ArrayBuffer> | null = body;
      while (piece !== null) {
        if (!(await send(piece))) return rest.drop();
        piece = await rest.next(piece);
      }
    },
  };
}

export function text(
  status: number,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return {
    status,
    headers: { 'content-type': TEXT_TYPE, 'x-content-type-options': 'nosniff', ...headers },
    body,
  };
}

/** The same reply with more headers. */
export function withHeaders(r: HttpResponse, headers: Readonly<Record<string, string>>): HttpResponse {
  return { ...r, headers: { ...r.headers, ...headers } };
}
