/**
 * What every engine must show of presence: each join and each leave is told once, whoever makes it and however many try at
 * the same time; so what was told always adds up to who is there.
 */
import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { MAX_ID_BYTES } from '../session-store.js';
import type { PresenceStore } from '../presence-store.js';
import { MAX_PRESENCE_INFO_BYTES, type PresenceEvent } from '../topic-bus.js';
import { LONG_MS, SHORT_MS, WAIT, type Pair } from './pair.js';
import { describePresenceRefusals } from './presence-refusals.js';
import { earsOf, newTopic, range } from './topic-fixtures.js';

export function describePresence(pair: Pair): void {
  describeJoining(pair);
  describeLingering(pair);
  describeSweeping(pair);
  describeRaces(pair);
  describePresenceRefusals(() => pair()[0].presence);
}

function storesOf(pair: Pair): readonly [PresenceStore, PresenceStore] {
  return [pair()[0].presence, pair()[1].presence];
}

function describeJoining(pair: Pair): void {
  it('tells a join once, and shows the member to everybody', async () => {
    const [[one, two], ears] = [storesOf(pair), earsOf(pair)];
    const topic = newTopic(':{a}');
    await Promise.all(ears.map((ear) => ear.subscribe(topic)));
    const member = { id: 'ž🐎:1|{}', info: '{"name":"ž🐎:\\n","a":[]}' };
    expect(await one.join({ topic, member, owner: 'w:1' })).toBe('joined');
    expect(await two.list(topic, 10)).toEqual({ members: [{ ...member, owner: 'w:1' }], total: 1 });
    for (const ear of ears) {
      await ear.countPresence(topic, 1);
      expect(ear.presence(topic)).toEqual([{ type: 'join', member }]);
      expect(ear.messages(topic)).toEqual([]);
    }
  });

  it('lets another owner take a member over, with new info, and tells nobody', async () => {
    const [[one, two], [ear]] = [storesOf(pair), earsOf(pair)];
    const topic = newTopic();
    await ear.subscribe(topic);
    await one.join({ topic, member: { id: 'a', info: '' }, owner: 'w1' });
    expect(await one.join({ topic, member: { id: 'a', info: '1' }, owner: 'w1' })).toBe('present');
    expect(await two.join({ topic, member: { id: 'a', info: '2' }, owner: 'w2' })).toBe('present');
    expect(await one.list(topic, 10)).toEqual({ members: [{ id: 'a', info: '2', owner: 'w2' }], total: 1 });
    expect(await one.leave({ topic, memberId: 'a', owner: 'w1' })).toBe('elsewhere');
    expect(await two.leave({ topic, memberId: 'a', owner: 'w2' })).toBe('left');
    await ear.countPresence(topic, 2);
    expect(ear.presence(topic)).toEqual([joined('a', ''), left('a', '2')]);
  });

  it('tells a leave once', async () => {
    const [[one, two], [ear]] = [storesOf(pair), earsOf(pair)];
    const topic = newTopic();
    await ear.subscribe(topic);
    expect(await one.leave({ topic, memberId: 'a', owner: 'w1' })).toBe('absent');
    await one.join({ topic, member: { id: 'a', info: 'x' }, owner: 'w1' });
    expect(await two.leave({ topic, memberId: 'a', owner: 'w1' })).toBe('left');
    expect(await one.leave({ topic, memberId: 'a', owner: 'w1' })).toBe('absent');
    expect(await one.list(topic, 10)).toEqual({ members: [], total: 0 });
    await one.join({ topic, member: { id: 'b', info: '' }, owner: 'w1' });
    await ear.countPresence(topic, 3);
    expect(ear.presence(topic)).toEqual([joined('a', 'x'), left('a', 'x'), joined('b', '')]);
  });

  it('lists as many as asked for, and counts all', async () => {
    const [one, two] = storesOf(pair);
    const [topic, other] = [newTopic(), newTopic()];
    const ids = range(1, 250).map((n) => `member ${n}`);
    await Promise.all(ids.map((id) => one.join({ topic, member: { id, info: '' }, owner: 'w1' })));
    await one.join({ topic: other, member: { id: 'z', info: '' }, owner: 'w1' });
    const some = await two.list(topic, 7);
    expect([some.members.length, some.total]).toEqual([7, 250]);
    expect(new Set(some.members.map(({ id }) => id)).size).toBe(7);
    expect(idsOf(await two.list(topic, 10_000))).toEqual(ids.toSorted());
  });

  it('takes ids and info up to their bounds', async () => {
    const topic = newTopic();
    const member = { id: 'é'.repeat(MAX_ID_BYTES / 2), info: 'é'.repeat(MAX_PRESENCE_INFO_BYTES / 2) };
    expect(await storesOf(pair)[0].join({ topic, member, owner: 'w1' })).toBe('joined');
    expect((await storesOf(pair)[1].list(topic, 1)).members).toEqual([{ ...member, owner: 'w1' }]);
  });
}

function describeLingering(pair: Pair): void {
  it('keeps a member without an owner until it is taken over, and tells nobody', async () => {
    const [[one, two], [ear]] = [storesOf(pair), earsOf(pair)];
    const topic = newTopic();
    await ear.subscribe(topic);
    await one.join({ topic, member: { id: 'a', info: 'x' }, owner: 'w1' });
    const leave = { topic, memberId: 'a', owner: 'w1' };
    expect(await one.linger({ ...leave, owner: 'w2', lingerMs: LONG_MS })).toBe('elsewhere');
    expect(await one.linger({ ...leave, lingerMs: LONG_MS })).toBe('lingering');
    expect(await two.list(topic, 10)).toEqual({ members: [{ id: 'a', info: 'x', owner: '' }], total: 1 });
    expect(await one.linger({ ...leave, lingerMs: LONG_MS })).toBe('elsewhere');
    expect(await one.leave(leave)).toBe('elsewhere');
    expect(await two.sweep(topic, ['w1'])).toBe(0);
    expect(await two.join({ topic, member: { id: 'a', info: 'x' }, owner: 'w2' })).toBe('present');
    expect(await one.list(topic, 10)).toMatchObject({ members: [{ owner: 'w2' }] });
    expect(await one.linger({ topic, memberId: 'nobody', owner: 'w1', lingerMs: 1 })).toBe('absent');
    expect(await two.leave({ ...leave, owner: 'w2' })).toBe('left');
    await ear.countPresence(topic, 2);
    expect(ear.presence(topic)).toEqual([joined('a', 'x'), left('a', 'x')]);
  });

  it('does not list a member that has lingered long enough; a sweep tells its leave, once', async () => {
    const [[one, two], [ear]] = [storesOf(pair), earsOf(pair)];
    const topic = newTopic();
    await ear.subscribe(topic);
    for (const id of ['a', 'b']) await one.join({ topic, member: { id, info: id }, owner: 'w1' });
    await one.linger({ topic, memberId: 'a', owner: 'w1', lingerMs: SHORT_MS });
    await vi.waitFor(async () => {
      expect(await two.list(topic, 10)).toEqual({ members: [{ id: 'b', info: 'b', owner: 'w1' }], total: 1 });
    }, WAIT);
    const swept = await Promise.all([one.sweep(topic, []), two.sweep(topic, []), one.sweep(topic, ['w9'])]);
    expect(swept.reduce((sum, n) => sum + n)).toBe(1);
    await one.leave({ topic, memberId: 'b', owner: 'w1' });
    await ear.countPresence(topic, 4);
    expect(ear.presence(topic)).toEqual([joined('a', 'a'), joined('b', 'b'), left('a', 'a'), left('b', 'b')]);
  });

  it('tells no second join of a member that comes back too late, but before a sweep', async () => {
    const [[one, two], [ear]] = [storesOf(pair), earsOf(pair)];
    const topic = newTopic();
    await ear.subscribe(topic);
    await one.join({ topic, member: { id: 'a', info: '' }, owner: 'w1' });
    await one.linger({ topic, memberId: 'a', owner: 'w1', lingerMs: 1 });
    await vi.waitFor(async () => expect((await one.list(topic, 1)).total).toBe(0), WAIT);
    expect(await two.join({ topic, member: { id: 'a', info: '' }, owner: 'w2' })).toBe('present');
    expect(await one.sweep(topic, ['w1'])).toBe(0);
    expect((await one.list(topic, 1)).total).toBe(1);
    await two.leave({ topic, memberId: 'a', owner: 'w2' });
    await ear.countPresence(topic, 2);
    expect(ear.presence(topic)).toEqual([joined('a', ''), left('a', '')]);
  });
}

function describeSweeping(pair: Pair): void {
  it('removes the members of dead owners, those alone, and tells each leave once', async () => {
    const [stores, [ear]] = [storesOf(pair), earsOf(pair)];
    const topic = newTopic();
    await ear.subscribe(topic);
    const owners = ['w1', 'w2', 'w3'];
    const ids = range(1, 600).map((n) => `${n}`);
    const ownerOf = (id: string): string => owners[Number(id) % 3] as string;
    await Promise.all(ids.map((id) => stores[0].join({ topic, member: { id, info: '' }, owner: ownerOf(id) })));
    const swept = await Promise.all(stores.map((store) => store.sweep(topic, ['w1', 'w3', 'nobody'])));
    expect((swept[0] as number) + (swept[1] as number)).toBe(400);
    expect(idsOf(await stores[1].list(topic, 1000))).toEqual(ids.filter((id) => ownerOf(id) === 'w2').toSorted());
    await ear.countPresence(topic, 1000);
    const gone = ear.presence(topic).flatMap(({ type, member }) => (type === 'leave' ? [member.id] : []));
    expect(gone.toSorted()).toEqual(ids.filter((id) => ownerOf(id) !== 'w2').toSorted());
  });

  it('finds nobody on a topic without members', async () => {
    expect(await storesOf(pair)[0].sweep(newTopic(), ['w1'])).toBe(0);
  });
}

type Ids = readonly string[];
type Act = readonly [what: 'join' | 'leave' | 'linger' | 'sweep', by: 0 | 1, id: string];

function describeRaces(pair: Pair): void {
  it('tells what adds up to who is there, whatever happens at the same time', async () => {
    const act: fc.Arbitrary<Act> = fc.tuple(
      fc.constantFrom('join', 'join', 'leave', 'linger', 'sweep'),
      fc.constantFrom(0, 1),
      fc.constantFrom('a', 'b', 'c'),
    );
    const addsUp = async (acts: readonly Act[]): Promise<void> => {
      const { listed, told } = await race(pair, acts);
      expect(told).toEqual([listed, listed]);
    };
    await fc.assert(fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 60 }), addsUp), { numRuns: 30 });
  });
}

/** Answers who is there, and who is by what each of the two was told. */
async function race(pair: Pair, acts: readonly Act[]): Promise<{ listed: Ids; told: readonly Ids[] }> {
  const [stores, ears] = [storesOf(pair), earsOf(pair)];
  const topic = newTopic();
  await Promise.all(ears.map((ear) => ear.subscribe(topic)));
  await Promise.all(acts.map(([what, by, id]) => take(stores[by], { topic, what, id, owner: `w${by}` })));
  const end = { id: randomUUID(), info: '' };
  await stores[0].join({ topic, member: end, owner: 'w0' });
  const isEnd = ({ member }: PresenceEvent): boolean => member.id === end.id;
  for (const ear of ears) await vi.waitFor(() => expect(ear.presence(topic).some(isEnd)).toBe(true), WAIT);
  return { listed: idsOf(await stores[0].list(topic, 10)), told: ears.map((ear) => replay(ear.presence(topic))) };
}

async function take(
  store: PresenceStore,
  { topic, what, id, owner }: { topic: string; what: Act[0]; id: string; owner: string },
): Promise<unknown> {
  switch (what) {
    case 'join':
      return store.join({ topic, member: { id, info: '' }, owner });
    case 'leave':
      return store.leave({ topic, memberId: id, owner });
    case 'linger':
      return store.linger({ topic, memberId: id, owner, lingerMs: LONG_MS });
    case 'sweep':
      return store.sweep(topic, [owner]);
  }
}

/** Ids of those who are there. */
function replay(events: readonly PresenceEvent[]): readonly string[] {
  const here = new Set<string>();
  for (const { type, member } of events) {
    expect(here.has(member.id)).toBe(type === 'leave');
    if (type === 'join') here.add(member.id);
    else here.delete(member.id);
  }
  return [...here].toSorted();
}

function idsOf({ members }: { readonly members: readonly { readonly id: string }[] }): readonly string[] {
  return members.map(({ id }) => id).toSorted();
}

function joined(id: string, info: string): PresenceEvent {
  return { type: 'join', member: { id, info } };
}

function left(id: string, info: string): PresenceEvent {
  return { type: 'leave', member: { id, info } };
}
