import { encodeTopicMessage, MAX_SESSION_TOPICS } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { TopicRule } from '../config.js';
import type { FakeSession } from './testing/fake-subscriber.js';
import { settle, TopicStage } from './testing/topic-stage.js';

const stages: TopicStage[] = [];
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  for (const stage of stages.splice(0)) stage.close();
  vi.useRealTimers();
});

function stageOf(...rules: readonly Partial<TopicRule>[]): TopicStage {
  const stage = new TopicStage(rules);
  stages.push(stage);
  return stage;
}

async function subscribed(
  stage: TopicStage,
  topic = 'news',
  options: { isPlain?: boolean } = {},
): Promise<FakeSession> {
  const session = stage.session(options);
  stage.subscribe(session, topic);
  await settle();
  return session;
}

function frame(topic: string, offset: number, text: string): string {
  return Buffer.from(encodeTopicMessage(topic, { offset, isBinary: false, data: Buffer.from(text) })).toString();
}

/** What it got, and where it was told to be. */
function heard({ received }: FakeSession): readonly string[] {
  return received.map((text) => {
    if (!text.startsWith('s{')) return text;
    const { offset, recovered, error } = JSON.parse(text.slice(1)) as Record<string, unknown>;
    return error === undefined ? `s ${String(offset)} ${String(recovered)}` : `s ${String(error)}`;
  });
}

describe('a topic', () => {
  it('is heard by SDK clients with its offsets, and by plain ones as it is', async () => {
    const stage = stageOf();
    await stage.publish('news', 'before');
    const sdk = await subscribed(stage);
    const plain = await subscribed(stage, 'news', { isPlain: true });
    await stage.publish('news', 'one', 'two');
    expect(heard(sdk)).toEqual(['s 1 false', frame('news', 2, 'one'), frame('news', 3, 'two')]);
    expect(plain.received).toEqual(['one', 'two']);
    expect(stage.stats.delivered).toEqual({ sdk: 2, plain: 2 });
  });

  it('waits for shared state to be there, and comes live later', async () => {
    const stage = stageOf();
    stage.server.isDown = true;
    const session = await subscribed(stage);
    await settle(3000);
    expect(session.received).toEqual([]);
    stage.server.isDown = false;
    await settle(1100);
    expect(heard(session)).toEqual(['s 0 false']);
  });

  it('is subscribed on the bus while somebody is on it, and a moment longer', async () => {
    const stage = stageOf();
    const session = await subscribed(stage);
    stage.topics.unsubscribe(session, 'news', 'client');
    await settle(4000);
    expect([...stage.server.bus.wanted]).toEqual(['news']);
    await settle(3000);
    expect([...stage.server.bus.wanted]).toEqual([]);
    expect(stage.topics.size).toBe(0);
  });

  it('is kept for whoever comes back within the moment', async () => {
    const stage = stageOf();
    const first = await subscribed(stage);
    stage.topics.release(first, true);
    await settle(4000);
    await subscribed(stage);
    await settle(3000);
    expect([...stage.server.bus.wanted]).toEqual(['news']);
  });

  it('stays as long as the client or its backend wants it', async () => {
    const stage = stageOf();
    const session = await subscribed(stage);
    stage.topics.subscribe(session, {
      topic: 'news',
      since: undefined,
      presence: false,
      info: undefined,
      by: 'backend',
    });
    expect(stage.topics.unsubscribe(session, 'news', 'client')).toBe(false);
    await stage.publish('news', 'one');
    expect(heard(session)).toContain(frame('news', 1, 'one'));
    expect(stage.topics.unsubscribe(session, 'news', 'backend')).toBe(true);
    await stage.publish('news', 'two');
    expect(heard(session)).not.toContain(frame('news', 2, 'two'));
  });

  it('says nothing to whoever hears it already when its backend repeats the join', async () => {
    const stage = stageOf();
    const session = await subscribed(stage);
    stage.topics.subscribe(session, {
      topic: 'news',
      since: undefined,
      presence: false,
      info: undefined,
      by: 'backend',
    });
    await settle();
    expect(heard(session)).toEqual(['s 0 false']);
  });

  it('refuses the hundred-and-first topic of a session', () => {
    const stage = stageOf();
    const session = stage.session();
    const results = Array.from({ length: MAX_SESSION_TOPICS + 1 }, (_, i) => stage.subscribe(session, `t${i}`));
    expect(results.filter((it) => it === 'taken')).toHaveLength(MAX_SESSION_TOPICS);
    expect(results.at(-1)).toBe('limit');
    expect(stage.bounds).toEqual(['session_topics']);
  });
});

describe('clients that come back to a topic', () => {
  it('get what they missed, by one range for all of them', async () => {
    const stage = stageOf();
    await subscribed(stage);
    await stage.publish('news', 'one', 'two', 'three');
    const back = Array.from({ length: 50 }, () => stage.session());
    for (const [i, session] of back.entries()) stage.subscribe(session, 'news', i % 3);
    await settle();
    expect(heard(back[0] as FakeSession)).toEqual([
      's 0 true',
      frame('news', 1, 'one'),
      frame('news', 2, 'two'),
      frame('news', 3, 'three'),
    ]);
    expect(heard(back[2] as FakeSession)).toEqual(['s 2 true', frame('news', 3, 'three')]);
    expect(stage.server.calls.filter((call) => call === 'read')).toHaveLength(1);
    expect(stage.stats.recoveries).toEqual({ recovered: 50, lost: 0 });
  });

  it('cost the store nothing more while others have just come back', async () => {
    const stage = stageOf();
    await subscribed(stage);
    await stage.publish('news', 'one', 'two');
    stage.subscribe(stage.session(), 'news', 0);
    await settle();
    await stage.publish('news', 'three');
    const session = stage.session();
    stage.subscribe(session, 'news', 1);
    await settle();
    expect(heard(session)).toEqual(['s 1 true', frame('news', 2, 'two'), frame('news', 3, 'three')]);
    expect(stage.server.calls.filter((call) => call === 'read')).toHaveLength(1);
  });

  it('miss nothing of what is published while it is read', async () => {
    const stage = stageOf();
    await subscribed(stage);
    await stage.publish('news', 'one');
    const session = stage.session();
    stage.subscribe(session, 'news', 0);
    const retention = { messages: 10, ageMs: 60_000 };
    for (let i = 2; i < 8; i += 1) {
      void stage.server.publish({ topic: 'news', data: Buffer.from(`n${i}`), isBinary: false, retention });
      await settle(1);
    }
    await settle();
    const offsets = heard(session)
      .slice(1)
      .map((text) => /\.(\d+):/.exec(text)?.[1]);
    expect(offsets).toEqual(['1', '2', '3', '4', '5', '6', '7']);
  });

  it('are told that they lost the thread where it is not kept, not long enough, or of another epoch', async () => {
    const stage = stageOf(
      { match: 'unkept', history: { messages: 0, ageMs: 0 } },
      { match: 'short', history: { messages: 1, ageMs: 60_000 } },
    );
    for (const topic of ['unkept', 'short', 'other']) {
      await subscribed(stage, topic);
      await stage.publish(topic, 'one', 'two');
      const session = stage.session();
      const since = { epoch: topic === 'other' ? 'AAAAAAAAAAAA' : stage.server.stored(topic).epoch, offset: 0 };
      stage.topics.subscribe(session, { topic, since, presence: false, info: undefined, by: 'client' });
      await settle();
      expect([topic, ...heard(session)]).toEqual([topic, 's 2 false']);
    }
    expect(stage.stats.recoveries).toEqual({ recovered: 0, lost: 3 });
  });

  it('may be further than this worker, if the store says so, and are further than the topic only by mistake', async () => {
    const stage = stageOf();
    await subscribed(stage);
    stage.server.toLose = 2;
    await stage.publish('news', 'one', 'two');
    const [further, mistaken] = [stage.session(), stage.session()];
    stage.subscribe(further, 'news', 2);
    stage.subscribe(mistaken, 'news', 9);
    await settle();
    expect(heard(further)[0]).toBe('s 2 true');
    expect(heard(mistaken)).toEqual(['s 2 false']);
  });

  it('wait while the store cannot be asked, and lose nothing by it', async () => {
    const stage = stageOf();
    await subscribed(stage);
    await stage.publish('news', 'one');
    stage.server.isDown = true;
    const session = stage.session();
    stage.subscribe(session, 'news', 0);
    await settle(5000);
    expect(session.received).toEqual([]);
    stage.server.isDown = false;
    await settle(1100);
    expect(heard(session)).toEqual(['s 0 true', frame('news', 1, 'one')]);
  });

  it('are never given messages of another epoch as those that they miss', async () => {
    const stage = stageOf();
    await subscribed(stage);
    await stage.publish('news', 'one', 'two');
    const session = stage.session();
    const { epoch } = stage.server.stored('news');
    // Another server answers, and the bus has not said so yet.
    stage.server.failOver(0);
    stage.topics.subscribe(session, {
      topic: 'news',
      since: { epoch, offset: 0 },
      presence: false,
      info: undefined,
      by: 'client',
    });
    await settle();
    expect(heard(session)).toEqual(['s 2 false']);
  });
});

describe('a gap', () => {
  it('is repaired before what comes behind it is delivered', async () => {
    const stage = stageOf();
    const session = await subscribed(stage);
    stage.server.toLose = 1;
    await stage.publish('news', 'one', 'two');
    expect(heard(session)).toEqual(['s 0 false', frame('news', 1, 'one'), frame('news', 2, 'two')]);
    expect(stage.stats.repairs).toEqual({ repaired: 1, lost: 0 });
  });

  it('at the end is found by asking, within ten seconds', async () => {
    const stage = stageOf();
    const session = await subscribed(stage);
    stage.server.toLose = 1;
    await stage.publish('news', 'one');
    await settle(10_000);
    expect(heard(session)).toEqual(['s 0 false', frame('news', 1, 'one')]);
  });

  it('is given up, and told, when it cannot be read', async () => {
    const stage = stageOf();
    const session = await subscribed(stage);
    stage.server.toLose = 1;
    stage.server.isUnreadable = true;
    await stage.publish('news', 'one', 'two');
    expect(heard(session)).toEqual(['s 0 false']);
    await settle(7000);
    expect(heard(session)).toEqual(['s 0 false', 's 1 false', frame('news', 2, 'two')]);
    expect(stage.stats.repairs).toEqual({ repaired: 0, lost: 1 });
  });

  it('that was given up does not stay in what those who come back are given', async () => {
    const stage = stageOf();
    await subscribed(stage);
    await stage.publish('news', 'one');
    stage.subscribe(stage.session(), 'news', 0);
    await settle();
    stage.server.toLose = 1;
    stage.server.isUnreadable = true;
    await stage.publish('news', 'two', 'three');
    await settle(7000);
    stage.server.isUnreadable = false;
    const back = stage.session();
    stage.subscribe(back, 'news', 1);
    await settle();
    expect(heard(back)).toEqual(['s 1 true', frame('news', 2, 'two'), frame('news', 3, 'three')]);
  });

  it('of an interruption is repaired when the bus is back', async () => {
    const stage = stageOf();
    const session = await subscribed(stage);
    stage.server.bus.interrupt(500);
    await stage.publish('news', 'one', 'two');
    await settle(1000);
    expect(heard(session)).toEqual(['s 0 false', frame('news', 1, 'one'), frame('news', 2, 'two')]);
  });
});

describe('members of a topic', () => {
  const PRESENCE = { match: 'room:*', presence: true };

  it('are told to presence once for each session, however often it asks', async () => {
    const stage = stageOf(PRESENCE);
    const session = await subscribed(stage, 'room:1');
    stage.subscribe(session, 'room:1');
    await subscribed(stage, 'other');
    stage.topics.unsubscribe(session, 'room:1', 'client');
    expect(stage.members).toEqual(['join session1 room:1', 'leave session1 room:1']);
  });

  it('linger when their connection is lost', async () => {
    const stage = stageOf(PRESENCE);
    const session = await subscribed(stage, 'room:1');
    stage.topics.release(session, true);
    expect(stage.members.at(-1)).toBe('linger session1 room:1');
  });

  it('are counted for those who watch, who are told who comes and goes', async () => {
    const stage = stageOf(PRESENCE);
    const watching = stage.session();
    stage.subscribe(watching, 'room:1', undefined, true);
    const other = await subscribed(stage, 'room:1');
    const change = { type: 'join', member: { id: 'x', info: '{"name":"Ada"}' } } as const;
    stage.topics.onPresence('room:1', change);
    expect(watching.controls('s')[0]).toMatchObject({ members: 3 });
    expect(watching.controls('k')).toEqual([
      { topic: 'room:1', type: 'join', member: { id: 'x', info: { name: 'Ada' } } },
    ]);
    expect(other.controls('k')).toEqual([]);
    expect(other.controls('s')[0]).not.toHaveProperty('members');
  });

  it('are joined again when the store may have forgotten them', async () => {
    const stage = stageOf(PRESENCE);
    await subscribed(stage, 'room:1');
    stage.server.failOver(0);
    await stage.publish('room:1', 'one');
    expect(stage.members).toContain('again room:1');
  });
});
