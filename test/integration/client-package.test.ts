/**
 * The client as it is published: bundles with shortened names, made of other code than the unit tests run. Through each of its
 * files: a session that talks, loses its connection and resumes, against real processes; and what the files are to each other.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type * as Client from '@holdfast/client';
import type * as Core from '@holdfast/client/core';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { eventually } from '../support/eventually.js';
import { startTcpProxy } from '../support/tcp-proxy.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { startHoldfast } from '../support/holdfast.js';
import { sessionsOf } from '../chaos/arena.js';
import { startTopicStage } from '../support/topics/topic-stage.js';

const DIST = new URL('../../packages/client/dist/', import.meta.url);
const load = async <Module>(file: string): Promise<Module> => (await import(new URL(file, DIST).href)) as Module;

describe('the published client', () => {
  it.each(['core.js', 'index.js', 'client.min.js'])(
    '%s talks, and resumes when its connection is cut',
    async (file) => {
      const { connect } = await load<typeof Core>(file);
      await using fleet = await SessionFleet.start(1);
      await using holdfast = await startHoldfast(sessionsOf(fleet.urls));
      await using proxy = await startTcpProxy(holdfast.port);
      let asked = 0;
      const token = async (): Promise<string> => `token ${(asked += 1)}`;
      const session = connect([`ws://127.0.0.1:${proxy.port}/`], { webSocket: WebSocket, token });
      const [heard, told]: [unknown[], unknown[]] = [[], []];
      session.addEventListener('message', ({ data }) => heard.push(data));
      for (const type of ['resumed', 'reset', 'error', 'close'] as const) {
        session.addEventListener(type, (event) => told.push(event));
      }
      try {
        await session.deliver('c 1');
        // The backend of this test takes it for a text without a number.
        await session.deliver(new Uint8Array([1, 2, 3]));
        await eventually(() => expect(heard).toEqual(['e 1', 'e undefined']));
        const { id } = session;
        session.addEventListener('statechange', () => session.send('c 3'), { once: true });
        proxy.cutAll();
        await eventually(() => expect(heard).toEqual(['e 1', 'e undefined', 'e 3']));
        await eventually(() => expect(session.unacknowledged).toBe(0));
        expect(told).toEqual([{ type: 'resumed', lost: undefined }]);
        expect([session.id, asked]).toEqual([id, 2]);
      } finally {
        session.close(3000, 'done');
      }
      expect(told.at(-1)).toEqual({ type: 'close', code: 3000, reason: 'done', lost: { down: undefined, up: [] } });
      await expect(session.deliver('c 4')).rejects.toMatchObject({ name: 'ClientError', code: 'CLIENT_CLOSED' });
    },
  );

  it.each(['index.js', 'client.min.js'])('%s hears topics, before and after a cut', async (file) => {
    const { connect } = await load<typeof Client>(file);
    await using stage = await startTopicStage({ engine: 'embedded' });
    await using proxy = await startTcpProxy(Number(new URL(stage.url()).port));
    const session = connect(`ws://127.0.0.1:${proxy.port}/`, { webSocket: WebSocket });
    try {
      const room = session.subscribe('room:1', { presence: true });
      const heard: unknown[] = [];
      room.addEventListener('message', ({ data, offset }) => heard.push([data, offset]));
      await eventually(() => expect(room.state).toBe('live'));
      await room.publish('one');
      await eventually(() => expect(heard).toEqual([['one', 1]]));
      proxy.cutAll();
      await eventually(() => expect(room.state).toBe('waiting'));
      session.reconnect();
      await eventually(() => expect(room.state).toBe('live'));
      expect(room.recovered).toBe(true);
      await room.publish('two');
      await eventually(() =>
        expect(heard).toEqual([
          ['one', 1],
          ['two', 2],
        ]),
      );
      expect((await room.history()).messages.map(({ data }) => data)).toEqual(['one', 'two']);
      expect((await room.presence()).total).toBe(1);
    } finally {
      session.close();
    }
  });

  it('has one class of errors, wherever it is imported from', async () => {
    const [client, core] = [await load<typeof Client>('index.js'), await load<typeof Core>('core.js')];
    expect(client.ClientError).toBe(core.ClientError);
    const refusals = [() => client.connect('ftp://a'), () => core.connect(core.checkUrl('ftp://a'))];
    for (const act of refusals) {
      expect(act).toThrow(core.ClientError);
      expect(act).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_URL' }));
    }
    const options = { webSocket: WebSocket, tokn: () => 'x' };
    expect(() => client.connect('ws://a', options)).toThrow(expect.objectContaining({ code: 'CLIENT_BAD_OPTION' }));
  });

  it('needs no other package, neither its code nor its types', () => {
    const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' });
    const published = files.filter((file) => /^[^.].*\.(js|d\.ts)$/.test(file) && !file.startsWith('size'));
    expect(published).toContain('core.d.ts');
    for (const file of published) {
      const text = readFileSync(new URL(file, DIST), 'utf8');
      const specifiers = [...text.matchAll(/(?:from ?|import ?\(?)["']([^"']+)["']/g)].map(
        ([, specifier]) => specifier,
      );
      expect(specifiers.filter((specifier) => !specifier?.startsWith('.'))).toEqual([]);
    }
  });
});
