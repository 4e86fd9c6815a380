import { expect, test } from 'vitest';
import { unescapeName } from './series-endpoints.ts';

test.for<readonly [string, string]>([
  ['U__a_2e_b', 'a.b'],
  ['U__a__b', 'a_b'],
  ['U___1f600_', '\u{1f600}'],
  ['U__http_2e_status:x', 'http.status:x'],
  ['U__', ''],
  ['U__a_zz_', 'U__a_zz_'],
  ['U__a_d800_', 'U__a_d800_'],
  ['U__a_110000_', 'U__a_110000_'],
  ['U__a_2e', 'U__a_2e'],
])('%s', ([escaped, name]) => expect(unescapeName(escaped)).toBe(name));
