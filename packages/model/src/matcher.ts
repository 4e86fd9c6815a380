// Matchers of a selector, as plain data that crosses threads; `compileMatcher` makes the function that tests a value.
import { compileAnchored } from './regexp.ts';

export type MatchOp = '=' | '!=' | '=~' | '!~';

/** `name op value`. An absent label counts as the empty value. */
export interface Matcher {
  readonly name: string;
  readonly op: MatchOp;
  readonly value: string;
}

/** Tests one label value ('' for an absent label). Throws RegExpError when the expression is not RE2: parse checks that first. */
export function compileMatcher(matcher: Matcher): (value: string) => boolean {
  const want = matcher.value;
  switch (matcher.op) {
    case '=':
      return (value) => value === want;
    case '!=':
      return (value) => value !== want;
    case '=~':
      return compileAnchored(want).test;
    case '!~': {
      const { test } = compileAnchored(want);
      return (value) => !test(value);
    }
  }
}
