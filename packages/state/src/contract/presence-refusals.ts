/** What every engine refuses of presence: with STATE_INVALID_ARGUMENT, and without a crash. */
import { expect, it } from 'vitest';
import { MAX_LEASES } from '../lease-store.js';
import { MAX_PRESENCE_LISTED, type PresenceStore } from '../presence-store.js';
import { MAX_ID_BYTES } from '../session-store.js';
import { MAX_PRESENCE_INFO_BYTES } from '../topic-bus.js';
import { newTopic } from './topic-fixtures.js';
import { INVALID_ARGUMENT, INVALID_TOPICS } from './topic-refusals.js';

export function describePresenceRefusals(store: () => PresenceStore): void {
  it.each(INVALID_TOPICS)('refuses a name with %s', async (_, name) => {
    const topic = name as string;
    const leave = { topic, memberId: 'a', owner: 'w1' };
    const calls = [
      store().join({ topic, member: { id: 'a', info: '' }, owner: 'w1' }),
      store().leave(leave),
      store().linger({ ...leave, lingerMs: 1 }),
      store().sweep(topic, []),
      store().list(topic, 1),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject(INVALID_ARGUMENT);
  });

  it.each<[string, object]>([
    ['without an id', { member: { id: '', info: '' } }],
    ['with an id that is too long', { member: { id: 'x'.repeat(MAX_ID_BYTES + 1), info: '' } }],
    ['with an id that is not Unicode', { member: { id: '\ud800', info: '' } }],
    ['without info', { member: { id: 'a' } }],
    ['with too much info', { member: { id: 'a', info: 'x'.repeat(MAX_PRESENCE_INFO_BYTES + 1) } }],
    ['with info that is not Unicode', { member: { id: 'a', info: '\ud800' } }],
    ['without an owner', { owner: '' }],
  ])('refuses a member %s', async (_, fields) => {
    const topic = newTopic();
    const join = { topic, member: { id: 'a', info: '' }, owner: 'w1', ...fields };
    await expect(store().join(join)).rejects.toMatchObject(INVALID_ARGUMENT);
    expect(await store().list(topic, 1)).toEqual({ members: [], total: 0 });
  });

  it('refuses no or too much time to linger, too many dead owners and too long a list', async () => {
    const leave = { topic: newTopic(), memberId: 'a', owner: 'w1' };
    const dead = Array.from({ length: MAX_LEASES + 1 }, () => 'w1');
    const calls = [
      store().linger({ ...leave, lingerMs: 0 }),
      store().linger({ ...leave, lingerMs: Infinity }),
      store().sweep(leave.topic, dead),
      store().sweep(leave.topic, ['']),
      store().list(leave.topic, 0),
      store().list(leave.topic, MAX_PRESENCE_LISTED + 1),
    ];
    for (const call of calls) await expect(call).rejects.toMatchObject(INVALID_ARGUMENT);
  });
}
