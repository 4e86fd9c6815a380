// Leases: an open Querier may read captured bytes from any thread. What the head gives up (a slot) is retired with the number of the
// newest lease and freed once every lease up to that number is closed. A lease that gets too old is revoked: its flag, which
// selections carry into other threads, is set before anything it could see is used again.
import { StorageError } from '@munjigi/model';
import type { SlotPages } from '../chunk/slots.ts';

export interface Lease {
  readonly id: number;
  readonly opened_ms: number;
  /** One Int32: not 0 once revoked. */
  readonly flag: SharedArrayBuffer;
  /** It may be open for long: it is not revoked (a block is cut from it). */
  kept: boolean;
  close(): void;
  /** Throws StorageError when the lease was closed or revoked. */
  check(): void;
}

export interface Leases {
  open(now_ms: number): Lease;
  openCount(): number;
  revokedCount(): number;
  /** Slots that wait for leases. */
  retiredCount(): number;
  /** Calls fn once no lease is open that is open now. */
  whenUnseen(fn: () => void): void;
  retire(slot: number, units: number): void;
  /** Revokes leases opened before `oldest_ms`; they stop holding memory back at the next call. */
  revokeBefore(oldest_ms: number): void;
  /** Frees what no lease can see. */
  reclaim(): void;
}

export function newLeases(slots: SlotPages, leaseMax_ms: number): Leases {
  const open = new Map<number, Lease>();
  let lastId = 0;
  let revoked = 0;
  let ring = newRing(1024);
  /** In the order of their leases. */
  let waiting: { readonly lease: number; readonly fn: () => void }[] = [];

  function oldestOpen(): number {
    // A Map keeps insertion order, and ids grow.
    for (const id of open.keys()) return id;
    return Infinity;
  }

  function reclaim(): void {
    const oldest = oldestOpen();
    if (waiting.length > 0) {
      const ready = waiting.filter(({ lease }) => lease < oldest);
      waiting = waiting.filter(({ lease }) => lease >= oldest);
      for (const { fn } of ready) fn();
    }
    while (ring.from < ring.to) {
      const i = ring.from % ring.slot.length;
      if (ring.lease[i]! >= oldest) return;
      slots.free(ring.slot[i]!, ring.units[i]!);
      ring.from++;
    }
  }

  return {
    open(now_ms): Lease {
      const flag = new SharedArrayBuffer(4);
      const state = new Int32Array(flag);
      const id = ++lastId;
      let closed = false;
      const lease: Lease = {
        id,
        kept: false,
        opened_ms: now_ms,
        flag,
        close(): void {
          closed = true;
          if (open.delete(id)) reclaim();
        },
        check(): void {
          if (Atomics.load(state, 0) !== 0) throw revokedError(leaseMax_ms);
          if (closed) throw new StorageError('ECLOSED', 'this querier was closed: open another one', false);
        },
      };
      open.set(id, lease);
      return lease;
    },
    openCount: () => open.size,
    revokedCount: () => revoked,
    retiredCount: () => ring.to - ring.from,
    whenUnseen(fn): void {
      if (open.size === 0) fn();
      else waiting.push({ lease: lastId, fn });
    },
    retire(slot, units): void {
      if (open.size === 0) {
        slots.free(slot, units);
        return;
      }
      if (ring.to - ring.from === ring.slot.length) ring = grow(ring);
      const i = ring.to++ % ring.slot.length;
      ring.slot[i] = slot;
      ring.units[i] = units;
      ring.lease[i] = lastId;
    },
    revokeBefore(oldest_ms): void {
      for (const lease of open.values()) {
        if (lease.opened_ms >= oldest_ms || lease.kept) continue;
        Atomics.store(new Int32Array(lease.flag), 0, 1);
        open.delete(lease.id);
        revoked++;
      }
    },
    reclaim,
  };
}

/** What a reader of a revoked lease gets. */
export function revokedError(leaseMax_ms: number): StorageError {
  const after = leaseMax_ms > 0 ? ` of ${leaseMax_ms} ms` : '';
  return new StorageError(
    'ELEASE',
    `the query held its view of the head longer than lease_max${after}: ask for less, or raise the limit`,
    false,
  );
}

interface Ring {
  from: number;
  to: number;
  slot: Uint32Array;
  units: Uint16Array;
  lease: Float64Array;
}

function newRing(size: number): Ring {
  return {
    from: 0,
    to: 0,
    slot: new Uint32Array(size),
    units: new Uint16Array(size),
    lease: new Float64Array(size),
  };
}

function grow(old: Ring): Ring {
  const size = old.slot.length;
  const ring = newRing(2 * size);
  for (let i = old.from; i < old.to; i++) {
    ring.slot[ring.to] = old.slot[i % size]!;
    ring.units[ring.to] = old.units[i % size]!;
    ring.lease[ring.to] = old.lease[i % size]!;
    ring.to++;
  }
  return ring;
}
