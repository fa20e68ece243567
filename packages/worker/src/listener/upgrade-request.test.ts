import { describe, expect, it } from 'vitest';
import { HANDSHAKE_HEADERS, requestWith } from '../testing/requests.js';
import { isWebSocketUpgrade } from './upgrade-request.js';

function without(name: string): string[] {
  const at = HANDSHAKE_HEADERS.indexOf(name);
  return HANDSHAKE_HEADERS.filter((_value, index) => index !== at && index !== at + 1);
}

describe('isWebSocketUpgrade', () => {
  it.each([
    ['a handshake', [...HANDSHAKE_HEADERS], 'yes'],
    ['tokens in any case', [...without('upgrade'), 'upgrade', 'WebSocket'], 'yes'],
    ['a key without an Upgrade header', without('upgrade'), 'no'],
    ['an Upgrade that Connection does not name', without('connection'), 'no'],
    ['an upgrade to h2c', [...without('upgrade'), 'upgrade', 'h2c'], 'no'],
    ['no version', without('sec-websocket-version'), 'version'],
    ['version 8', [...without('sec-websocket-version'), 'sec-websocket-version', '8'], 'version'],
    ['no key', without('sec-websocket-key'), 'key'],
    ['a short key', [...without('sec-websocket-key'), 'sec-websocket-key', 'abc'], 'key'],
    [
      '24 characters that are not 16 bytes',
      [...without('sec-websocket-key'), 'sec-websocket-key', 'A'.repeat(24)],
      'key',
    ],
    ['two keys', [...HANDSHAKE_HEADERS, 'sec-websocket-key', 'dGhlIHNhbXBsZSBub25jZQ=='], 'key'],
    ['a body', [...HANDSHAKE_HEADERS, 'content-length', '3'], 'body'],
    ['a chunked body', [...HANDSHAKE_HEADERS, 'transfer-encoding', 'chunked'], 'body'],
  ])('reads %s', (_name, headers, kind) => {
    expect(isWebSocketUpgrade(requestWith({ headers }))).toBe(kind);
  });

  it('takes nothing but GET', () => {
    expect(isWebSocketUpgrade(requestWith({ method: 'POST', headers: HANDSHAKE_HEADERS }))).toBe('no');
  });
});
