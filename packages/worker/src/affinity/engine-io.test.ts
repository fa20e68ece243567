import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEngineIoHandshake, learnSid } from './engine-io.js';

describe('learnSid', () => {
  it.each([
    [
      'protocol 4',
      '0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000}',
      'lv_VI97HAXpY6yYWAAAC',
    ],
    ['protocol 4 with more packets', '0{"sid":"abc","upgrades":[]}\u001e40{"sid":"inner"}', 'abc'],
    ['protocol 3', '97:0{"sid":"abc","upgrades":[]}2:40', 'abc'],
    ['another packet', '4{"sid":"abc"}', undefined],
    ['an error', '{"code":1,"message":"Session ID unknown"}', undefined],
    ['no sid', '0{"upgrades":[]}', undefined],
    ['a sid that is no text', '0{"sid":5}', undefined],
    ['broken JSON', '0{"sid":"abc}', undefined],
  ])('reads %s', (_name, body, sid) => {
    expect(learnSid(Buffer.from(body))).toBe(sid);
  });

  it('reads nothing out of any other bytes, and never throws', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => learnSid(bytes) === undefined));
  });
});

it.each([
  ['EIO=4&transport=polling&t=x', true],
  ['EIO=4&transport=polling&sid=abc', false],
  ['EIO=4&transport=websocket', false],
  ['transport=polling', false],
])('knows the first request of a session: %s', (query, is) => {
  expect(isEngineIoHandshake(query)).toBe(is);
});
