/** What a session goes by when nothing, or something, is said. */
import { CLIENT_QUEUE } from '@holdfast/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DEFAULTS, resolveOptions, type SessionOptions } from './options.js';
import { codeOf } from './testing/code-of.js';
import { FakeNetwork } from './testing/fake-websocket.js';

const { webSocket } = new FakeNetwork();

afterEach(() => void vi.unstubAllGlobals());

describe('options', () => {
  it('are the defaults where nothing is said', () => {
    expect(resolveOptions({ webSocket })).toEqual({ ...DEFAULTS, webSocket });
    const asked: SessionOptions = { webSocket, token: undefined, queue: {}, random: undefined };
    expect(resolveOptions(asked)).toEqual({ ...DEFAULTS, webSocket });
  });

  it('bound the queue each way by itself', () => {
    expect(resolveOptions({ webSocket, queue: { messages: 5 } }).queue).toEqual({ ...CLIENT_QUEUE, messages: 5 });
  });

  it('use the WebSocket of the platform, and say what to do where there is none', () => {
    vi.stubGlobal('WebSocket', webSocket);
    expect(resolveOptions().webSocket).toBe(webSocket);
    vi.stubGlobal('WebSocket', undefined);
    expect(codeOf(() => resolveOptions())).toMatch(
      /^CLIENT_NO_WEBSOCKET no global WebSocket: pass that of the package ws as an option$/,
    );
  });
});
