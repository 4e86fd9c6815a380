// Why a query that parsed did not give a result.
import { BUDGET, type Budget } from './fragment.ts';

export type QueryErrorKind =
  /** The data does not allow the expression: duplicate labels, many-to-many, a bad parameter. */
  | 'execution'
  /** More samples than one query may hold. */
  | 'limit'
  /** More bytes than this query, or all together, may hold. */
  | 'memory'
  | 'cancelled';

/** Messages are Prometheus' where it has one. */
export class QueryError extends Error {
  readonly kind: QueryErrorKind;
  constructor(kind: QueryErrorKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

export function executionError(message: string): QueryError {
  return new QueryError('execution', message);
}

/** Throws when the query was cancelled. */
export function checkCancelled(b: Budget): void {
  if (Atomics.load(b.state, BUDGET.cancelled) !== 0) throw cancelled();
}

function cancelled(): QueryError {
  return new QueryError('cancelled', 'query was canceled in expression evaluation');
}

/** Bytes of a result cell: its value and its byte in `present`. */
export const CELL_BYTES = 9;

const TOO_MANY_SAMPLES = 'query processing would load too many samples into memory in query execution';

/** Takes room for cells (of `cellBytes` each) before they are allocated; throws when a limit would be passed. */
export function takeCells(b: Budget, cells: number, cellBytes: number = CELL_BYTES): void {
  const { maxSamples } = b.limits;
  const held = Atomics.add(b.state, BUDGET.samples, cells) + cells;
  if (maxSamples > 0 && held > maxSamples) {
    Atomics.sub(b.state, BUDGET.samples, cells);
    throw new QueryError('limit', TOO_MANY_SAMPLES);
  }
  notePeak(b, held);
  takeBytes(b, cells * cellBytes);
}

/** Gives back what `takeCells` took. */
export function giveCells(b: Budget, cells: number, cellBytes: number = CELL_BYTES): void {
  Atomics.sub(b.state, BUDGET.samples, cells);
  giveBytes(b, cells * cellBytes);
}

/** Takes room before it is allocated. Throws, and takes nothing, when the query or all queries together would hold too much. */
export function takeBytes(b: Budget, bytes: number): void {
  const kib = toKib(bytes);
  const before = Atomics.add(b.state, BUDGET.bytes_kib, kib);
  if (before < 0) throw cancelled();
  const total = b.all === undefined ? 0 : Atomics.add(b.all, 0, kib) + kib;
  const { maxBytes, maxTotalBytes = 0 } = b.limits;
  const held = (before + kib) * 1024;
  if (maxBytes > 0 && held > maxBytes) {
    giveBytes(b, bytes);
    throw new QueryError(
      'memory',
      `query needs ${held} bytes of memory and may hold ${maxBytes} (query.max_memory): ask for fewer series, steps or a shorter range`,
    );
  }
  if (maxTotalBytes > 0 && total * 1024 > maxTotalBytes) {
    giveBytes(b, bytes);
    throw new QueryError(
      'memory',
      `query needs ${held} bytes of memory, with which all queries would hold ${total * 1024} and may hold ${maxTotalBytes} (query.max_memory_total): try again later, or ask for less`,
    );
  }
}

/** Gives back what `takeBytes` took. */
export function giveBytes(b: Budget, bytes: number): void {
  const kib = toKib(bytes);
  if (Atomics.sub(b.state, BUDGET.bytes_kib, kib) >= 0 && b.all !== undefined) Atomics.sub(b.all, 0, kib);
}

/** The query is over: what it held is given back, once. Whoever still works for it takes nothing any more. */
export function closeBudget(b: Pick<Budget, 'state' | 'all'>): void {
  const held = Atomics.exchange(b.state, BUDGET.bytes_kib, CLOSED);
  if (held > 0 && b.all !== undefined) Atomics.sub(b.all, 0, held);
}

/** So far below 0 that no late taker brings it up again. */
const CLOSED: number = -(2 ** 30);

function toKib(bytes: number): number {
  return Math.min(2 ** 29, Math.ceil(bytes / 1024));
}

function notePeak(b: Budget, held: number): void {
  let peak = Atomics.load(b.state, BUDGET.peak);
  while (held > peak) {
    const seen = Atomics.compareExchange(b.state, BUDGET.peak, peak, held);
    if (seen === peak) return;
    peak = seen;
  }
}

/** Whether n more samples may be held for a moment; throws when not. */
export function checkSamples(b: Budget, n: number): void {
  const { maxSamples } = b.limits;
  const held = Atomics.load(b.state, BUDGET.samples) + n;
  if (maxSamples > 0 && held > maxSamples) throw new QueryError('limit', TOO_MANY_SAMPLES);
  notePeak(b, held);
}

/** Whether so many cells more could be taken; throws when not. */
export function checkCells(b: Budget, cells: number): void {
  takeCells(b, cells);
  giveCells(b, cells);
}
