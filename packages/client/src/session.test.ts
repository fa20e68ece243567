/** What an application sees of a session that nothing happens to: messages, acknowledgements, the queue, its end. The server is scripted; time is fake. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settled, Stage } from './testing/stage.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('talking', () => {
  it('says hello, is welcomed, and passes messages both ways with numbers and acknowledgements', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    expect(socket.protocols).toEqual(['holdfast.v1']);
    expect(socket.bodies('h')).toEqual([{ v: 1 }]);
    expect(stage.session.state).toBe('open');
    expect(stage.session.id).toBe('AAAAAAAAAAAAAAAAAAAAAA');
    expect(stage.session.send('one')).toBe(true);
    socket.receive('m1.1:hello');
    expect(stage.session.send('two')).toBe(true);
    expect(socket.messages).toEqual(['m1.0:one', 'm2.1:two']);
    expect(stage.data).toEqual(['hello']);
    expect(stage.session.unacknowledged).toBe(1);
  });

  it('sends nothing before welcome, and then what waited, in order', async () => {
    const stage = new Stage();
    stage.session.send('early');
    await vi.advanceTimersByTimeAsync(0);
    stage.socket.accept();
    stage.session.send('late');
    expect(stage.socket.sent).toEqual(['h{"v":1}']);
    const socket = await stage.welcome();
    expect(socket.messages).toEqual(['m1.0:early', 'm2.0:late']);
  });

  it('offers the application protocols behind its own', async () => {
    const stage = new Stage({ protocols: ['chat.v2'] });
    expect((await stage.welcome()).protocols).toEqual(['holdfast.v1', 'chat.v2']);
  });

  it('gives binary messages as ArrayBuffers of their own, or as Blobs', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    socket.receive(Uint8Array.of(1, 1, 0, 7, 8).buffer);
    stage.session.binaryType = 'blob';
    socket.receive(Uint8Array.of(1, 2, 0, 9).buffer);
    const [buffer, blob] = stage.data as [ArrayBuffer, Blob];
    expect(new Uint8Array(buffer)).toEqual(Uint8Array.of(7, 8));
    expect(buffer.byteLength).toBe(2);
    expect(new Uint8Array(await blob.arrayBuffer())).toEqual(Uint8Array.of(9));
  });

  it('sends buffers and views as they were when they were given', async () => {
    const stage = new Stage();
    const bytes = Uint8Array.of(5, 6, 7);
    stage.session.send(bytes.subarray(1));
    stage.session.send(bytes.buffer);
    bytes.fill(0);
    const socket = await stage.welcome();
    expect(socket.sent.slice(1)).toEqual([Uint8Array.of(1, 1, 0, 6, 7), Uint8Array.of(1, 2, 0, 5, 6, 7)]);
  });

  it.each([undefined, null, 7, {}, new Blob(['x'])])('throws for what is not a message: %s', (data) => {
    const stage = new Stage();
    expect(() => stage.session.send(data as never)).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_DATA' }));
  });

  it('throws for a message that the server would refuse', async () => {
    const stage = new Stage();
    await stage.welcome({ limits: { messageBytes: 4, queueMessages: 10, queueBytes: 100 } });
    expect(stage.session.send('four')).toBe(true);
    expect(() => stage.session.send('fünf')).toThrow(expect.objectContaining({ code: 'CLIENT_MESSAGE_TOO_BIG' }));
  });

  it('goes on when a listener throws, and reports what it threw', async () => {
    const stage = new Stage();
    const thrown = new Error('from a listener');
    stage.session.addEventListener('message', () => {
      throw thrown;
    });
    const socket = await stage.welcome();
    socket.receive('m1.0:a');
    socket.receive('m2.0:b');
    expect(() => vi.advanceTimersByTime(0)).toThrow(thrown);
    expect(stage.data).toEqual(['a', 'b']);
    expect(stage.session.state).toBe('open');
  });
});

describe('acknowledging', () => {
  it('waits for a message to ride on, for a second', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    socket.receive('m1.0:a');
    socket.receive('m2.0:b');
    await vi.advanceTimersByTimeAsync(999);
    expect(socket.texts).not.toContain('a2');
    await vi.advanceTimersByTimeAsync(1);
    expect(socket.texts.filter((text) => text.startsWith('a'))).toEqual(['a2']);
    await vi.advanceTimersByTimeAsync(5000);
    expect(socket.texts.filter((text) => text.startsWith('a'))).toEqual(['a2']);
  });

  it('lets an answer carry it', async () => {
    const stage = new Stage();
    stage.session.addEventListener('message', () => stage.session.send('answer'));
    const socket = await stage.welcome();
    socket.receive('m1.0:a');
    await vi.advanceTimersByTimeAsync(2000);
    expect(socket.texts.slice(1)).toEqual(['m1.1:answer']);
  });

  it('comes at once after 32 messages', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    for (let n = 1; n <= 32; n += 1) socket.receive(`m${n.toString(36)}.0:x`);
    expect(socket.texts.at(-1)).toBe('aw');
  });

  it('comes at once for a repeat, which is dropped', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    socket.receive('m1.0:a');
    socket.receive('m1.0:a');
    expect(stage.data).toEqual(['a']);
    expect(socket.texts.at(-1)).toBe('a1');
  });

  it('keeps no timer when nothing is owed', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    const idle = vi.getTimerCount();
    socket.receive('m1.0:a');
    expect(vi.getTimerCount()).toBe(idle + 1);
    for (let n = 2; n < 30; n += 1) socket.receive(`m${n.toString(36)}.0:x`);
    expect(vi.getTimerCount()).toBe(idle + 1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(vi.getTimerCount()).toBe(idle);
  });
});

describe('the queue', () => {
  it('takes what fits, refuses the rest, and says when there is room', async () => {
    const stage = new Stage({ queue: { messages: 2 } });
    const { session } = stage;
    expect([session.send('a'), session.send('b'), session.send('c'), session.send('d')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(stage.of('backpressure')).toEqual([]);
    const socket = await stage.welcome();
    expect(stage.of('backpressure')).toHaveLength(1);
    expect(socket.messages).toEqual(['m1.0:a', 'm2.0:b']);
    expect(stage.of('writable')).toEqual([]);
    socket.receive('a1');
    expect(stage.of('writable')).toHaveLength(1);
    expect(session.send('e')).toBe(true);
    expect(socket.messages.at(-1)).toBe('m3.0:e');
  });

  it('says so each time that it gets full', async () => {
    const stage = new Stage({ queue: { messages: 1 } });
    const socket = await stage.welcome();
    for (const ack of ['a1', 'a2', 'a3']) {
      stage.session.send('taken');
      stage.session.send('refused');
      await settled();
      socket.receive(ack);
    }
    expect(stage.of('backpressure')).toHaveLength(3);
    expect(stage.of('writable')).toHaveLength(3);
  });

  it('counts bytes as they are on the wire', () => {
    const stage = new Stage({ queue: { bytes: 8 } });
    expect(stage.session.send('ü€')).toBe(true);
    expect(stage.session.bufferedAmount).toBe(5);
    expect(stage.session.send('😀')).toBe(true);
    expect(stage.session.bufferedAmount).toBe(9);
    expect(stage.session.send('')).toBe(false);
  });

  it('obeys the limits of the server where they are lower', async () => {
    const stage = new Stage({ queue: { messages: 10 } });
    await stage.welcome({ limits: { messageBytes: 100, queueMessages: 1, queueBytes: 1000 } });
    expect([stage.session.send('a'), stage.session.send('b')]).toEqual([true, false]);
  });

  it('is the socket that has bytes to send while open', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    stage.session.send('abc');
    expect(stage.session.bufferedAmount).toBe(0);
    socket.bufferedAmount = 7;
    expect(stage.session.bufferedAmount).toBe(7);
    socket.end();
    expect(stage.session.bufferedAmount).toBe(3);
  });
});

describe('delivering', () => {
  it('resolves when the backend has handled the message, in order', async () => {
    const stage = new Stage();
    const done: string[] = [];
    for (const text of ['a', 'b', 'c']) void stage.session.deliver(text).then(() => done.push(text));
    const socket = await stage.welcome();
    socket.receive('a2');
    await vi.advanceTimersByTimeAsync(0);
    expect(done).toEqual(['a', 'b']);
    socket.receive('m1.3:x');
    await vi.advanceTimersByTimeAsync(0);
    expect(done).toEqual(['a', 'b', 'c']);
  });

  it('resolves by what a welcome says is handled', async () => {
    const stage = new Stage();
    await stage.welcome();
    const delivered = stage.session.deliver('a');
    await stage.resumed({ handled: 1, received: 1 });
    await expect(delivered).resolves.toBeUndefined();
  });

  it('rejects when the session is lost, unless the message was never sent', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    const lost = stage.session.deliver('a').catch(codeOf);
    socket.end();
    const kept = stage.session.deliver('b');
    await stage.dialled(2);
    const next = await stage.welcome({ token: 'other' });
    expect(await lost).toBe('CLIENT_SESSION_LOST');
    next.receive('a1');
    await expect(kept).resolves.toBeUndefined();
  });

  it('rejects when there is no room, and when the session is or gets closed', async () => {
    const stage = new Stage({ queue: { messages: 1 } });
    const waiting = stage.session.deliver('a').catch(codeOf);
    await expect(stage.session.deliver('b')).rejects.toMatchObject({ code: 'CLIENT_QUEUE_FULL' });
    stage.session.close();
    expect(await waiting).toBe('CLIENT_CLOSED');
    await expect(stage.session.deliver('c')).rejects.toMatchObject({ code: 'CLIENT_CLOSED' });
  });
});

describe('closing', () => {
  it('tells the server for good, and then the application what was not confirmed', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    stage.session.send('a');
    stage.session.close(4100, 'bye');
    expect(socket.texts.at(-1)).toBe('c{"code":4100,"reason":"bye"}');
    expect(socket.closedWith).toEqual({ code: 4100, reason: 'bye' });
    const lost = { down: undefined, up: ['a'] };
    expect(stage.events.slice(-2)).toMatchObject([
      { state: 'closed' },
      { type: 'close', code: 4100, reason: 'bye', lost },
    ]);
    expect(stage.session.send('b')).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
    stage.session.close();
    expect(stage.of('close')).toHaveLength(1);
  });

  it('is over when the server says so, without another try', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    socket.receive('c{"code":4100,"reason":"go home"}');
    expect(stage.of('close')).toMatchObject([{ code: 4100, reason: 'go home' }]);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(stage.network.sockets).toHaveLength(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends a try that is under way', async () => {
    const stage = new Stage();
    await vi.advanceTimersByTimeAsync(0);
    stage.session.close();
    expect(stage.network.live).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is allowed to listeners of messages', async () => {
    const stage = new Stage();
    stage.session.addEventListener('message', () => stage.session.close());
    const socket = await stage.welcome();
    socket.receive('m1.0:a');
    socket.receive('m2.0:b');
    expect(stage.data).toEqual(['a']);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('throws for a reason that does not fit, and fits one that does', async () => {
    const stage = new Stage();
    const socket = await stage.welcome();
    expect(() => stage.session.close(1000, 'ü'.repeat(62))).toThrow(
      expect.objectContaining({ code: 'CLIENT_BAD_CLOSE' }),
    );
    expect(stage.session.state).toBe('open');
    stage.session.close(4000, '€'.repeat(41));
    expect(socket.closedWith).toEqual({ code: 4000, reason: '€'.repeat(41) });
  });

  it.each([0, 999, 1001, 2999, 5000, Number.NaN])('throws for code %d, which scripts may not send', (code) => {
    const stage = new Stage();
    expect(() => stage.session.close(code)).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_CLOSE' }));
  });
});

describe('credentials', () => {
  it('are sent in hello, asked anew for each connection', async () => {
    let asked = 0;
    const stage = new Stage({ token: async () => `secret-${(asked += 1)}` });
    expect((await stage.welcome()).bodies('h')).toEqual([{ v: 1, auth: 'secret-1' }]);
    expect((await stage.resumed()).bodies('h')).toMatchObject([{ auth: 'secret-2' }]);
  });

  it('can be refreshed in band', async () => {
    let asked = 0;
    const stage = new Stage({ token: () => `secret-${(asked += 1)}` });
    const socket = await stage.welcome();
    await stage.session.refreshToken();
    expect(socket.texts.at(-1)).toBe('u{"auth":"secret-2"}');
  });
});

function codeOf({ code }: { readonly code?: string }): string | undefined {
  return code;
}
