// Replies: Prometheus' JSON envelope, plain text, and what headers they have.
import type { HttpResponse } from '@munjigi/env';
import { ERROR_STATUS, type ErrorType } from '@munjigi/query';

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
