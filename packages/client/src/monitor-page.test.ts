/** Connections that may be dead: silence, sleep, and what a page lives through. The server is scripted; time is fake. */
import { encodeGoAway } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Stage } from './testing/stage.js';

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

describe('heartbeat', () => {
  it('gives up a connection that is silent for twice the interval, without waiting for its close', async () => {
    const stage = new Stage();
    const socket = await stage.welcome({ heartbeatMs: 1000 });
    await vi.advanceTimersByTimeAsync(1500);
    socket.receive('p{}');
    await vi.advanceTimersByTimeAsync(1999);
    expect(stage.session.state).toBe('open');
    await vi.advanceTimersByTimeAsync(1);
    expect(stage.of('statechange').at(-1)).toMatchObject({ state: 'suspended', cause: { code: 4011 } });
    expect(socket.closedWith?.code).toBe(4011);
    await stage.dialled(2);
  });

  it('arms no timer per message', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    const spy = vi.spyOn(globalThis, 'setTimeout');
    for (let n = 1; n < 30; n += 1) socket.receive(`m${n.toString(36)}.0:x`);
    expect(spy).toHaveBeenCalledTimes(1);
    spy.mockRestore();
  });
});

describe('the life of a page', () => {
  function openPage(): { readonly window: EventTarget; readonly document: EventTarget } {
    const window = new EventTarget();
    const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
    vi.stubGlobal('addEventListener', window.addEventListener.bind(window));
    vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window));
    vi.stubGlobal('document', document);
    return { window, document };
  }

  function persisted(type: string): Event {
    return Object.assign(new Event(type), { persisted: true });
  }

  it('probes a connection when the page is shown again, and gives it up after two seconds without a word', async () => {
    const { document } = openPage();
    const stage = new Stage();
    const socket = await stage.welcome();
    document.dispatchEvent(new Event('visibilitychange'));
    expect(socket.texts.at(-1)).toBe('p{}');
    socket.receive('q{}');
    await vi.advanceTimersByTimeAsync(5000);
    expect(stage.session.state).toBe('open');
    document.dispatchEvent(new Event('resume'));
    await vi.advanceTimersByTimeAsync(1999);
    expect(stage.session.state).toBe('open');
    await vi.advanceTimersByTimeAsync(1);
    expect(stage.of('statechange').at(-1)).toMatchObject({ state: 'suspended', cause: { code: 4011 } });
  });

  it('tries within two seconds when the network is back', async () => {
    const { window } = openPage();
    const stage = new Stage();
    await stage.welcome({ pacingMs: 100_000 });
    stage.socket.end();
    expect(stage.of('statechange').at(-1)).toMatchObject({ retryInMs: 50_000 });
    window.dispatchEvent(new Event('online'));
    expect(await delayOfNext(stage)).toBe(1000);
  });

  it('does not hurry when the page is shown while there is no network', async () => {
    const { document } = openPage();
    const stage = new Stage();
    await stage.welcome({ pacingMs: 100_000 });
    stage.socket.end();
    vi.stubGlobal('navigator', { onLine: false });
    document.dispatchEvent(new Event('visibilitychange'));
    expect(await delayOfNext(stage)).toBe(50_000);
  });

  it('does not make a wait longer by a prompt', async () => {
    const { window } = openPage();
    const stage = new Stage();
    await stage.welcome({ pacingMs: 100_000 });
    stage.socket.end();
    await vi.advanceTimersByTimeAsync(49_500);
    window.dispatchEvent(new Event('online'));
    expect(await delayOfNext(stage)).toBe(500);
  });

  it('lets go of its connection for the back/forward cache and resumes when it is back', async () => {
    const { window } = openPage();
    const stage = new Stage();
    const socket = await stage.welcome({ pacingMs: 4000 });
    window.dispatchEvent(new Event('pagehide'));
    expect(socket.closedWith).toBeUndefined();
    window.dispatchEvent(persisted('pagehide'));
    expect(socket.closedWith).toBeDefined();
    expect(socket.bodies('c')).toEqual([]);
    window.dispatchEvent(persisted('pageshow'));
    await stage.dialled(2);
    expect((await stage.welcome({ resumed: true })).bodies('h')).toMatchObject([{ resume: { token: 'token-1' } }]);
  });

  it('ends tries under way, too, on the way into that cache', async () => {
    const { window } = openPage();
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    await stage.dialled(2);
    window.dispatchEvent(persisted('pagehide'));
    expect(stage.network.live).toEqual([]);
    expect(stage.session.state).toBe('suspended');
  });

  it('is no longer listened to once the session is closed', async () => {
    const { document } = openPage();
    const added = vi.spyOn(document, 'addEventListener');
    const stage = new Stage();
    stage.session.close();
    const signals = added.mock.calls.map(([, , options]) => (options as { readonly signal: AbortSignal }).signal);
    expect(signals.length).toBeGreaterThan(0);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
  });
});
