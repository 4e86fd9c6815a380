// From filter configurations to filters.
import type { Cell } from '../cell.ts';
import type { FilterResource, ResourceName } from '../snapshot.ts';
import type { Filter } from './filter.ts';
import { compileKeyAuth, type Credentials } from './keyauth.ts';
import type { LimitTable } from './limits.ts';
import { compileRateLimiting } from './ratelimit.ts';

/** What filters need of their worker. */
export interface FilterWorld {
  readonly limits: LimitTable;
}

export function compileFilter(
  f: FilterResource,
  secretOf: (name: ResourceName) => Cell<Credentials>,
  world: FilterWorld,
): Filter {
  return f.filter === 'key-auth'
    ? compileKeyAuth(f, secretOf(f.secret))
    : compileRateLimiting(f, world.limits);
}
