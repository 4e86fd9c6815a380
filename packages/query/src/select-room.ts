// A selection that stays within the query's memory: room is taken before the store makes it, and what it did not need is given back.
import {
  METRIC_NAME,
  selectionBytes,
  type Matcher,
  type Querier,
  type SelectHints,
  type Selection,
} from '@munjigi/model';
import { giveBytes, printMatcher, takeBytes, type Budget } from '@munjigi/promql';

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
function firstRoom({ limits }: Budget): number {
  const limit = Math.min(limits.maxBytes || Infinity, limits.maxTotalBytes || Infinity);
  return limit === Infinity ? 0 : Math.min(FIRST_ROOM_BYTES, Math.ceil(limit / FIRST_ROOM_SHARE));
}

/** A selector for the reader of a message, at most so long. */
export function selectorText(matchers: readonly Matcher[]): string {
  const name = matchers.find((m) => m.name === METRIC_NAME && m.op === '=');
  const others = matchers.filter((m) => m !== name).map(printMatcher);
  const text = `${name?.value ?? ''}${others.length > 0 || name === undefined ? `{${others.join(',')}}` : ''}`;
  return text.length <= MAX_SELECTOR_TEXT ? text : `${text.slice(0, MAX_SELECTOR_TEXT)}...`;
}

const MAX_SELECTOR_TEXT = 200;
