import {
  encodeHistory,
  encodePresence,
  encodePublishBinary,
  encodePublishText,
  encodeSubscribe,
  encodeUnsubscribe,
  type HeldTopic,
} from '@holdfast/protocol';
import type { PresenceList } from '@holdfast/state';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TopicRule } from '../config.js';
import { Authorization } from './authorization.js';
import { BackendTopics } from './backend-topics.js';
import { ASKS_PER_SECOND, ClientRates } from './client-rates.js';
import { ClientTopics, isTopicFrame } from './client-topics.js';
import { MAX_GRANTS } from './grants.js';
import type { FakeSession } from './testing/fake-subscriber.js';
import { settle, TopicStage } from './testing/topic-stage.js';
import { TopicRequests } from './topic-requests.js';
import type { BackendAnswer } from './session-topics.js';

type Ask = Readonly<{ asks: readonly { topic: string; action: string }[] }>;

class Scene {
  readonly stage: TopicStage;
  readonly client: ClientTopics;
  readonly backend: BackendTopics;
  readonly asked: Ask[] = [];
  readonly warnings: object[] = [];
  /** Topics that the backend allows. */
  allowed: (topic: string) => boolean = () => true;
  isBackendGone = false;
  members: PresenceList = { members: [], total: 0 };

  constructor(rules: readonly Partial<TopicRule>[] = []) {
    this.stage = new TopicStage(rules);
    const { server, stats, rules: topicRules, topics } = this.stage;
    const presence = { list: () => Promise.resolve(this.members) };
    const requests = new TopicRequests({ store: server, presence, rules: topicRules, stats, isAlive: () => true });
    const rates = new ClientRates(topicRules, stats);
    this.client = new ClientTopics({ topics, requests, authorization: new Authorization(), rates, stats });
    const log = { warn: (fields: object) => void this.warnings.push(fields) };
    this.backend = new BackendTopics({ topics, requests, stats, log });
  }

  session(claims?: Readonly<Record<string, unknown>>): FakeSession {
    return this.stage.session({ backend: (body) => this.#answer(body as Ask), ...(claims && { claims }) });
  }

  say(session: FakeSession, frame: string | Uint8Array): void {
    const bytes = new Uint8Array(Buffer.from(frame));
    const isBinary = typeof frame !== 'string';
    if (!isTopicFrame(bytes[0], isBinary)) throw new Error('expected a frame of topics');
    this.client.onFrame(session, bytes, isBinary);
    // The socket's buffer is used again.
    bytes.fill(0);
  }

  async #answer(body: Ask): Promise<BackendAnswer> {
    this.asked.push(body);
    await Promise.resolve();
    if (this.isBackendGone) return { ok: false, error: 'lost', retryable: true };
    const allowed = body.asks.map(({ topic }) => this.allowed(topic));
    return { ok: true, body: { allowed, info: body.asks.map(() => ({ name: 'Ada' })) } };
  }
}

let scene: Scene;
beforeEach(() => {
  vi.useFakeTimers();
  scene = new Scene();
});
afterEach(() => {
  scene.stage.close();
  vi.useRealTimers();
});

function sceneOf(...rules: readonly Partial<TopicRule>[]): Scene {
  scene.stage.close();
  scene = new Scene(rules);
  return scene;
}

function subscribe(topic: string): string {
  return encodeSubscribe({ topic, since: undefined, presence: false });
}

const CLAIMS = { topics: { subscribe: ['room:*'], publish: ['room:1'] } };

describe('a client that asks for a topic', () => {
  it('gets it without asking anybody, where its token says so', async () => {
    const session = scene.session(CLAIMS);
    scene.say(session, subscribe('room:7'));
    await settle();
    expect(session.controls('s')).toEqual([expect.objectContaining({ topic: 'room:7', recovered: false })]);
    expect(scene.asked).toEqual([]);
  });

  it('gets it once its backend says yes, which is remembered', async () => {
    const session = scene.session();
    scene.say(session, subscribe('news'));
    scene.say(session, encodeUnsubscribe('news'));
    await settle();
    scene.say(session, encodeUnsubscribe('news'));
    scene.say(session, subscribe('news'));
    await settle();
    expect(session.controls('s')).toHaveLength(2);
    expect(scene.asked).toEqual([
      {
        op: 'authorize',
        session: session.id,
        principal: 'ada',
        claims: undefined,
        asks: [{ topic: 'news', action: 'subscribe' }],
      },
    ]);
  });

  it.each([
    ['forbidden', 'news', (it: Scene) => void (it.allowed = () => false)],
    ['unavailable', 'news', (it: Scene) => void (it.isBackendGone = true)],
    ['invalid', 'a\nb', () => undefined],
    ['invalid', 'x'.repeat(201), () => undefined],
  ])('is told %s', async (error, topic, prepare) => {
    prepare(scene);
    const session = scene.session();
    scene.say(session, subscribe(topic));
    await settle();
    expect(session.controls('s')).toEqual([{ topic, error }]);
  });

  it('is asked about again after a no', async () => {
    scene.allowed = () => false;
    const session = scene.session();
    scene.say(session, subscribe('news'));
    await settle();
    scene.allowed = () => true;
    scene.say(session, subscribe('news'));
    await settle();
    expect(session.controls('s').map(({ error }) => error)).toEqual(['forbidden', undefined]);
  });

  it('may ask again for what its backend had it join', async () => {
    scene.allowed = () => false;
    const session = scene.session();
    scene.backend.onJoin(session, { topic: 'news', info: undefined });
    await settle();
    scene.say(session, subscribe('news'));
    await settle();
    expect(session.controls('s')).toEqual([
      expect.objectContaining({ joined: true }),
      expect.objectContaining({ joined: true }),
    ]);
  });

  it('is held to so many questions a second', async () => {
    const session = scene.session(CLAIMS);
    for (let i = 0; i <= ASKS_PER_SECOND; i += 1) scene.say(session, subscribe('room:1'));
    await settle();
    expect(session.controls('s').filter(({ error }) => error === 'limit')).toHaveLength(1);
    expect(scene.stage.bounds).toEqual(['topic_asks']);
  });

  it('remembers no more than a hundred permissions', async () => {
    const session = scene.session();
    for (let i = 0; i <= MAX_GRANTS; i += 1) {
      scene.say(session, encodePresence(i, `t${i}`));
      await settle(20);
    }
    scene.asked.length = 0;
    scene.say(session, encodePresence(1, `t${MAX_GRANTS}`));
    scene.say(session, encodePresence(2, 't0'));
    await settle();
    expect(scene.asked.map(({ asks }) => asks[0]?.topic)).toEqual(['t0']);
  });
});

describe('a client that comes back', () => {
  it('has its topics asked about at once, and is answered for each', async () => {
    scene.allowed = (topic) => topic !== 'secret';
    const session = scene.session();
    const epoch = 'AAAAAAAAAAAA';
    const held: HeldTopic[] = ['news', 'secret'].map((topic) => ({
      topic,
      epoch,
      offset: 1,
      presence: false,
      joined: false,
    }));
    scene.client.onHello(session, held);
    await settle();
    expect(scene.asked).toHaveLength(1);
    expect(session.controls('s')).toEqual([
      { topic: 'secret', error: 'forbidden' },
      expect.objectContaining({ topic: 'news', recovered: false }),
    ]);
  });

  it('gets what it missed of a topic that its backend joins again, from where it says', async () => {
    const session = scene.session();
    const { epoch } = scene.stage.server.stored('news');
    await scene.stage.publish('news', 'one', 'two');
    scene.client.onHello(session, [{ topic: 'news', epoch, offset: 1, presence: false, joined: true }]);
    await settle();
    expect(session.received).toEqual([]);
    scene.backend.onJoin(session, { topic: 'news', info: undefined });
    await settle();
    expect(session.controls('s')).toEqual([{ topic: 'news', epoch, offset: 1, recovered: true, joined: true }]);
    expect(session.received.at(-1)).toMatch(/two$/);
    expect(scene.asked).toEqual([]);
  });
});

describe('a client that comes back to a topic that its backend has it join, too', () => {
  it.each([
    { first: 'join', order: ['join', 'hello'] },
    { first: 'its own wish', order: ['hello', 'join'] },
  ])('misses nothing when the $first is first', async ({ order }) => {
    const session = scene.session();
    const { epoch } = scene.stage.server.stored('news');
    await scene.stage.publish('news', 'one', 'two');
    // Its backend is asked whether it may, which takes longer than to say what it joins.
    scene.client.onHello(session, [{ topic: 'news', epoch, offset: 1, presence: false, joined: false }]);
    if (order[0] === 'hello') await settle();
    scene.backend.onJoin(session, { topic: 'news', info: undefined });
    await settle();
    const told = session.controls('s');
    expect(told.length).toBeGreaterThan(0);
    expect(told.every(({ recovered, offset }) => recovered === true && offset === 1)).toBe(true);
    expect(session.received.at(-1)).toMatch(/two$/);
  });
});

describe('a client that publishes', () => {
  it('is told where its message is', async () => {
    const session = scene.session(CLAIMS);
    scene.say(session, subscribe('room:1'));
    await settle();
    scene.say(session, encodePublishText(1, 'room:1', 'hello'));
    scene.say(session, encodePublishBinary(2, 'room:1', new Uint8Array([1, 2])));
    await settle();
    const { epoch } = scene.stage.server.stored('room:1');
    expect(session.controls('z')).toEqual([
      { ref: 1, ok: true, epoch, offset: 1 },
      { ref: 2, ok: true, epoch, offset: 2 },
    ]);
    expect(session.received).toContain('d6.1:room:1hello');
  });

  it('has its messages published in order, also while its backend is asked', async () => {
    const session = scene.session();
    for (let i = 1; i <= 5; i += 1) scene.say(session, encodePublishText(i, 'news', `n${i}`));
    await settle();
    expect(session.controls('z').map(({ offset }) => offset)).toEqual([1, 2, 3, 4, 5]);
    expect(scene.asked).toHaveLength(1);
  });

  it.each([
    ['forbidden', false, 'room:2', 'x', (it: Scene) => void (it.allowed = () => false)],
    ['unavailable', true, 'room:2', 'x', (it: Scene) => void (it.isBackendGone = true)],
    ['unavailable', true, 'room:1', 'x', (it: Scene) => void (it.stage.server.isDown = true)],
    ['invalid', false, 'a\tb', 'x', () => undefined],
    ['size', false, 'room:1', 'x'.repeat(11), () => undefined],
  ])('is told %s', async (error, retryable, topic, text, prepare) => {
    sceneOf({ match: '*', messageBytes: 10 });
    prepare(scene);
    const session = scene.session(CLAIMS);
    scene.say(session, encodePublishText(7, topic, text));
    await settle();
    expect(session.controls('z')).toEqual([{ ref: 7, ok: false, error, retryable }]);
    expect([...scene.stage.stats.published.entries()].map(({ labels }) => labels)).toEqual([
      { source: 'client', outcome: error },
    ]);
  });

  it('is held to the rate of the topic, and may go on a second later', async () => {
    sceneOf({ match: 'room:*', publishesPerSecond: 2 });
    const session = scene.session(CLAIMS);
    for (let i = 1; i <= 3; i += 1) scene.say(session, encodePublishText(i, 'room:1', 'x'));
    await settle(1000);
    scene.say(session, encodePublishText(4, 'room:1', 'x'));
    await settle();
    const failed = session.controls('z').filter(({ ok }) => ok === false);
    expect(failed).toEqual([{ ref: 3, ok: false, error: 'limit', retryable: true }]);
    expect(session.controls('z')).toHaveLength(4);
    expect(scene.stage.bounds).toEqual(['topic_publishes']);
  });
});

describe('a client that asks about a topic', () => {
  it('reads its history, page by page', async () => {
    await scene.stage.publish('room:1', 'one', 'two', 'three');
    const session = scene.session(CLAIMS);
    const query = { topic: 'room:1', since: 1, limit: 1, reverse: false };
    scene.say(session, encodeHistory(1, query));
    scene.say(session, encodeHistory(2, { ...query, since: 2 }));
    scene.say(session, encodeHistory(3, { ...query, since: undefined, reverse: true }));
    await settle();
    const page = { ok: true, epoch: scene.stage.server.stored('room:1').epoch, top: 3 };
    const [first, second, third] = session.controls('z');
    expect(first).toMatchObject({ ...page, ref: 1, messages: [{ offset: 2, data: 'two' }], more: true });
    expect(second).toMatchObject({ ...page, ref: 2, messages: [{ offset: 3, data: 'three' }], more: false });
    expect(third).toMatchObject({ ...page, ref: 3, messages: [{ offset: 3, data: 'three' }], more: true });
  });

  it('learns who is there', async () => {
    scene.members = { members: [{ id: 'x', info: '{"name":"Bob"}', owner: 'w' }], total: 2 };
    const session = scene.session(CLAIMS);
    scene.say(session, encodePresence(1, 'room:1'));
    await settle();
    expect(session.controls('z')).toEqual([
      { ref: 1, ok: true, members: [{ id: 'x', info: { name: 'Bob' } }], total: 2 },
    ]);
  });

  it('is told no', async () => {
    scene.allowed = () => false;
    const session = scene.session();
    scene.say(session, encodePresence(1, 'room:1'));
    scene.say(session, encodeHistory(2, { topic: 'room:1', since: undefined, limit: undefined, reverse: false }));
    await settle();
    expect(session.controls('z').map(({ error }) => error)).toEqual(['forbidden', 'forbidden']);
  });
});

describe('a backend', () => {
  it('has a session leave, which hears what was published until then, and is told', async () => {
    const session = scene.session();
    scene.backend.onJoin(session, { topic: 'news', info: undefined });
    await settle();
    await scene.stage.publish('news', 'one');
    scene.backend.onLeave(session, 'news');
    await scene.stage.publish('news', 'two');
    expect(session.received.slice(1)).toEqual(['d4.1:newsone', 'x{"topic":"news"}']);
  });

  it('puts out a client that asked itself: it is told, and has to be allowed again', async () => {
    const session = scene.session();
    scene.say(session, subscribe('news'));
    await settle();
    const asked = scene.asked.length;
    scene.backend.onLeave(session, 'news');
    await scene.stage.publish('news', 'one');
    expect(session.controls('x')).toEqual([{ topic: 'news' }]);
    expect(session.received.at(-1)).not.toContain('one');
    scene.say(session, subscribe('news'));
    await settle();
    expect(scene.asked.length).toBe(asked + 1);
  });

  it('publishes, unless it is no text, too large or misnamed', async () => {
    sceneOf({ match: '*', messageBytes: 10 });
    const publish = (topic: string, data: Uint8Array) =>
      scene.backend.onRequest({ op: 'publish', topic, key: undefined }, [{ n: 1, isBinary: false, data }]);
    const results = Promise.all([
      publish('news', Buffer.from('hello')),
      publish('news', new Uint8Array([0xff])),
      publish('news', new Uint8Array(11)),
      publish('', Buffer.from('x')),
      scene.backend.onRequest({ op: 'publish', topic: 'news', key: undefined }, []),
    ]);
    await settle();
    const { epoch } = scene.stage.server.stored('news');
    expect(await results).toEqual([
      { ok: true, body: { epoch, offset: 1 } },
      { ok: false, error: 'invalid', retryable: false },
      { ok: false, error: 'size', retryable: false },
      { ok: false, error: 'invalid', retryable: false },
      { ok: false, error: 'invalid', retryable: false },
    ]);
  });

  it('is warned of a join that cannot be, and nothing is closed', () => {
    const session = scene.session();
    scene.backend.onJoin(session, { topic: 'a\nb', info: undefined });
    expect(scene.warnings).toEqual([{ sessionId: session.id, topic: 'a\nb', reason: 'invalid' }]);
    expect(session.isOver).toBe(false);
  });
});
