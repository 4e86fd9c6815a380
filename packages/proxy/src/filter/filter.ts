// What a filter may do with a request whose head has just been read: let it go on, or answer it. It runs synchronously, on the head's bytes.
import type { Answer } from '../answer.ts';
import type { Head } from '../http1/head.ts';
import type { Consumer } from '../snapshot.ts';

/** The request as filters see it. */
export interface Exchange {
  readonly head: Head;
  /** The bytes that `head` points into; valid during the call. */
  readonly bytes: Uint8Array;
  /** Path in normal form: path[pathFrom..pathTo). */
  readonly path: Uint8Array;
  readonly pathFrom: number;
  readonly pathTo: number;
  /** Address of the client, behind trusted peers. */
  readonly clientAddress: string;
  /** Name of the service that the route belongs to. */
  readonly service: string;
  /** Who was let in by an earlier filter. */
  consumer: Consumer | null;
  credentialId: string;
  /** Wall time in ms. */
  readonly wall: number;
  /** Header lines for the upstream, each with its CR LF. */
  addRequestLines(lines: Uint8Array): void;
  /** Header lines for the client, in whatever answer it gets. */
  addResponseLines(lines: string): void;
  /** Forwards another query instead of the one that came; '' for none. */
  replaceQuery(query: string): void;
}

/** null: go on; else the answer. */
export interface Filter {
  request(x: Exchange): Answer | null;
}
