// How long a series is kept: the first rule whose matchers all hold. Labels come as symbol numbers; texts are looked up once a symbol, as long as
// there are few.
import { compileMatcher } from '@munjigi/model';
import type { RetentionPolicy } from './retention.ts';

/** A matcher's answers are remembered up to so many symbols. */
const MAX_REMEMBERED = 100_000;

interface CompiledMatcher {
  readonly name: string;
  readonly test: (value: string) => boolean;
  /** For a series without the label. */
  readonly absent: boolean;
  readonly answers: Map<number, boolean>;
}

/**
 * A function that gives the retention in ms (0: for ever) of a series whose labels are n symbol numbers, name and value in turn. `text`
 * gives a symbol's text.
 */
export function retentionOf(
  policy: RetentionPolicy,
  text: (symbol: number) => string,
): (labels: Uint32Array, n: number) => number {
  const rules = policy.rules.map(({ matchers, retention_ms }) => ({
    retention_ms,
    matchers: matchers.map((matcher): CompiledMatcher => {
      const test = compileMatcher(matcher);
      return { name: matcher.name, test, absent: test(''), answers: new Map() };
    }),
  }));
  const names = new Map<number, string>();
  const nameOf = (symbol: number): string => {
    let name = names.get(symbol);
    if (name === undefined) {
      if (names.size >= MAX_REMEMBERED) names.clear();
      names.set(symbol, (name = text(symbol)));
    }
    return name;
  };
  const holds = (m: CompiledMatcher, labels: Uint32Array, n: number): boolean => {
    for (let i = 0; i < n; i += 2) {
      if (nameOf(labels[i]!) !== m.name) continue;
      const symbol = labels[i + 1]!;
      let answer = m.answers.get(symbol);
      if (answer === undefined) {
        if (m.answers.size >= MAX_REMEMBERED) m.answers.clear();
        m.answers.set(symbol, (answer = m.test(text(symbol))));
      }
      return answer;
    }
    return m.absent;
  };
  return (labels, n) => {
    for (const rule of rules) if (rule.matchers.every((m) => holds(m, labels, n))) return rule.retention_ms;
    return policy.retention_ms;
  };
}

/** The time in ms before which a series' samples are too old. */
export function keptSince(retention_ms: number, newest_ms: number): number {
  return retention_ms === 0 ? -Infinity : newest_ms - retention_ms;
}
