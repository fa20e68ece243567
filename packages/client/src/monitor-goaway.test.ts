/** Two connections of one session: make before break after a goaway, and the close that the loser gets. The server is scripted; time is fake. */
import { encodeGoAway } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Stage } from './testing/stage.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function goAway(delayMs: number, deadlineMs = 30_000): string {
  return encodeGoAway({ delayMs, deadlineMs, reason: 'drain' });
}

/** Milliseconds until the next socket. */
async function delayOfNext(stage: Stage): Promise<number> {
  const since = Date.now();
  return (await stage.dialled(stage.network.sockets.length + 1)).openedAtMs - since;
}

describe('goaway', () => {
  it('makes before it breaks: a new connection resumes while the old one serves', async () => {
    const stage = new Stage({}, ['ws://a/', 'ws://b/']);
    const old = await stage.welcome();
    old.receive(goAway(3000));
    await vi.advanceTimersByTimeAsync(2999);
    expect(stage.network.sockets).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(stage.network.sockets).toHaveLength(2);
    const next = stage.socket;
    expect(next.url).not.toBe(old.url);
    old.receive('m1.0:on the old');
    stage.session.send('still on the old');
    expect(old.messages).toEqual(['m1.1:still on the old']);
    expect(stage.session.state).toBe('open');
    await stage.welcome({ resumed: true });
    expect(old.closedWith?.code).toBe(1000);
    expect(next.messages).toEqual(['m1.1:still on the old']);
    old.receive('m2.0:too late');
    next.receive('m1.0:a repeat');
    next.receive('m2.0:on the new');
    expect(stage.data).toEqual(['on the old', 'on the new']);
    expect(stage.states).toEqual(['open']);
    expect(stage.of('resumed')).toHaveLength(1);
  });

  it('stands still on the old connection from the hello on the new one until its answer', async () => {
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    (await stage.dialled(2)).accept();
    old.receive('m1.0:comes again');
    stage.session.send('waits');
    expect([stage.data, old.messages]).toEqual([[], []]);
    const next = await stage.welcome({ resumed: true });
    next.receive('m1.0:comes again');
    expect([stage.data, old.messages, next.messages]).toEqual([['comes again'], [], ['m1.0:waits']]);
  });

  it('goes on with the old connection, and what came there, when the server has refused the hello', async () => {
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    (await stage.dialled(2)).accept();
    old.receive('m1.0:held');
    stage.session.send('waits');
    stage.socket.end(4013);
    expect([stage.data, old.messages]).toEqual([['held'], ['m1.1:waits']]);
    expect(stage.session.state).toBe('open');
  });

  it('leaves the old connection too when nobody knows what became of the hello', async () => {
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    (await stage.dialled(2)).accept();
    old.receive('m1.0:comes again');
    stage.socket.end(1006);
    expect(stage.session.state).toBe('suspended');
    expect(stage.network.live).toEqual([]);
    await stage.dialled(3);
    const next = await stage.welcome({ resumed: true });
    expect(next.bodies('h')).toMatchObject([{ resume: { received: 0 } }]);
    expect(stage.data).toEqual([]);
  });

  it('takes the end of the session from the old connection at any time', async () => {
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    (await stage.dialled(2)).accept();
    old.receive('c{"code":1000,"reason":"done"}');
    expect(stage.of('close')).toMatchObject([{ code: 1000 }]);
  });

  it('stays open when the new connection has the session before its welcome is here', async () => {
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    await stage.dialled(2);
    stage.socket.accept();
    old.end(4003);
    expect(stage.session.state).toBe('open');
    stage.session.send('meanwhile');
    const next = await stage.welcome({ resumed: true });
    expect(next.messages).toEqual(['m1.0:meanwhile']);
    expect(stage.states).toEqual(['open']);
  });

  it('stops when somebody else has the session before the new connection said hello', async () => {
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    await stage.dialled(2);
    old.end(4003);
    expect(stage.of('close')).toMatchObject([{ code: 4003 }]);
    expect(stage.network.live).toEqual([]);
  });

  it('is suspended when that new connection then fails', async () => {
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    await stage.dialled(2);
    stage.socket.accept();
    old.end(4003);
    stage.socket.end();
    expect(stage.states).toEqual(['open', 'suspended']);
    await stage.dialled(3);
    await stage.welcome({ resumed: true });
    expect(stage.session.state).toBe('open');
  });

  it('keeps the old connection when the new one fails, and tries again', async () => {
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    (await stage.dialled(2)).end();
    expect(stage.states).toEqual(['open']);
    expect(stage.network.live).toEqual([old]);
    expect(await delayOfNext(stage)).toBeGreaterThanOrEqual(800);
    await stage.welcome({ resumed: true });
    expect(old.closedWith?.code).toBe(1000);
    expect(stage.states).toEqual(['open']);
  });

  it('goes on with the try when the old connection ends first', async () => {
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    await stage.dialled(2);
    old.end(4009);
    expect(stage.states).toEqual(['open', 'connecting']);
    expect(stage.network.sockets).toHaveLength(2);
    await stage.welcome({ resumed: true });
    expect(stage.states).toEqual(['open', 'connecting', 'open']);
  });

  it.each([4401, 4501, 4503])('keeps the old connection when the new one is refused with %d', async (code) => {
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    await stage.dialled(2);
    stage.socket.accept();
    stage.socket.end(code);
    expect(stage.session.state).toBe('open');
    expect(stage.of('reset')).toEqual([]);
    stage.session.send('still');
    expect(old.messages).toEqual(['m1.0:still']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(stage.network.sockets).toHaveLength(2);
    old.end(4009);
    await stage.dialled(3);
  });

  it('ends both when the session is over', async () => {
    const stage = new Stage();
    const old = await stage.welcome();
    old.receive(goAway(0));
    await stage.dialled(2);
    old.receive('c{"code":1000,"reason":"done"}');
    expect(stage.network.live).toEqual([]);
    expect(stage.session.state).toBe('closed');
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('replaced (4003)', () => {
  it('comes back when an earlier try of its own may have taken the session', async () => {
    const stage = new Stage({ connectTimeoutMs: 1000 });
    (await stage.welcome()).end();
    (await stage.dialled(2)).accept();
    // Its welcome is lost, or its worker slow.
    await vi.advanceTimersByTimeAsync(1000);
    await stage.dialled(3);
    const third = await stage.welcome({ resumed: true });
    third.end(4003);
    expect(stage.session.state).toBe('suspended');
    await stage.dialled(4);
    (await stage.welcome({ resumed: true })).end(4003);
    expect(stage.session.state).toBe('closed');
  });
});
