// Whether the server answers. Every API call reports here; while contact is lost, a small call is repeated until one is answered, and then
// everything that shows data loads again.
import { useSyncExternalStore } from 'react';
import { after, basePath, now_ms } from './browser.ts';

export interface Contact {
  /** null: in contact. */
  readonly lostSince_ms: number | null;
  /** Grows each time contact comes back: data shown from before is to be loaded again. */
  readonly epoch: number;
}

const RETRY_FIRST_ms = 1000;
const RETRY_LONGEST_ms = 10_000;

let contact: Contact = { lostSince_ms: null, epoch: 0 };
let retryDelay_ms = RETRY_FIRST_ms;
let cancelRetry: (() => void) | null = null;
const listeners = new Set<() => void>();

/** Says how a call went. */
export function reportContact(answered: boolean): void {
  if (answered) {
    cancelRetry?.();
    cancelRetry = null;
    retryDelay_ms = RETRY_FIRST_ms;
    if (contact.lostSince_ms !== null) publish({ lostSince_ms: null, epoch: contact.epoch + 1 });
    return;
  }
  if (contact.lostSince_ms === null) publish({ ...contact, lostSince_ms: now_ms() });
  if (cancelRetry === null) cancelRetry = after(retryDelay_ms, () => void retry());
}

/** Tries at once instead of waiting for the next turn. */
export function retryNow(): void {
  cancelRetry?.();
  cancelRetry = null;
  void retry();
}

export function useContact(): Contact {
  return useSyncExternalStore(subscribe, () => contact);
}

async function retry(): Promise<void> {
  retryDelay_ms = Math.min(retryDelay_ms * 2, RETRY_LONGEST_ms);
  cancelRetry = null;
  try {
    const response = await fetch(`${basePath}api/v1/status/buildinfo`, { cache: 'no-store' });
    reportContact(response.status !== 502 && response.status !== 504);
  } catch {
    reportContact(false);
  }
}

function publish(next: Contact): void {
  contact = next;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return (): void => void listeners.delete(listener);
}
