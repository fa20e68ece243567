/** What an application sees when a session changes its connection, its backend, or is lost. The server is scripted; time is fake. */
import { encodeRehomed, encodeToken, type Rehomed } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Stage } from './testing/stage.js';

const REHOMED: Rehomed = {
  cause: 'failover',
  generation: 2,
  token: 'token-2',
  handled: undefined,
  received: undefined,
  lost: undefined,
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('resuming', () => {
  it('sends again what was not received, in order and before anything new', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    for (const text of ['a', 'b', 'c']) stage.session.send(text);
    socket.receive('m1.1:hello');
    socket.end();
    stage.session.send('d');
    await stage.dialled(2);
    const next = await stage.welcome({ resumed: true, handled: 1, received: 2, token: 'token-2' });
    expect(next.bodies('h')).toEqual([{ v: 1, resume: { token: 'token-1', received: 1, lowest: 2, sent: 3 } }]);
    expect(next.messages).toEqual(['m3.1:c', 'm4.1:d']);
    expect(stage.of('resumed')).toEqual([{ type: 'resumed', lost: undefined }]);
    expect(stage.states).toEqual(['open', 'suspended', 'connecting', 'open']);
  });

  it('keeps what was received but not handled, for the next crash', async () => {
    const stage = new Stage();
    await stage.welcome();
    for (const text of ['a', 'b']) stage.session.send(text);
    await stage.resumed({ received: 2, handled: 0 });
    expect(stage.session.unacknowledged).toBe(2);
    const third = await stage.resumed({ received: 0, handled: 0 });
    expect(third.messages).toEqual(['m1.0:a', 'm2.0:b']);
  });

  it('sends what a listener of the event sends after everything older', async () => {
    const stage = new Stage();
    await stage.welcome();
    stage.session.send('old');
    stage.session.addEventListener('statechange', ({ state }) => state === 'open' && stage.session.send('new'));
    expect((await stage.resumed()).messages).toEqual(['m1.0:old', 'm2.0:new']);
  });

  it('goes on behind messages that are gone, and says which', async () => {
    const stage = new Stage();
    (await stage.welcome()).receive('m1.0:a');
    const next = await stage.resumed({ lost: { from: 2, to: 4 } });
    next.receive('m5.0:b');
    expect(stage.data).toEqual(['a', 'b']);
    expect(stage.of('resumed')).toEqual([{ type: 'resumed', lost: { from: 2, to: 4 } }]);
  });

  it('uses the token that came last', async () => {
    const stage = new Stage();
    (await stage.welcome()).receive(encodeToken({ token: 'rotated' }));
    const next = await stage.resumed();
    expect(next.bodies('h')).toMatchObject([{ resume: { token: 'rotated' } }]);
  });

  it.each([
    { resumed: true, handled: 2 },
    { resumed: true, received: 2 },
  ])('does not believe in messages that it never sent: %j', async (fields) => {
    const stage = new Stage();
    await stage.welcome();
    stage.session.send('a');
    const next = await stage.resumed(fields);
    expect(next.closedWith?.code).toBe(4400);
    expect(stage.session.unacknowledged).toBe(1);
    expect(stage.of('error')).toMatchObject([{ error: { code: 'CLIENT_BROKEN_FRAME' } }]);
  });
});

describe('losing the session', () => {
  it('reports what was sent and never confirmed; what was not sent goes to the next session', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    for (const text of ['a', 'b', 'c']) stage.session.send(text);
    socket.receive('m1.1:hello');
    socket.end();
    stage.session.send('d');
    await stage.dialled(2);
    const id = 'BBBBBBBBBBBBBBBBBBBBBB';
    const next = await stage.welcome({ session: id, token: 'other', lost: { from: 2, to: null } });
    expect(stage.of('reset')).toEqual([{ type: 'reset', lost: { down: { from: 2, to: null }, up: ['b', 'c'] } }]);
    expect(stage.of('resumed')).toEqual([]);
    expect(next.messages).toEqual(['m1.0:d']);
    expect(stage.session.id).toBe(id);
    next.receive('m1.1:again from one');
    expect(stage.data).toEqual(['hello', 'again from one']);
    expect(stage.session.unacknowledged).toBe(0);
  });

  it('begins anew without the token when the token is refused, by the schedule', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    stage.session.send('a');
    socket.receive('m1.0:x');
    socket.end();
    (await stage.dialled(2)).accept();
    stage.session.send('b');
    stage.socket.end(4401, 'not ours');
    expect(stage.of('reset')).toEqual([{ type: 'reset', lost: { down: { from: 2, to: null }, up: ['a'] } }]);
    await stage.dialled(3);
    const next = await stage.welcome({ token: 'other' });
    expect(next.bodies('h')).toEqual([{ v: 1 }]);
    expect(next.messages).toEqual(['m1.0:b']);
    expect(stage.of('reset')).toHaveLength(1);
  });

  it('does not call the first session a lost one', async () => {
    const stage = new Stage();
    stage.session.send('a');
    await stage.welcome();
    expect(stage.of('reset')).toEqual([]);
  });
});

describe('another backend', () => {
  it('answers with its numbers, then sends again what that backend has not received', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    for (const text of ['a', 'b', 'c']) stage.session.send(text);
    const before = socket.sent.length;
    socket.receive(encodeRehomed({ ...REHOMED, handled: 1, received: 2 }));
    expect(socket.sent.slice(before)).toEqual(['y{"received":0,"lowest":2,"sent":3}', 'm3.0:c']);
    expect(stage.of('rehomed')).toEqual([{ type: 'rehomed', cause: 'failover', lost: undefined }]);
    expect(stage.session.state).toBe('open');
  });

  it('sends everything that it keeps when that backend knows nothing', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    for (const text of ['a', 'b']) stage.session.send(text);
    socket.receive('a1');
    socket.receive(encodeRehomed({ ...REHOMED, lost: { from: 1, to: 3 } }));
    expect(socket.sent.slice(-2)).toEqual(['y{"received":3,"lowest":2,"sent":2}', 'm2.3:b']);
    expect(stage.of('rehomed')).toMatchObject([{ lost: { from: 1, to: 3 } }]);
  });

  it('comes with a token for the next resume', async () => {
    const stage = new Stage();
    (await stage.welcome()).receive(encodeRehomed({ ...REHOMED, token: 'rehomed' }));
    expect((await stage.resumed()).bodies('h')).toMatchObject([{ resume: { token: 'rehomed' } }]);
  });
});
