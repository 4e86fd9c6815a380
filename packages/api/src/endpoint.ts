// One endpoint: which methods, what it needs, what it does.
import type { HttpRequest, HttpResponse } from '@munjigi/env';

export interface Endpoint {
  readonly methods: readonly ('GET' | 'POST' | 'PUT')[];
  /** Refused with 503 until the store is ready. */
  readonly needsStore: boolean;
  /** Throws BadRequest for a wrong parameter. `name` is the part of the path that `:name` stands for. */
  readonly handle: (r: HttpRequest, name: string) => HttpResponse | Promise<HttpResponse>;
}

/** By path below /api/v1; `:name` stands for one segment. */
export type Endpoints = Readonly<Record<string, Endpoint>>;

export const READ: readonly ['GET'] = ['GET'];
export const READ_OR_FORM: readonly ['GET', 'POST'] = ['GET', 'POST'];
export const CHANGE: readonly ['POST', 'PUT'] = ['POST', 'PUT'];
