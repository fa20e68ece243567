import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { commitOf, newSession, parkOf, rebindOf, resumeOf } from '../contract/session-fixtures.js';
import { createEmbeddedState } from './client.js';

const never = (): Promise<unknown> => new Promise(() => undefined);

describe('createEmbeddedState', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('gives up on a supervisor that does not answer, and says so', async () => {
    const state = createEmbeddedState({ call: never, timeoutMs: 200 });
    const lookups = Promise.allSettled([state.affinity.lookup('p', 'k')]);
    await vi.advanceTimersByTimeAsync(200);
    expect(await lookups).toMatchObject([{ reason: { code: 'STATE_TIMEOUT', retryable: true } }]);
    expect(state.health).toMatchObject({ status: 'degraded', detail: expect.stringContaining('within 200 ms') });
  });

  it('is healthy again with the next answer, and reports both changes once', async () => {
    let answer = never;
    const state = createEmbeddedState({ call: () => answer(), timeoutMs: 200 });
    const changes: string[] = [];
    state.onHealthChange = ({ status }) => changes.push(status);
    const lookups = Promise.allSettled([state.affinity.lookup('p', 'k'), state.affinity.lookup('p', 'l')]);
    await vi.advanceTimersByTimeAsync(200);
    await lookups;
    answer = async () => 'b1';
    expect(await state.affinity.lookup('p', 'k')).toBe('b1');
    expect(state.health.status).toBe('ok');
    expect(changes).toEqual(['degraded', 'ok']);
  });

  it('does not hold an old failure against a supervisor that nobody asks any more', async () => {
    const state = createEmbeddedState({ call: () => Promise.reject(new Error('channel closed')) });
    await expect(state.affinity.lookup('p', 'k')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE' });
    expect(state.health.status).toBe('degraded');
    await vi.advanceTimersByTimeAsync(10_001);
    expect(state.health.status).toBe('ok');
  });

  it('turns a transport that throws into a rejection', async () => {
    const call = (): never => {
      throw new Error('channel closed');
    };
    const state = createEmbeddedState({ call });
    await expect(state.affinity.claim('p', 'k', 'b1', 1000)).rejects.toMatchObject({
      code: 'STATE_UNAVAILABLE',
      message: expect.stringContaining('channel closed'),
    });
  });

  it.each([7, '', {}, ['b1'], 'x'.repeat(513)])('does not believe the answer %s', async (answer) => {
    const state = createEmbeddedState({ call: async () => answer });
    await expect(state.affinity.lookup('p', 'k')).rejects.toMatchObject({ code: 'STATE_INVALID_VALUE' });
  });

  it.each([7, 'perhaps', {}, { kind: 'resumed', generation: 2 }, { kind: 'fenced' }])(
    'does not believe the answer %j about a session',
    async (answer) => {
      const { sessions, leases } = createEmbeddedState({ call: async () => answer });
      const session = newSession();
      const calls = [
        sessions.create(session),
        sessions.resume(resumeOf(session)),
        sessions.rebind(rebindOf(session)),
        sessions.park(parkOf(session)),
        sessions.commit(commitOf(session)),
        sessions.lookup(session.sessionId),
        sessions.readTail(session.sessionId, 0),
        sessions.remove(session.sessionId, 1),
        leases.renew({ id: 'a', kind: 'worker', info: '', ttlMs: 1000 }),
      ];
      for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'STATE_INVALID_VALUE' });
    },
  );

  it('does not believe a tail that it did not ask for', async () => {
    const entries = [{ n: 1, isBinary: false, data: new Uint8Array(1) }];
    const { sessions } = createEmbeddedState({ call: async () => entries });
    expect(await sessions.readTail('s', 0)).toEqual(entries);
    await expect(sessions.readTail('s', 1)).rejects.toMatchObject({ code: 'STATE_INVALID_VALUE' });
  });

  it('takes null for "unbound", as JSON has no undefined', async () => {
    const state = createEmbeddedState({ call: async () => null });
    expect(await state.affinity.lookup('p', 'k')).toBeUndefined();
    expect(await state.sessions.lookup('s')).toBeUndefined();
  });
});
