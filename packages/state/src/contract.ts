/**
 * The behaviour that every engine of SharedState must show, as a vitest suite. An engine's test calls it with a way to
 * make clients of one store; two clients stand for two workers. Time is the real clock, since a Redis cannot be told
 * another one: lives are short, and the tests wait for what they expect instead of sleeping.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeAffinity } from './contract/affinity.js';
import { describeBus } from './contract/bus.js';
import { describeLeases } from './contract/leases.js';
import { LONG_MS } from './contract/pair.js';
import { describePresence } from './contract/presence.js';
import { describeSessions } from './contract/sessions.js';
import { messageOf } from './contract/topic-fixtures.js';
import { describeTopics } from './contract/topics.js';
import { MAX_KEY_BYTES, type SharedState } from './shared-state.js';

/** One store and the clients of it; `connect` resolves when the client's health is `ok`. */
export interface SharedStateBench extends AsyncDisposable {
  connect(): Promise<SharedState>;
}

export function describeSharedStateContract(name: string, makeBench: () => Promise<SharedStateBench>): void {
  describe(`${name}: SharedState contract`, () => {
    let bench: SharedStateBench;
    let one: SharedState;
    let two: SharedState;

    beforeAll(async () => {
      bench = await makeBench();
      [one, two] = await Promise.all([bench.connect(), bench.connect()]);
    }, 20_000);
    afterAll(async () => {
      await Promise.all([one?.close(), two?.close()]);
      await bench?.[Symbol.asyncDispose]();
    });

    // Side by side, as most of the time is spent on waiting for lives to end; no two tests share a key.
    const pair = (): readonly [SharedState, SharedState] => [one, two];
    describe.concurrent('affinity', () => {
      describeAffinity(pair);
    });
    describe.concurrent('sessions', () => {
      describeSessions(pair);
    });
    describe.concurrent('leases', () => {
      describeLeases(pair);
    });
    describe.concurrent('topics', () => {
      describeTopics(pair);
    });
    describe.concurrent('bus', () => {
      describeBus(pair, () => bench.connect());
    });
    describe.concurrent('presence', () => {
      describePresence(pair);
    });
    describe.concurrent('calls', () => {
      describeCalls(() => bench.connect());
    });
  });
}

function describeCalls(connect: () => Promise<SharedState>): void {
  it('is healthy, and reports each call with its outcome', async () => {
    const state = await connect();
    const calls: [string, string][] = [];
    state.onCall = (operation, outcome) => calls.push([operation, outcome]);
    await state.affinity.claim('p', 'counted', 'b1', LONG_MS);
    await state.affinity.lookup('p', 'x'.repeat(MAX_KEY_BYTES + 1)).catch(() => undefined);
    await state.topics.publish(messageOf('counted', 'a'));
    await state.topics.positions(['counted']);
    await state.presence.sweep('counted', []);
    expect(state.health).toEqual({ status: 'ok', detail: undefined });
    expect(calls).toEqual([
      ['affinity.claim', 'ok'],
      ['affinity.lookup', 'error'],
      ['topic.publish', 'ok'],
      ['topic.positions', 'ok'],
      ['presence.sweep', 'ok'],
    ]);
    await state.close();
  });

  it('refuses calls once it is closed, and closes twice without complaint', async () => {
    const state = await connect();
    await state.close();
    await state.close();
    const expected = { code: 'STATE_CLOSED', retryable: false };
    await expect(state.affinity.lookup('p', 'k')).rejects.toMatchObject(expected);
    await expect(state.affinity.claim('p', 'k', 'b1', LONG_MS)).rejects.toMatchObject(expected);
    await expect(state.affinity.replace('p', 'k', 'b0', 'b1', LONG_MS)).rejects.toMatchObject(expected);
    await expect(state.topics.publish(messageOf('k', 'a'))).rejects.toMatchObject(expected);
    await expect(state.presence.list('k', 1)).rejects.toMatchObject(expected);
  });
}
