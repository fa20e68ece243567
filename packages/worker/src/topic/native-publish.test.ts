/**
 * What topics rely on in uWebSockets.js, asked of the installed one. Native publish is not immediate: it is buffered per
 * subscriber until the end of the turn, or until something else is sent to it. All that is said about order follows from that.
 */
import { once } from 'node:events';
import * as uws from 'uWebSockets.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import '../listener/native.js';

type Socket = uws.WebSocket<unknown>;

const MAX_BUFFERED = 256 * 1024;
/** Beyond the buffer that publishes of a turn are gathered in. */
const LARGE = 'L'.repeat(20_000);

let app: uws.TemplatedApp;
let socket: Socket;
let client: WebSocket;
let received: string[];
let dropped: string[];
let onDropped: (socket: Socket) => void;
let writables: number;

beforeEach(async () => {
  received = [];
  dropped = [];
  onDropped = () => undefined;
  writables = 0;
  const opened = new Promise<Socket>((resolve) => {
    app = uws.App().ws('/*', {
      maxBackpressure: MAX_BUFFERED,
      idleTimeout: 0,
      sendPingsAutomatically: false,
      open: resolve,
      dropped: (ws, message) => {
        dropped.push(Buffer.from(message).toString().slice(0, 8).trim());
        onDropped(ws);
      },
      drain: () => void (writables += 1),
    });
  });
  const port = await new Promise<number>((resolve, reject) => {
    app.listen('127.0.0.1', 0, (listening) => {
      if (listening === false) reject(new Error('expected a port, got none'));
      else resolve(uws.us_socket_local_port(listening));
    });
  });
  client = new WebSocket(`ws://127.0.0.1:${port}/`);
  client.on('message', (data) => received.push((data as Buffer).toString().slice(0, 8).trim()));
  await once(client, 'open');
  socket = await opened;
});

afterEach(() => {
  client.terminate();
  app.close();
});

async function receivedAre(expected: readonly string[]): Promise<void> {
  // What was wrongly sent, too, has arrived before this.
  socket.send('end');
  await vi.waitFor(() => expect(received.at(-1)).toBe('end'));
  expect(received.slice(0, -1)).toEqual(expected);
}

function publish(channel: string, text: string): void {
  app.publish(channel, text);
}

describe('native publish', () => {
  it('keeps the order of publishes and sends of a turn, whatever their channel and size', async () => {
    socket.subscribe('a');
    socket.subscribe('b');
    publish('a', '1');
    socket.send('2');
    publish('b', '3');
    publish('a', LARGE);
    publish('a', '5');
    socket.send('6');
    publish('b', '7');
    await receivedAre(['1', '2', '3', 'LLLLLLLL', '5', '6', '7']);
  });

  it('keeps it when the sends are corked', async () => {
    socket.subscribe('a');
    publish('a', '1');
    socket.cork(() => {
      socket.send('2');
      publish('a', '3');
      socket.send('4');
    });
    publish('a', '5');
    await receivedAre(['1', '2', '3', '4', '5']);
  });

  it('gives a subscriber what is published after its subscription, and nothing of before in the same turn', async () => {
    publish('a', '1');
    socket.send('answer');
    socket.subscribe('a');
    publish('a', '2');
    await receivedAre(['answer', '2']);
  });

  it('still delivers what was published before an unsubscription in the same turn', async () => {
    socket.subscribe('a');
    socket.subscribe('b');
    publish('a', '1');
    publish('b', '2');
    socket.unsubscribe('a');
    socket.unsubscribe('b');
    publish('a', '3');
    await receivedAre(['1', '2']);
  });

  it('delivers what was published before the end of the connection', async () => {
    socket.subscribe('a');
    publish('a', '1');
    const closed = once(client, 'close');
    socket.end(4000, 'bye');
    expect((await closed)[0]).toBe(4000);
    expect(received).toEqual(['1']);
  });

  it('drops what a slow subscriber cannot buffer, says so once per turn, and leaves other subscriptions as they are', async () => {
    await overflow();
    expect(dropped).toHaveLength(1);
    expect(socket.getBufferedAmount()).toBeGreaterThan(MAX_BUFFERED);
    expect(socket.isSubscribed('a')).toBe(true);
    client.resume();
    await vi.waitFor(() => expect(writables).toBeGreaterThan(0));
    // Neither the one that is told, nor the others of its turn.
    const told = Number(dropped[0]);
    await vi.waitFor(() => expect(received.at(-1)).toBe(String(told - 1)));
    publish('a', 'after');
    await vi.waitFor(() => expect(received.at(-1)).toBe('after'));
  });

  it('lets a subscriber that is told of a drop be unsubscribed in the next turn', async () => {
    const unsubscribed = new Promise<void>((resolve) => {
      onDropped = (ws) => {
        setImmediate(() => {
          ws.unsubscribe('a');
          ws.unsubscribe('b');
          resolve();
        });
      };
    });
    await overflow();
    await unsubscribed;
    publish('a', 'unheard');
    client.resume();
    await vi.waitFor(() => expect(socket.getBufferedAmount()).toBe(0));
    socket.subscribe('a');
    publish('a', 'heard');
    await vi.waitFor(() => expect(received.at(-1)).toBe('heard'));
    expect(received).not.toContain('unheard');
  });
});

/** The client reads nothing, and is published to until something is dropped, twenty messages a turn. */
async function overflow(): Promise<void> {
  socket.subscribe('a');
  socket.subscribe('b');
  client.pause();
  let n = 0;
  while (dropped.length === 0) {
    for (let i = 0; i < 20; i += 1) {
      publish(i % 2 === 0 ? 'a' : 'b', `${String(n).padEnd(8)}${'x'.repeat(10_000)}`);
      n += 1;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
