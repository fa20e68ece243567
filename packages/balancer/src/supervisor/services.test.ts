import { EmbeddedStore } from '@holdfast/state';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { type Push, type Reply, Services } from './services.js';
import { SlotTable } from './slots.js';

const store = new EmbeddedStore();
afterEach(() => store.close());

describe('slots', () => {
  it('counts over all workers up to the limit', () => {
    const { call } = stage();
    expect(call(1, 'limits.enter', [[['slot', 'c', '10.0.0.1', 2]]])).toMatchObject({ ok: true, value: -1 });
    expect(call(2, 'limits.enter', [[['slot', 'c', '10.0.0.1', 2]]])).toMatchObject({ value: -1 });
    expect(call(3, 'limits.enter', [[['slot', 'c', '10.0.0.1', 2]]])).toMatchObject({ value: 0 });
    expect(call(3, 'limits.enter', [[['slot', 'c', '10.0.0.2', 2]]])).toMatchObject({ value: -1 });
    expect(call(3, 'limits.enter', [[['slot', 'd', '10.0.0.1', 2]]])).toMatchObject({ value: -1 });
    expect(call(1, 'slots.release', ['c', '10.0.0.1'])).toMatchObject({ value: true });
    expect(call(3, 'limits.enter', [[['slot', 'c', '10.0.0.1', 2]]])).toMatchObject({ value: -1 });
  });

  it('are given back when the worker that held them is gone', () => {
    const { call, services, slots } = stage();
    for (let n = 0; n < 3; n += 1) call(1, 'limits.enter', [[['slot', 'c', 'a', 4]]]);
    call(2, 'limits.enter', [[['slot', 'c', 'a', 4]]]);
    expect(call(2, 'limits.enter', [[['slot', 'c', 'a', 4]]])).toMatchObject({ value: 0 });
    services.forget(1);
    expect(call(2, 'limits.enter', [[['slot', 'c', 'a', 4]]])).toMatchObject({ value: -1 });
    services.forget(2);
    expect(slots.size).toBe(0);
  });

  it('of others cannot be released', () => {
    const { call } = stage();
    call(1, 'limits.enter', [[['slot', 'c', 'a', 1]]]);
    expect(call(2, 'slots.release', ['c', 'a'])).toMatchObject({ ok: true, value: false });
    expect(call(2, 'limits.enter', [[['slot', 'c', 'a', 1]]])).toMatchObject({ value: 0 });
  });

  it('do not confuse scopes and keys', () => {
    const { call } = stage();
    call(1, 'limits.enter', [[['slot', 'a', 'b:c', 1]]]);
    expect(call(1, 'limits.enter', [[['slot', 'a:b', 'c', 1]]])).toMatchObject({ value: -1 });
  });

  it('are bounded: a full table is an error, not a count', () => {
    const { call, slots } = stage(2);
    call(1, 'limits.enter', [[['slot', 'c', 'a', 9]]]);
    call(1, 'limits.enter', [[['slot', 'c', 'b', 9]]]);
    expect(call(1, 'limits.enter', [[['slot', 'c', 'x', 9]]])).toMatchObject({
      ok: false,
      error: expect.stringContaining('full table'),
    });
    expect(call(1, 'limits.enter', [[['slot', 'c', 'a', 9]]])).toMatchObject({ value: -1 });
    expect(slots.size).toBe(2);
  });
});

describe('calls', () => {
  it('reach the shared map', () => {
    const { call } = stage();
    expect(call(1, 'affinity.claim', ['web', 'sid', 'b1', 1000])).toMatchObject({ ok: true, value: 'b1' });
    expect(call(2, 'affinity.lookup', ['web', 'sid'])).toMatchObject({ value: 'b1' });
  });

  it.each<[string, string, unknown[], string]>([
    ['an unknown method', 'no.such', [], 'method: expected one of affinity.lookup'],
    ['a bad argument of the map', 'affinity.lookup', [7], 'expected'],
    [
      'no scope',
      'limits.enter',
      [[['slot', undefined, 'a', 1]]],
      'scope: expected a text of 1 to 256 characters, got undefined',
    ],
    [
      'an endless key',
      'limits.enter',
      [[['slot', 'c', 'a'.repeat(513), 1]]],
      'key: expected a text of 1 to 512 characters',
    ],
    ['an empty key', 'slots.release', ['c', ''], 'key: expected'],
    ['no list', 'limits.enter', ['c'], 'wants: expected a list of at most 8'],
    [
      'more than one client can want',
      'limits.enter',
      [Array.from({ length: 9 }, () => ['slot', 'c', 'a', 1])],
      'wants: expected',
    ],
    ['neither of the kinds', 'limits.enter', [[['x', 'c', 'a', 1]]], 'want: expected slot or rate'],
    ['no limit', 'limits.enter', [[['slot', 'c', 'a']]], 'limit: expected a whole number from 1, got undefined'],
    ['a limit of 0', 'limits.enter', [[['slot', 'c', 'a', 0]]], 'limit: expected a whole number from 1, got 0'],
  ])('with %s are answered with an error', (_, method, args, error) => {
    const reply = stage().call(1, method, args);
    expect(reply).toMatchObject({ id: 5, ok: false, error: expect.stringContaining(error) });
  });
});

describe('topics', () => {
  it('are told to the workers that subscribed, in order, until they unsubscribe or are gone', async () => {
    const { call, services, pushed } = stage();
    call(1, 'topic.subscribe', [['room']]);
    call(2, 'topic.subscribe', [['room', 'other']]);
    call(3, 'topic.publish', [messageOf('room', 1)]);
    await turn();
    expect(pushed.map(([id, { push }]) => [id, push.live, push.messages[5]])).toEqual([
      [1, ['room'], Uint8Array.of(1)],
      [2, ['room', 'other'], Uint8Array.of(1)],
    ]);
    call(1, 'topic.unsubscribe', [['room']]);
    services.forget(2);
    call(3, 'topic.publish', [messageOf('room', 2)]);
    await turn();
    expect(pushed).toHaveLength(2);
  });

  it('are told to a new process of the same worker only once it subscribes itself', async () => {
    const { call, services, pushed } = stage();
    call(1, 'topic.subscribe', [['room']]);
    await turn();
    services.forget(1);
    call(1, 'topic.publish', [messageOf('room', 1)]);
    await turn();
    expect(pushed).toHaveLength(1);
    call(1, 'topic.subscribe', [['room']]);
    call(1, 'topic.publish', [messageOf('room', 2)]);
    await turn();
    expect(pushed[1]).toMatchObject([1, { push: { live: ['room'], messages: expect.arrayContaining(['room', 2]) } }]);
  });
});

function messageOf(topic: string, byte: number): object {
  return { topic, isBinary: true, data: Uint8Array.of(byte), retention: { messages: 1, ageMs: 1000 } };
}

function stage(maxKeys?: number): {
  services: Services;
  slots: SlotTable;
  /** By worker. */
  pushed: [number, Push][];
  call: (workerId: number, method: string, args: unknown[]) => Reply;
} {
  const slots = new SlotTable(maxKeys === undefined ? {} : { maxKeys });
  const pushed: [number, Push][] = [];
  const push = (workerId: number, message: Push, onTaken: () => void): boolean => {
    pushed.push([workerId, message]);
    onTaken();
    return true;
  };
  const services = new Services({ store, slots, push, log: pino({ enabled: false }) });
  const call = (workerId: number, method: string, args: unknown[]): Reply =>
    services.answer(workerId, { type: 'call', id: 5, method, args });
  return { services, slots, pushed, call };
}
