import { expect, it } from 'vitest';
import { slotOf, SLOTS } from './slots.js';

it.each([
  // The check value of CRC16/XMODEM is 0x31c3.
  ['123456789', 0x31c3 % SLOTS],
  ['{123456789}:tail', 0x31c3 % SLOTS],
  ['holdfast:session:{123456789}', 0x31c3 % SLOTS],
  ['', 0],
  ['foo', 12_182],
  ['{}foo', 9500],
  ['foo{bar}{zap}', 5061],
])('puts the key %j into slot %i', (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});
