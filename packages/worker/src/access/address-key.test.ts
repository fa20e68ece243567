import { expect, it } from 'vitest';
import { addressKey } from './address-key.js';

it.each([
  ['192.0.2.1', 64, '192.0.2.1'],
  ['::ffff:192.0.2.1', 64, '192.0.2.1'],
  ['::ffff:c000:201', 128, '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', 64, '2001:db8:1:2:0:0:0:0/64'],
  ['2001:db8:1:2::1', 64, '2001:db8:1:2:0:0:0:0/64'],
  ['2001:0DB8:1:2ff::1', 56, '2001:db8:1:200:0:0:0:0/56'],
  ['2001:db8:1:2ff::1', 60, '2001:db8:1:2f0:0:0:0:0/60'],
  ['2001:db8::1', 128, '2001:db8:0:0:0:0:0:1'],
  ['fe80::1%eth0', 64, 'fe80:0:0:0:0:0:0:0/64'],
  ['::1', 64, '0:0:0:0:0:0:0:0/64'],
  ['unknown: it has gone', 64, 'unknown: it has gone'],
])('counts %s with a prefix of %i as %s', (address, prefix, key) => {
  expect(addressKey(address, prefix)).toBe(key);
});
