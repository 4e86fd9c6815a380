import { expect, it } from 'vitest';
import { trustOf } from './trust.ts';

it.each([
  [[], '127.0.0.1', false],
  [['10.0.0.0/8'], '10.255.0.1', true],
  [['10.0.0.0/8'], '11.0.0.1', false],
  [['10.0.0.0/8'], '::ffff:10.0.0.1', true],
  [['192.168.1.128/25'], '192.168.1.127', false],
  [['192.168.1.128/25'], '192.168.1.200', true],
  [['1.2.3.4'], '1.2.3.4', true],
  [['1.2.3.4'], '1.2.3.5', false],
  [['0.0.0.0/0'], '9.9.9.9', true],
  [['0.0.0.0/0'], '2001:db8::1', false],
  [['::/0'], '2001:db8::1', true],
  [['2001:db8::/32'], '2001:db8:1:2:3:4:5:6', true],
  [['2001:db8::/33'], '2001:db8:8000::', false],
  [['fe80::1'], 'fe80::1%eth0', true],
  [['10.0.0.0/8', '::1'], '::1', true],
  [['::/0'], 'no address', false],
])('%j trusts %s: %s', (blocks, address, trusted) => {
  expect(trustOf(blocks)(address)).toBe(trusted);
});

it.each(['10.0.0.0/33', 'x', '1.2.3', '1.2.3.256', '1:2:3', '::1::', '1.2.3.4/x', '12345::'])(
  '%s is no block',
  (block) => {
    expect(() => trustOf([block])).toThrow(RangeError);
  },
);
