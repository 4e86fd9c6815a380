// Why a query that parsed did not give a result.
import { BUDGET, type Budget } from './fragment.ts';

export type QueryErrorKind =
  /** The data does not allow the expression: duplicate labels, many-to-many, a bad parameter. */
  | 'execution'
  /** A limit of the budget was reached. */
  | 'limit'
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
  if (Atomics.load(b.state, BUDGET.cancelled) !== 0)
    throw new QueryError('cancelled', 'query was canceled in expression evaluation');
}

/** Takes room for result cells (9 bytes each) before they are allocated; throws when a limit would be passed. */
export function takeCells(b: Budget, cells: number): void {
  const held = Atomics.add(b.state, BUDGET.samples, cells) + cells;
  const kib = Math.ceil((cells * 9) / 1024);
  const bytes = (Atomics.add(b.state, BUDGET.bytes_kib, kib) + kib) * 1024;
  const { maxSamples, maxBytes } = b.limits;
  if (maxSamples > 0 && held > maxSamples)
    throw new QueryError(
      'limit',
      'query processing would load too many samples into memory in query execution',
    );
  if (maxBytes > 0 && bytes > maxBytes)
    throw new QueryError(
      'limit',
      `query needs more than ${maxBytes} bytes for its columns: ask for fewer series or steps`,
    );
}

/** Whether n more samples may be held for a moment; throws when not. */
export function checkSamples(b: Budget, n: number): void {
  const { maxSamples } = b.limits;
  if (maxSamples > 0 && Atomics.load(b.state, BUDGET.samples) + n > maxSamples)
    throw new QueryError(
      'limit',
      'query processing would load too many samples into memory in query execution',
    );
}
