// Parameters of the Prometheus HTTP API: times, durations, numbers, with the wording of its errors.
import { parseDuration, parseRfc3339 } from '@munjigi/model';

/** Why a request is refused: 400 bad_data. */
export class BadRequest extends Error {}

/** The earliest and the latest time that the API can say (Prometheus' spelling of "since ever" and "for ever"). */
export const MIN_TIME_MS: number = Number.MIN_SAFE_INTEGER;
export const MAX_TIME_MS: number = Number.MAX_SAFE_INTEGER;
const MIN_TIME_TEXT = '-292273086-05-16T16:47:06Z';
const MAX_TIME_TEXT = '292277025-08-18T07:12:54.999999999Z';

const FLOAT = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
/** Go's int64 nanoseconds, as seconds. */
const MAX_DURATION_S = 9_223_372_036;

export function invalidParameter(name: string, reason: string): BadRequest {
  return new BadRequest(`invalid parameter "${name}": ${reason}`);
}

/** Unix seconds with a fraction, or RFC 3339; ms. */
function parseTime(text: string): number | null {
  if (FLOAT.test(text)) {
    const seconds = Number(text);
    const whole = Math.trunc(seconds);
    const ms = whole * 1000 + Math.round((seconds - whole) * 1000);
    return ms < MIN_TIME_MS ? MIN_TIME_MS : ms > MAX_TIME_MS ? MAX_TIME_MS : ms;
  }
  if (text === MIN_TIME_TEXT) return MIN_TIME_MS;
  if (text === MAX_TIME_TEXT) return MAX_TIME_MS;
  return parseRfc3339(text);
}

/** A time that must be given. */
export function requiredTime(params: URLSearchParams, name: string): number {
  const text = params.get(name) ?? '';
  const ms = parseTime(text);
  if (ms === null) throw invalidParameter(name, `cannot parse ${JSON.stringify(text)} to a valid timestamp`);
  return ms;
}

export function optionalTime(params: URLSearchParams, name: string, absent_ms: number): number {
  const text = params.get(name) ?? '';
  if (text === '') return absent_ms;
  const ms = parseTime(text);
  if (ms === null)
    throw invalidParameter(
      name,
      `invalid time value for '${name}': cannot parse ${JSON.stringify(text)} to a valid timestamp`,
    );
  return ms;
}

/** Seconds with a fraction, or `1h30m`; ms, not rounded. The error is a text. */
export function readDuration(text: string): { readonly ms: number } | { readonly error: string } {
  const shown = JSON.stringify(text);
  if (FLOAT.test(text)) {
    const seconds = Number(text);
    if (Math.abs(seconds) > MAX_DURATION_S)
      return { error: `cannot parse ${shown} to a valid duration. It overflows int64` };
    return { ms: seconds * 1000 };
  }
  const read = parseDuration(text);
  return 'ms' in read ? read : { error: `cannot parse ${shown} to a valid duration` };
}

export function requiredDuration(params: URLSearchParams, name: string): number {
  const read = readDuration(params.get(name) ?? '');
  if ('error' in read) throw invalidParameter(name, read.error);
  return read.ms;
}

export function optionalDuration(params: URLSearchParams, name: string): number | null {
  return (params.get(name) ?? '') === '' ? null : requiredDuration(params, name);
}

const INTEGER = /^[+-]?[0-9]+$/;

/** `limit`: 0 when absent, which means all. */
export function limitParameter(params: URLSearchParams): number {
  const text = params.get('limit') ?? '';
  if (text === '') return 0;
  const limit = Number(text);
  if (!INTEGER.test(text))
    throw invalidParameter('limit', `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (!Number.isSafeInteger(limit))
    throw invalidParameter('limit', `strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`);
  if (limit < 0) throw invalidParameter('limit', 'limit must be non-negative');
  return limit;
}

const DEFAULT_TOP = 10;
const MAX_TOP = 10_000;

/** `limit` of a list of the largest: 10 when absent. */
export function topLimit(params: URLSearchParams): number {
  const limit = countParameter(params, 'limit', 'must be a positive number') ?? DEFAULT_TOP;
  if (limit < 1) throw new BadRequest('limit must be a positive number');
  if (limit > MAX_TOP) throw new BadRequest(`limit must not exceed ${MAX_TOP}`);
  return limit;
}

const TRUE: readonly string[] = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE: readonly string[] = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

/** As Go reads truth; null: it is none. */
export function readBoolean(text: string): boolean | null {
  if (TRUE.includes(text)) return true;
  return FALSE.includes(text) ? false : null;
}

/** False when absent. */
export function booleanParameter(params: URLSearchParams, name: string): boolean {
  const text = params.get(name) ?? '';
  const read = text === '' ? false : readBoolean(text);
  if (read !== null) return read;
  const reason = `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`;
  throw invalidParameter(name, `unable to parse boolean: ${reason}`);
}

/** A count that may be absent (null); `must` ends the sentence of its error. */
export function countParameter(
  params: URLSearchParams,
  name: string,
  must: string = 'must be a number',
): number | null {
  const text = params.get(name) ?? '';
  if (text === '') return null;
  if (!INTEGER.test(text) || !Number.isSafeInteger(Number(text))) throw new BadRequest(`${name} ${must}`);
  return Number(text);
}

/** A count of at most 64 bits, 0 when absent. */
export function optionalCount(params: URLSearchParams, name: string): number {
  const text = params.get(name) ?? '';
  if (text === '') return 0;
  const fault = !/^[0-9]+$/.test(text)
    ? 'invalid syntax'
    : Number(text) >= 2 ** 64
      ? 'value out of range'
      : null;
  if (fault !== null)
    throw new BadRequest(
      `error parsing ${name}: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${fault}`,
    );
  return Number(text);
}
