/** How a session stays connected: tries, and what the end of a connection means. The server is scripted; time is fake. */
import { encodeGoAway, encodePing } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settled, Stage } from './testing/stage.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

function goAway(delayMs: number, deadlineMs = 30_000): string {
  return encodeGoAway({ delayMs, deadlineMs, reason: 'drain' });
}

/** Milliseconds until the next socket. */
async function delayOfNext(stage: Stage): Promise<number> {
  const since = Date.now();
  return (await stage.dialled(stage.network.sockets.length + 1)).openedAtMs - since;
}

describe('a try', () => {
  it('fails when no welcome comes in time, and its socket is left to itself', async () => {
    const stage = new Stage({ connectTimeoutMs: 1000 });
    await settled();
    stage.socket.accept();
    await vi.advanceTimersByTimeAsync(1000);
    expect(stage.socket.closedWith).toBeDefined();
    expect(stage.of('statechange')).toMatchObject([{ state: 'suspended', retryInMs: 800, attempt: 2 }]);
    const [first] = stage.network.sockets;
    await stage.dialled(2);
    await stage.welcome();
    first?.receive('m1.0:from the grave');
    first?.end();
    expect(stage.data).toEqual([]);
    expect(stage.session.state).toBe('open');
  });

  it('keeps a listener for errors on a socket that it let go, since some classes throw those that nobody hears', async () => {
    const stage = new Stage();
    await settled();
    stage.session.close();
    expect(stage.socket.onerror).not.toBeNull();
    expect(() => stage.socket.end()).not.toThrow();
  });

  it('says nothing on a socket that opens too late', async () => {
    const stage = new Stage({ connectTimeoutMs: 1000 });
    await vi.advanceTimersByTimeAsync(1000);
    const { onopen, onmessage, onclose } = stage.socket;
    expect([onopen, onmessage, onclose]).toEqual([null, null, null]);
    stage.socket.accept();
    expect(stage.socket.sent).toEqual([]);
  });

  it('makes no socket when credentials come too late', async () => {
    const token = (): Promise<string> => new Promise((resolve) => setTimeout(() => resolve('late'), 1500));
    const stage = new Stage({ token, connectTimeoutMs: 1000, random: () => 0.9 });
    await vi.advanceTimersByTimeAsync(2000);
    expect(stage.network.sockets).toEqual([]);
  });

  it('tells what the platform knows of a failure', async () => {
    const stage = new Stage();
    (await stage.dialled(1)).end(1006, '', 'connection refused');
    expect(stage.of('statechange')).toMatchObject([{ cause: { code: 1006, reason: 'connection refused' } }]);
  });

  it('fails when it is said to resume what never was', async () => {
    const stage = new Stage();
    const socket = await stage.welcome({ resumed: true });
    expect(socket.closedWith?.code).toBe(4400);
    expect(stage.states).toEqual(['suspended']);
  });

  it('fails when credentials do not come, and says why when they cannot', async () => {
    const stage = new Stage({ token: () => new Promise(() => undefined), connectTimeoutMs: 1000 });
    await vi.advanceTimersByTimeAsync(1000);
    expect(stage.states).toEqual(['suspended']);
    const failing = new Stage({ token: () => Promise.reject(new Error('signed out')) });
    await settled();
    expect(failing.of('error')).toMatchObject([
      { error: { code: 'CLIENT_TRY_FAILED', cause: { message: 'signed out' } } },
    ]);
    expect(failing.states).toEqual(['suspended']);
    failing.session.close();
  });

  it('fails without giving away credentials when the server speaks something else', async () => {
    const stage = new Stage({ token: () => 'secret' });
    await settled();
    stage.socket.accept('');
    expect(stage.socket.sent).toEqual([]);
    expect(stage.of('error')).toMatchObject([{ error: { code: 'CLIENT_NOT_HOLDFAST' } }]);
    expect(stage.states).toEqual(['suspended']);
  });

  it('fails on anything but welcome', async () => {
    for (const frame of ['m1.0:x', 'a1', 'q{}', 'p{}', 'w{}', 'nonsense']) {
      const stage = new Stage();
      await settled();
      stage.socket.accept();
      stage.socket.receive(frame);
      expect(stage.socket.closedWith?.code).toBe(4400);
      expect(stage.states).toEqual(['suspended']);
    }
  });

  it('takes the next URL after one that failed, in an order of its own', async () => {
    const urls = ['ws://a/', 'ws://b/', 'ws://c/'];
    const stage = new Stage({ random: () => 0 }, urls);
    for (let i = 1; i <= 4; i += 1) (await stage.dialled(i)).end();
    const tried = stage.network.sockets.map(({ url }) => url);
    expect(new Set(tried.slice(0, 3))).toEqual(new Set(urls));
    expect(tried[3]).toBe(tried[0]);
    expect(tried).not.toEqual([...urls, urls[0]]);
  });

  it('turns to the next URL when a connection is lost; to the same when there is one', async () => {
    const many = new Stage({}, ['ws://a/', 'ws://b/']);
    const one = new Stage({}, 'ws://a/');
    for (const stage of [many, one]) {
      await stage.welcome();
      await stage.resumed();
    }
    const [visited, alone] = [many, one].map(({ network }) => network.sockets.map(({ url }) => url));
    expect(visited?.toSorted()).toEqual(['ws://a/', 'ws://b/']);
    expect(alone).toEqual(['ws://a/', 'ws://a/']);
  });

  it('stays with the URL that it turned to when it was told to leave', async () => {
    const stage = new Stage({}, ['ws://a/', 'ws://b/']);
    const old = await stage.welcome();
    old.receive(goAway(5000));
    old.end();
    expect((await stage.dialled(2)).url).not.toBe(old.url);
  });

  it('asks a function for its URL each time', async () => {
    let asked = 0;
    const stage = new Stage({}, async () => `ws://lb-${(asked += 1)}/`);
    (await stage.dialled(1)).end();
    await stage.dialled(2);
    expect(stage.network.sockets.map(({ url }) => url)).toEqual(['ws://lb-1/', 'ws://lb-2/']);
  });
});

describe('after the end of a connection', () => {
  it('waits for a part of the pacing window, and of more for each try that fails', async () => {
    const stage = new Stage();
    await stage.welcome({ pacingMs: 4000 });
    stage.socket.end();
    expect(stage.of('statechange').at(-1)).toMatchObject({ state: 'suspended', retryInMs: 2000, attempt: 1 });
    (await stage.dialled(2)).end();
    expect(stage.of('statechange').at(-1)).toMatchObject({ retryInMs: 2000, attempt: 2 });
    for (let i = 3; i <= 7; i += 1) (await stage.dialled(i)).end();
    expect(stage.of('statechange').at(-1)).toMatchObject({ retryInMs: 7500, attempt: 7 });
  });

  it('takes a new window from a ping, which it answers', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    socket.receive(encodePing(10_000));
    socket.receive(encodePing());
    expect(socket.texts.slice(-2)).toEqual(['q{}', 'q{}']);
    socket.end();
    expect(stage.of('statechange').at(-1)).toMatchObject({ retryInMs: 5000 });
  });

  it('counts failures on until a connection has held for five seconds', async () => {
    const stage = new Stage();
    (await stage.dialled(1)).end();
    (await stage.dialled(2)).end();
    await stage.dialled(3);
    await stage.welcome();
    await vi.advanceTimersByTimeAsync(4999);
    stage.socket.end();
    expect(stage.of('statechange').at(-1)).toMatchObject({ attempt: 4 });
    await stage.dialled(4);
    await stage.welcome({ resumed: true });
    await vi.advanceTimersByTimeAsync(5000);
    stage.socket.end();
    expect(stage.of('statechange').at(-1)).toMatchObject({ attempt: 1 });
  });

  it.each([1001, 1005, 1006, 1008, 1011, 1012, 1013, 4004, 4008, 4009, 4010, 4011, 4013, 4400])(
    'comes back after %d, and resumes',
    async (code) => {
      const stage = new Stage();
      (await stage.welcome()).end(code, 'why');
      expect(stage.of('statechange').at(-1)).toMatchObject({ state: 'suspended', cause: { code, reason: 'why' } });
      await stage.dialled(2);
      expect((await stage.welcome({ resumed: true })).bodies('h')).toMatchObject([{ resume: { token: 'token-1' } }]);
    },
  );

  it.each([1000, 1009, 4003, 4500, 4501, 4503, 4505])('stops after %d', async (code) => {
    const stage = new Stage();
    (await stage.welcome()).end(code, 'why');
    expect(stage.of('close')).toMatchObject([{ code, reason: 'why' }]);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(stage.network.sockets).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('asks for the token once more when credentials are refused, then stops', async () => {
    let asked = 0;
    const stage = new Stage({ token: () => `secret-${(asked += 1)}` });
    for (let i = 1; i <= 2; i += 1) {
      (await stage.dialled(i)).accept();
      stage.socket.end(4501);
    }
    expect(asked).toBe(2);
    expect(stage.of('close')).toMatchObject([{ code: 4501 }]);
  });

  it('asks once more again after a welcome', async () => {
    const stage = new Stage({ token: () => 'secret' });
    (await stage.dialled(1)).end(4501);
    await stage.dialled(2);
    (await stage.welcome()).end(4501);
    await stage.dialled(3);
    expect(stage.session.state).toBe('connecting');
  });

  it('comes back when the server said, if it was overloaded, and not sooner for any reason', async () => {
    const stage = new Stage();
    await settled();
    stage.socket.accept();
    stage.socket.receive(goAway(40_000));
    stage.socket.end(4013);
    expect(stage.of('statechange')).toMatchObject([{ retryInMs: 40_000, cause: { code: 4013 } }]);
    stage.session.reconnect();
    await vi.advanceTimersByTimeAsync(39_999);
    expect(stage.network.sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(stage.network.sockets).toHaveLength(2);
  });

  it('goes by the schedule when an overloaded server names no delay', async () => {
    const stage = new Stage();
    await settled();
    stage.socket.accept();
    stage.socket.receive(goAway(0));
    stage.socket.end(4013);
    expect(stage.of('statechange')).toMatchObject([{ retryInMs: 800 }]);
  });

  it('comes back when the server said, if it was open, too', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    socket.receive(goAway(40_000));
    socket.end(4013);
    expect(stage.of('statechange').at(-1)).toMatchObject({ state: 'suspended', retryInMs: 40_000 });
  });

  it('is what a socket that cannot send any more comes to', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    socket.send = () => {
      throw new Error('broken pipe');
    };
    expect(stage.session.send('a')).toBe(true);
    expect(stage.of('statechange').at(-1)).toMatchObject({ state: 'suspended', cause: { reason: 'broken pipe' } });
    await stage.dialled(2);
    expect((await stage.welcome({ resumed: true })).messages).toEqual(['m1.0:a']);
  });

  it('closes with 4010 and resumes when a number is missing', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    socket.receive('m1.0:a');
    socket.receive('m3.0:c');
    expect(socket.closedWith?.code).toBe(4010);
    expect(stage.data).toEqual(['a']);
    await stage.dialled(2);
    const next = await stage.welcome({ resumed: true });
    expect(next.bodies('h')).toMatchObject([{ resume: { received: 1 } }]);
    next.receive('m2.0:b');
    expect(stage.data).toEqual(['a', 'b']);
  });

  it('waits longer while the platform says that it is offline, but not for ever', async () => {
    const stage = new Stage();
    await stage.welcome({ pacingMs: 4000 });
    vi.stubGlobal('navigator', { onLine: false });
    stage.socket.end();
    expect(stage.of('statechange').at(-1)).toMatchObject({ retryInMs: 17_000 });
    await stage.dialled(2);
  });

  it('tries promptly when the application asks', async () => {
    const stage = new Stage();
    await stage.welcome({ pacingMs: 100_000 });
    stage.socket.end();
    stage.session.reconnect();
    expect(stage.of('statechange').at(-1)).toMatchObject({ state: 'suspended', retryInMs: 1000 });
    // Asking again does not roll the dice again.
    stage.session.reconnect();
    expect(await delayOfNext(stage)).toBe(1000);
  });

  it('leaves a connection that the application distrusts', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    stage.session.reconnect();
    expect(socket.closedWith).toBeDefined();
    await stage.dialled(2);
    await stage.welcome({ resumed: true });
    expect(stage.session.state).toBe('open');
  });
});
