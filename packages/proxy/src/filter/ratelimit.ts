// Kong's rate-limiting: fixed calendar windows, several at once. A request that one limit refuses counts in none.
import { messageAnswer, type Answer } from '../answer.ts';
import type { RateLimitingFilter } from '../snapshot.ts';
import { latin1, textOf } from '../http1/bytes.ts';
import type { Exchange, Filter } from './filter.ts';
import type { LimitTable } from './limits.ts';
import { windowAround } from '../calendar.ts';

const TITLES = { second: 'Second', minute: 'Minute', hour: 'Hour', day: 'Day', month: 'Month', year: 'Year' };

interface Limit {
  readonly window: RateLimitingFilter['limits'][number]['window'];
  readonly limit: number;
  readonly limitName: string;
  readonly remainingName: string;
  // Of the request being judged.
  slot: number;
  remaining: number;
  reset: number;
  length: number;
}

export function compileRateLimiting(f: RateLimitingFilter, table: LimitTable): Filter {
  const limits: Limit[] = f.limits.map(({ window, limit }) => ({
    window,
    limit,
    limitName: `X-RateLimit-Limit-${TITLES[window]}`,
    remainingName: `X-RateLimit-Remaining-${TITLES[window]}`,
    slot: 0,
    remaining: 0,
    reset: 0,
    length: 0,
  }));
  const exceeded = messageAnswer(f.errorCode, f.errorMessage);
  const header = latin1(f.limitByName.toLowerCase());

  const request = (x: Exchange): Answer | null => {
    const now_s = Math.floor(x.wall / 1000);
    const key = `${f.scope}\n${f.limitBy}\n${identity(f, x, header)}\n`;
    let stop: Limit | null = null;
    for (const l of limits) {
      const { from, to } = windowAround(l.window, now_s);
      l.slot = table.find(`${key}${l.window}${from}`, to, now_s);
      l.remaining = Math.max(0, l.limit - table.used(l.slot));
      l.length = to - from;
      l.reset = Math.max(1, to - now_s);
      if (l.remaining === 0) stop = l;
    }
    for (let i = 0; i < limits.length && stop === null; i++) {
      const l = limits[i]!;
      const used = table.take(l.slot, l.limit);
      if (used < 0) {
        // Another worker was faster: what was taken for this request goes back.
        for (let k = 0; k < i; k++) table.giveBack(limits[k]!.slot);
        l.remaining = 0;
        stop = l;
      } else l.remaining = l.limit - used;
    }
    const next = tightest(limits);
    let lines = '';
    if (!f.hideClientHeaders) {
      for (const l of limits) lines += `${l.limitName}: ${l.limit}\r\n${l.remainingName}: ${l.remaining}\r\n`;
      lines += `RateLimit-Limit: ${next.limit}\r\nRateLimit-Remaining: ${next.remaining}\r\nRateLimit-Reset: ${next.reset}\r\n`;
      if (stop !== null) lines += `Retry-After: ${next.reset}\r\n`;
      x.addResponseLines(lines);
    }
    return stop === null ? null : exceeded;
  };
  return { request };
}

/** The limit with the least left; of equals the longest window. */
function tightest(limits: readonly Limit[]): Limit {
  let best = limits[0]!;
  for (const l of limits)
    if (l.remaining < best.remaining || (l.remaining === best.remaining && l.length > best.length)) best = l;
  return best;
}

/** Whose requests are counted together; whoever can't be told by what was asked for is told by address. */
function identity(f: RateLimitingFilter, x: Exchange, header: Uint8Array): string {
  const { head: h, bytes: b } = x;
  switch (f.limitBy) {
    case 'consumer':
      return x.consumer?.id || x.credentialId || x.clientAddress;
    case 'credential':
      return x.credentialId || x.clientAddress;
    case 'service':
      return x.service || x.clientAddress;
    case 'header': {
      const line = h.find(b, header, 0);
      if (line < 0) return x.clientAddress;
      return textOf(b, h.offsets[4 * line + 2]!, h.offsets[4 * line + 3]!);
    }
    case 'path': {
      const path = textOf(x.path, x.pathFrom, x.pathTo);
      return path === f.limitByName ? path : x.clientAddress;
    }
    case 'ip':
      return x.clientAddress;
    // no default
  }
}
