import type { PresenceJoin, PresenceLeave, PresenceList, PresenceStore } from '@holdfast/state';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GRACE_MS } from './dead-owners.js';
import { Presence } from './presence.js';
import type { Membership } from './session-topics.js';
import type { FakeSession } from './testing/fake-subscriber.js';
import { settle, TopicStage } from './testing/topic-stage.js';

const ROOM = 'room';

/** What it was told, in order of arrival. */
class FakePresenceStore implements PresenceStore {
  readonly calls: string[] = [];
  isDown = false;
  listed: PresenceList = { members: [], total: 0 };

  async join({ topic, member, owner }: PresenceJoin): Promise<'joined'> {
    await this.#call(`join ${topic} ${member.id} ${owner} ${member.info}`.trim());
    return 'joined';
  }

  async leave({ topic, memberId, owner }: PresenceLeave): Promise<'left'> {
    await this.#call(`leave ${topic} ${memberId} ${owner}`);
    return 'left';
  }

  async linger({ topic, memberId, lingerMs }: PresenceLeave & { lingerMs: number }): Promise<'lingering'> {
    await this.#call(`linger ${topic} ${memberId} ${lingerMs}`);
    return 'lingering';
  }

  async sweep(topic: string, deadOwners: readonly string[]): Promise<number> {
    await this.#call(`sweep ${topic} ${deadOwners.join(',')}`.trim());
    return 0;
  }

  async list(): Promise<PresenceList> {
    await this.#call();
    return this.listed;
  }

  async #call(what?: string): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (this.isDown) throw new Error('the store is down');
    if (what !== undefined) this.calls.push(what);
  }
}

let store: FakePresenceStore;
let stage: TopicStage;
let presence: Presence;
beforeEach(() => {
  vi.useFakeTimers();
  store = new FakePresenceStore();
  stage = new TopicStage();
  presence = new Presence({ store, owner: 'me', stats: stage.stats });
});
afterEach(() => {
  presence.close();
  stage.close();
  vi.useRealTimers();
});

/** A session on the room. */
function member(session: FakeSession = stage.session()): Membership {
  stage.subscribe(session, ROOM);
  const found = session.topics?.find(ROOM);
  if (found === undefined) throw new Error('expected a membership');
  return found;
}

/** These are on the list for so long. */
async function listed(alive: readonly string[], ms: number): Promise<void> {
  for (let passedMs = 0; passedMs <= ms; passedMs += 2000) {
    presence.onLeases(alive, false);
    await settle(2000);
  }
}

describe('presence', () => {
  it('tells the store who comes and goes, and what they say of themselves', async () => {
    const one = member();
    presence.join(one, { name: 'Ada' });
    await settle();
    presence.leave(one, false);
    await settle();
    expect(store.calls).toEqual(['join room session1 me {"name":"Ada"}', 'leave room session1 me']);
  });

  it('says who somebody is, where nobody says more, and nothing that is too large', async () => {
    presence.join(member(), undefined);
    presence.join(member(), { text: 'x'.repeat(1024) });
    await settle();
    expect(store.calls).toEqual(['join room session1 me {"principal":"ada"}', 'join room session2 me']);
    expect(stage.bounds).toEqual(['presence_info']);
  });

  it('lets those linger whose connection is lost', async () => {
    const one = member();
    presence.join(one, {});
    presence.leave(one, true);
    await settle();
    expect(store.calls.at(-1)).toBe('linger room session1 120000');
  });

  it('tells what came last, in order, when a call takes its time or fails', async () => {
    store.isDown = true;
    const one = member();
    presence.join(one, {});
    await settle();
    presence.leave(one, false);
    await settle();
    presence.join(one, {});
    store.isDown = false;
    await settle(1500);
    expect(store.calls).toEqual(['join room session1 me {}']);
    presence.leave(one, false);
    presence.join(one, {});
    await settle();
    expect(store.calls.at(-1)).toBe('join room session1 me {}');
  });

  it('is not ended by the older of two connections of a session', async () => {
    const [older, newer] = [stage.session({ id: 'same' }), stage.session({ id: 'same' })].map((it) => member(it));
    if (older === undefined || newer === undefined) throw new Error('expected two');
    presence.join(older, {});
    presence.join(newer, {});
    presence.leave(older, true);
    await settle();
    expect(store.calls.every((call) => call.startsWith('join'))).toBe(true);
  });

  it('says when the store has been told, or cannot be', async () => {
    presence.join(member(), {});
    let isTold = false;
    void presence.told().then(() => (isTold = true));
    await settle(1);
    expect(isTold).toBe(false);
    store.isDown = true;
    await settle(2);
    expect(isTold).toBe(true);
    await presence.told();
  });

  it('joins all again when its own lease has lapsed', async () => {
    presence.join(member(), {});
    await settle();
    presence.onLeases(['me'], true);
    await settle(1500);
    expect(store.calls).toHaveLength(2);
  });

  it('sweeps away those of a worker whose lease is gone, at once', async () => {
    presence.join(member(), {});
    await listed(['me', 'other'], GRACE_MS);
    presence.onLeases(['me'], false);
    await settle();
    expect(store.calls.at(-1)).toBe('sweep room other');
    expect(presence.isAlive('other')).toBe(false);
  });

  it('takes nobody for dead who was on no list because there was none', async () => {
    presence.join(member(), {});
    await listed(['me', 'other'], GRACE_MS);
    await settle(GRACE_MS);
    // Shared state is back, and this worker is the first to say so.
    await listed(['me'], 4000);
    expect(presence.isAlive('other')).toBe(true);
    await listed(['me', 'other'], GRACE_MS);
    expect(store.calls.filter((call) => call.startsWith('sweep'))).toEqual([]);
    await listed(['me'], 0);
    await settle();
    expect(store.calls.at(-1)).toBe('sweep room other');
  });

  it('joins again whom somebody swept away by mistake', async () => {
    const one = member();
    presence.join(one, {});
    await settle();
    const leave = { type: 'leave', member: { id: one.session.id, info: '' } } as const;
    presence.onEvent(ROOM, leave);
    await settle(1500);
    expect(store.calls).toHaveLength(2);
    presence.leave(one, false);
    await settle();
    presence.onEvent(ROOM, leave);
    await settle(1500);
    expect(store.calls).toHaveLength(3);
  });

  it('sweeps when somebody has lingered long enough', async () => {
    const one = member();
    presence.join(one, {});
    presence.leave(one, true);
    await settle(one.session.resumeWindowMs - 1000);
    expect(store.calls).not.toContain('sweep room');
    await settle(3000);
    expect(store.calls.filter((call) => call.startsWith('sweep'))).toEqual(['sweep room']);
  });

  it('sweeps away those who died while nobody here was on the topic', async () => {
    await listed(['me', 'other'], GRACE_MS);
    store.listed = {
      members: ['me', 'other', 'dead', ''].map((owner) => ({ id: owner, info: '', owner })),
      total: 4,
    };
    presence.join(member(), {});
    await settle();
    expect(store.calls).toContain('sweep room dead');
    expect(presence.isAlive('dead')).toBe(false);
  });

  it('sweeps every minute, so that those who linger leave', async () => {
    presence.join(member(), {});
    await settle(62_000);
    expect(store.calls).toContain('sweep room');
  });

  it('lets go of a topic whose members have gone', async () => {
    const one = member();
    presence.join(one, {});
    await settle();
    presence.leave(one, false);
    await settle(62_000);
    expect(store.calls.filter((call) => call.startsWith('sweep'))).toEqual([]);
  });
});
