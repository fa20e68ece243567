import type { SessionRecord } from '@holdfast/state';
import { expect, it } from 'vitest';
import { locateSession } from './locate.js';

const COUNTERS = { handled: 3, received: 4, lastDown: 9, ackedDown: 7, isComplete: true, state: undefined };
const RECORD: SessionRecord = {
  sessionId: 's1',
  pool: 'chat',
  principal: '',
  backendId: 'b1',
  backendIncarnation: 'i1',
  workerId: 'w1',
  generation: 3,
  checkpoint: undefined,
  parked: undefined,
};

it('says who claimed the session last', async () => {
  expect(await locate(RECORD)).toEqual({
    is: 'known',
    session: { id: 's1', pool: 'chat', backend: 'b1', generation: 3, worker: 'w1', balancer: 'lb:1', parked: null },
  });
  expect(await locate({ ...RECORD, workerId: 'gone' })).toMatchObject({ session: { worker: 'gone', balancer: null } });
});

it('says what is parked for its client, and not what was parked before it was claimed again', async () => {
  const parked = { ...COUNTERS, generation: 3 };
  expect(await locate({ ...RECORD, parked })).toMatchObject({
    session: { parked: { lastDown: 9, unacknowledged: 2 } },
  });
  expect(await locate({ ...RECORD, parked: { ...parked, generation: 2 } })).toMatchObject({
    session: { parked: null },
  });
});

it('tells a session that nobody knows from a store that does not answer', async () => {
  expect(await locate(undefined)).toEqual({ is: 'unknown' });
  expect(await locate(RECORD, 'x'.repeat(129))).toEqual({ is: 'unknown' });
  const store = { lookup: () => Promise.reject(new Error('redis: timed out')) };
  const location = await locateSession({ store, balancerOf: () => undefined }, 's1');
  expect(location).toEqual({ is: 'unavailable', detail: 'redis: timed out' });
});

function locate(record: SessionRecord | undefined, id = 's1'): ReturnType<typeof locateSession> {
  const balancerOf = (worker: string): string | undefined => (worker === 'w1' ? 'lb:1' : undefined);
  return locateSession({ store: { lookup: () => Promise.resolve(record) }, balancerOf }, id);
}
