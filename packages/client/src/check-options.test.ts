/** What may be asked of a session, and what is said about everything else. */
import { describe, expect, it } from 'vitest';
import { checkOptions } from './check-options.js';
import type { SessionOptions } from './options.js';
import { codeOf } from './testing/code-of.js';
import { FakeNetwork } from './testing/fake-websocket.js';

describe('options', () => {
  it('that can be meant come back as they are', () => {
    const { webSocket } = new FakeNetwork();
    const options: SessionOptions = {
      webSocket,
      token: undefined,
      protocols: ['chat'],
      binaryType: 'blob',
      queue: { messages: 1 },
      connectTimeoutMs: 2 ** 31 - 1,
    };
    expect(checkOptions(options)).toBe(options);
    expect(checkOptions({})).toEqual({});
  });

  it.each([
    [{ tokn: 1 }, 'options: expected token, webSocket, '],
    [{ toString: 1 }, 'options: expected token, '],
    [{ queue: { size: 5 } }, 'options: expected messages, bytes, got size'],
    [{ queue: { messages: 0 } }, 'messages: expected a whole number from 1 to 9007199254740991, got 0'],
    [{ queue: { bytes: 1.5 } }, 'bytes: expected a whole number from 1 to 9007199254740991, got 1.5'],
    [{ queue: 7 }, 'queue: expected object, got number'],
    [{ connectTimeoutMs: 2 ** 31 }, 'connectTimeoutMs: expected a whole number from 1 to 2147483647, got 2147483648'],
    [{ probeTimeoutMs: '2s' }, 'probeTimeoutMs: expected a whole number from 1 to 2147483647, got string'],
    [{ token: 'secret' }, 'token: expected function, got string'],
    [{ token: '' }, 'token: expected function, got string'],
    [{ protocols: 'chat' }, 'protocols: expected array, got string'],
    [{ binaryType: 'nodebuffer' }, 'binaryType: expected arraybuffer,blob, got string'],
  ])('%j are refused', (options, message) => {
    expect(codeOf(() => checkOptions(options as SessionOptions))).toContain(`CLIENT_BAD_OPTION ${message}`);
  });
});
