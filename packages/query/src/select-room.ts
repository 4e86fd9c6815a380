// A selection that stays within the query's memory: room is taken before the store makes it, and what it did not need is given back.
import { selectionBytes, type Matcher, type Querier, type SelectHints, type Selection } from '@munjigi/model';
import { giveBytes, takeBytes, type Budget, type QueryError } from '@munjigi/promql';
import { RequestError } from './request.ts';

/** Enough for some ten thousand series; whatever needs more is asked for again with the room that it needs. */
const FIRST_ROOM_BYTES: number = 4 * 1024 * 1024;
/** Of a limit, so that small queries fit many times. */
const FIRST_ROOM_SHARE = 16;

/** As `Querier.select`. The selection's own bytes are taken from the budget until it is closed. Throws QueryError ('memory'). */
export async function selectWithin(
  querier: Querier,
  budget: Budget,
  mint: number,
  maxt: number,
  matchers: readonly Matcher[],
  hints: SelectHints,
): Promise<Selection> {
  let room = firstRoom(budget);
  for (;;) {
    takeBytes(budget, room);
    const s = await querier.select(mint, maxt, matchers, room > 0 ? { ...hints, maxBytes: room } : hints);
    giveBytes(budget, room);
    if (s.refusedBytes === undefined) {
      takeBytes(budget, selectionBytes(s));
      return s;
    }
    room = Math.max(Math.ceil(s.refusedBytes * 1.1), 2 * room);
  }
}

/** 0: nothing is limited. */
function firstRoom(budget: Budget): number {
  const limit = mostBytes(budget);
  return limit === Infinity ? 0 : Math.min(FIRST_ROOM_BYTES, Math.ceil(limit / FIRST_ROOM_SHARE));
}

/** What one query can hold at most. */
export function mostBytes({ limits }: Budget): number {
  return Math.min(limits.maxBytes || Infinity, limits.maxTotalBytes || Infinity);
}

/** The same refusal with the selectors that it is about and, where they are known, their numbers of series. */
export function overMemory(
  error: QueryError,
  selectors: readonly (readonly [text: string, series: number | undefined])[],
  place: string,
): RequestError {
  const named = selectors
    .map(([text, n]) => (n === undefined ? shortened(text) : `${shortened(text)} (${n} series)`))
    .join(', ');
  const at = place === '' ? '' : ` at ${place}`;
  return new RequestError(
    'execution',
    `${error.message}${named === '' ? '' : `; it asks for ${named}${at}`}`,
  );
}

/** Of a selector in a message. */
const MAX_SELECTOR_TEXT = 200;

function shortened(text: string): string {
  return text.length <= MAX_SELECTOR_TEXT ? text : `${text.slice(0, MAX_SELECTOR_TEXT)}...`;
}
