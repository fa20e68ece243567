/** What may be asked of a session, and what is said about everything else. */
import { CLIENT_QUEUE } from '@holdfast/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ClientError } from './errors.js';
import { DEFAULTS, resolveOptions, type SessionOptions } from './options.js';
import { FakeNetwork } from './testing/fake-websocket.js';

const { webSocket } = new FakeNetwork();

afterEach(() => void vi.unstubAllGlobals());

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return error instanceof ClientError ? `${error.code} ${error.message}` : String(error);
  }
  return undefined;
}

describe('options', () => {
  it('are the defaults where nothing is said', () => {
    expect(resolveOptions({ webSocket })).toEqual({ ...DEFAULTS, webSocket, token: undefined });
    const asked: SessionOptions = { webSocket, token: undefined, queue: {}, random: undefined };
    expect(resolveOptions(asked)).toEqual({ ...DEFAULTS, webSocket, token: undefined });
  });

  it('bound the queue each way by itself', () => {
    expect(resolveOptions({ webSocket, queue: { messages: 5 } }).queue).toEqual({ ...CLIENT_QUEUE, messages: 5 });
  });

  it.each([
    [{ tokn: 1 }, 'options: expected token, webSocket, '],
    [{ toString: 1 }, 'options: expected token, '],
    [{ queue: { size: 5 } }, 'options: expected messages, bytes, got size'],
    [{ queue: { messages: 0 } }, 'messages: expected a whole number from 1, got 0'],
    [{ queue: { bytes: 1.5 } }, 'bytes: expected a whole number from 1, got 1.5'],
    [{ queue: 7 }, 'queue: expected an object, got 7'],
    [{ connectTimeoutMs: 2 ** 31 }, 'connectTimeoutMs: expected a whole number from 1 to 2^31 - 1, got 2147483648'],
    [{ probeTimeoutMs: '2s' }, 'probeTimeoutMs: expected a whole number from 1 to 2^31 - 1, got string'],
    [{ token: 'secret' }, 'token: expected a function, got string'],
    [{ protocols: 'chat' }, 'protocols: expected an array, got string'],
    [{ binaryType: 'nodebuffer' }, 'binaryType: expected arraybuffer or blob, got string'],
  ])('%j are refused', (options, message) => {
    expect(codeOf(() => resolveOptions({ webSocket, ...(options as SessionOptions) }))).toContain(
      `CLIENT_BAD_OPTION ${message}`,
    );
  });

  it('use the WebSocket of the platform, and say what to do where there is none', () => {
    vi.stubGlobal('WebSocket', webSocket);
    expect(resolveOptions().webSocket).toBe(webSocket);
    vi.stubGlobal('WebSocket', undefined);
    expect(codeOf(() => resolveOptions())).toMatch(/^CLIENT_NO_WEBSOCKET .*pass the option webSocket.*ws$/);
  });
});
