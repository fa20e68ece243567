import {
  CloseCode,
  encodeAuth,
  encodeHello,
  encodeHistory,
  encodePublishText,
  encodeSubscribe,
  encodeWithTail,
  type HeldTopic,
  encodeHeldTopics,
  type Hello,
  TRUNK_STREAM,
  TrunkKind,
} from '@holdfast/protocol';
import { describe, expect, it } from 'vitest';
import type { FakeClient } from './testing/fake-client.js';
import { holderOf, settle, stage, useScene, welcomed } from './testing/scene.js';
import type { Stage } from './testing/stage.js';

useScene();

const NEWS = encodeSubscribe({ topic: 'news', since: undefined, presence: false });

/** The backend allows what this says. */
function authorizing(here: Stage, allowed: boolean): void {
  for (const backend of here.backends.values()) {
    backend.onFrame = (trunk, { stream, kind, payload }) => {
      if (stream !== TRUNK_STREAM || kind !== TrunkKind.Request) return;
      const { ref, op, asks } = JSON.parse(Buffer.from(payload).toString()) as {
        ref: number;
        op: string;
        asks: unknown[];
      };
      if (op === 'authorize')
        trunk.sendJson(TRUNK_STREAM, TrunkKind.Result, { ref, ok: true, allowed: asks.map(() => allowed) });
    };
  }
}

/** A backend has its session join, or leave. */
function tell(here: Stage, client: FakeClient, kind: number, topic: string): void {
  const { trunk, stream } = holderOf(here, client);
  trunk.sendJson(stream, kind, { topic });
}

/** What a client that was at these topics says when it comes back. */
async function backWith(here: Stage, held: readonly HeldTopic[], resume?: Hello['resume']): Promise<FakeClient> {
  const client = here.connect();
  client.say(encodeHello({ version: 1, auth: undefined, resume }, encodeHeldTopics(held)));
  await settle();
  return client;
}

function textsOf(client: FakeClient): readonly string[] {
  return client.received.filter((frame) => frame.startsWith('d'));
}

/** A backend publishes by a request. */
async function publish(here: Stage, topic: string, text: string): Promise<void> {
  const [backend] = here.backends.values();
  const tail = [{ n: 1, isBinary: false, data: Buffer.from(text) }];
  backend?.trunk.send(TRUNK_STREAM, TrunkKind.Request, encodeWithTail({ ref: 7, op: 'publish', topic }, tail));
  await settle();
}

describe('a session on topics', () => {
  it('subscribes once its backend allows it, and hears what backends publish', async () => {
    const here = stage();
    authorizing(here, true);
    const client = await welcomed(here);
    client.say(NEWS);
    await settle();
    await publish(here, 'news', 'hello');
    expect(client.controls('s')).toEqual([expect.objectContaining({ topic: 'news', offset: 0, recovered: false })]);
    expect(textsOf(client)).toEqual(['d4.1:newshello']);
  });

  it('is refused where its backend does not allow it', async () => {
    const here = stage();
    authorizing(here, false);
    const client = await welcomed(here);
    client.say(NEWS);
    client.say(encodePublishText(1, 'news', 'x'));
    await settle();
    expect(client.controls('s')).toEqual([{ topic: 'news', error: 'forbidden' }]);
    expect(client.controls('z')).toEqual([{ ref: 1, ok: false, error: 'forbidden', retryable: false }]);
  });

  it('joins and leaves as its backend says', async () => {
    const here = stage();
    const client = await welcomed(here);
    tell(here, client, TrunkKind.Subscribe, 'news');
    await settle();
    await publish(here, 'news', 'one');
    tell(here, client, TrunkKind.Unsubscribe, 'news');
    await settle();
    await publish(here, 'news', 'two');
    expect(client.controls('s')).toEqual([expect.objectContaining({ topic: 'news', joined: true })]);
    expect(textsOf(client)).toEqual(['d4.1:newsone']);
    expect(client.controls('x')).toEqual([{ topic: 'news' }]);
  });

  it('that is a plain one joins, and hears the payload alone', async () => {
    const here = stage();
    const client = here.connect({ isPlain: true });
    await settle();
    const [backend] = here.backends.values();
    const { trunk, stream } = [...(backend?.held.values() ?? [])][0] ?? [...here.backend('b2').held.values()][0] ?? {};
    trunk?.sendJson(stream ?? 0, TrunkKind.Subscribe, { topic: 'news' });
    await settle();
    await publish(here, 'news', 'one');
    expect(client.received).toEqual(['one']);
  });

  it('goes on where it was when its client comes back, also with what its backend had it join', async () => {
    const here = stage();
    authorizing(here, true);
    const client = await welcomed(here);
    client.say(NEWS);
    tell(here, client, TrunkKind.Subscribe, 'joined');
    await settle();
    const held = client.controls('s').map(({ topic, epoch, offset, joined }) => ({
      topic: String(topic),
      epoch: String(epoch),
      offset: Number(offset),
      presence: false,
      joined: joined === true,
    }));
    const { token } = client.welcome;
    client.vanish();
    await publish(here, 'news', 'one');
    await publish(here, 'joined', 'two');
    const back = await backWith(here, held, { token, received: 0, lowest: 1, sent: 0 });
    expect(back.welcome.resumed).toBe(true);
    expect(back.controls('s')).toEqual([expect.objectContaining({ topic: 'news', offset: 0, recovered: true })]);
    tell(here, back, TrunkKind.Subscribe, 'joined');
    await settle();
    expect(back.controls('s').at(-1)).toMatchObject({ topic: 'joined', offset: 0, recovered: true, joined: true });
    expect(textsOf(back)).toEqual(['d4.1:newsone', 'd6.1:joinedtwo']);
  });

  it('is answered after the welcome, never before', async () => {
    const here = stage();
    authorizing(here, true);
    const back = await backWith(here, [
      { topic: 'news', epoch: 'AAAAAAAAAAAA', offset: 3, presence: false, joined: false },
    ]);
    expect(back.received.map((frame) => frame[0])).toEqual(['w', 's']);
    expect(back.controls('s')).toEqual([expect.objectContaining({ topic: 'news', recovered: false })]);
  });

  it('is closed when it speaks of topics before its welcome', async () => {
    const here = stage();
    const client = here.connect();
    client.say(NEWS);
    await settle();
    expect(client.closed?.code).toBe(CloseCode.BrokeProtocol);
  });

  it('is closed when what it says is no question', async () => {
    const here = stage();
    const client = await welcomed(here);
    client.say('s{"topic":7}');
    expect(client.closed?.code).toBe(CloseCode.BrokeProtocol);
  });

  it('reads history by way of its backend, and of its own', async () => {
    const here = stage();
    authorizing(here, true);
    const client = await welcomed(here);
    await publish(here, 'news', 'one');
    client.say(encodeHistory(3, { topic: 'news', since: undefined, limit: 1, reverse: true }));
    const [backend] = here.backends.values();
    backend?.trunk.sendJson(TRUNK_STREAM, TrunkKind.Request, { ref: 8, op: 'history', topic: 'news' });
    await settle();
    expect(client.controls('z')).toEqual([
      expect.objectContaining({ ref: 3, ok: true, top: 1, messages: [expect.objectContaining({ data: 'one' })] }),
    ]);
    const results = backend?.trunk.textsOf(TrunkKind.Result).map((text) => JSON.parse(text) as object);
    expect(results).toEqual([
      expect.objectContaining({ ref: 7, ok: true, offset: 1 }),
      expect.objectContaining({ ref: 8, ok: true, top: 1 }),
    ]);
  });

  it('is held to the size of messages of its route also when it publishes', async () => {
    const here = stage();
    authorizing(here, true);
    const client = await welcomed(here);
    client.say(encodePublishText(1, 'news', 'x'.repeat(2000)));
    await settle();
    expect(client.closed?.code).toBe(CloseCode.MessageTooBig);
  });

  it('stays on its topics through a refresh of its credentials and the loss of its backend', async () => {
    const here = stage();
    authorizing(here, true);
    const client = await welcomed(here);
    client.say(NEWS);
    client.say(encodeAuth('again'));
    await settle();
    holderOf(here, client).backend.crash();
    await settle(3000);
    const publishing = here.holderOf(client.welcome.session);
    expect(publishing).toBeDefined();
    for (const backend of here.backends.values()) {
      if (backend.trunk.isClosed) continue;
      const tail = [{ n: 1, isBinary: false, data: Buffer.from('still') }];
      backend.trunk.send(
        TRUNK_STREAM,
        TrunkKind.Request,
        encodeWithTail({ ref: 9, op: 'publish', topic: 'news' }, tail),
      );
      break;
    }
    await settle();
    expect(textsOf(client)).toEqual(['d4.1:newsstill']);
  });
});

describe('presence of sessions', () => {
  const topics = [
    {
      match: 'room',
      history: { messages: 10, ageMs: 60_000 },
      presence: true,
      publishesPerSecond: 0,
      messageBytes: 1024,
    },
  ];

  it('is told to those who watch: who comes, who goes, and nothing of who comes back', async () => {
    const here = stage({ topics });
    authorizing(here, true);
    const [watching, other] = [await welcomed(here), await welcomed(here)];
    watching.say(encodeSubscribe({ topic: 'room', since: undefined, presence: true }));
    await settle(100);
    other.say(encodeSubscribe({ topic: 'room', since: undefined, presence: false }));
    await settle(100);
    const { token, session: id } = other.welcome;
    other.vanish();
    await settle(100);
    const back = await backWith(
      here,
      [{ topic: 'room', epoch: 'AAAAAAAAAAAA', offset: 0, presence: false, joined: false }],
      {
        token,
        received: 0,
        lowest: 1,
        sent: 0,
      },
    );
    await settle(100);
    back.say('c{"code":1000,"reason":""}');
    await settle(100);
    const changes = watching.controls('k').filter(({ member }) => (member as { id: string }).id === id);
    expect(changes.map(({ type }) => type)).toEqual(['join', 'leave']);
  });
});
