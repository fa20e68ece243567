import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EmbeddedBus } from './bus-client.js';

describe('EmbeddedBus', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('gathers the wishes of a turn, of which the last word on each topic counts', async () => {
    const { bus, sent } = open();
    bus.subscribe('a');
    bus.subscribe('b');
    bus.unsubscribe('b');
    bus.subscribe('c');
    bus.unsubscribe('never wanted');
    await vi.advanceTimersByTimeAsync(1);
    expect(sent).toEqual([
      ['topic.subscribe', ['a', 'c']],
      ['topic.unsubscribe', ['b']],
    ]);
  });

  it('repeats what the supervisor did not take for as long as it is wanted', async () => {
    const { bus, sent, fail } = open();
    fail(2);
    bus.subscribe('a');
    bus.subscribe('b');
    await vi.advanceTimersByTimeAsync(1);
    await vi.advanceTimersByTimeAsync(1001);
    expect(sent).toHaveLength(2);
    bus.unsubscribe('b');
    await vi.advanceTimersByTimeAsync(1001);
    expect(sent.slice(2)).toEqual([
      ['topic.unsubscribe', ['b']],
      ['topic.subscribe', ['a']],
      ['topic.unsubscribe', ['b']],
    ]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toHaveLength(5);
  });

  it('asks for many topics in several calls', async () => {
    const { bus, sent } = open();
    for (let n = 0; n < 25_000; n += 1) bus.subscribe(`topic ${n}`);
    await vi.advanceTimersByTimeAsync(1);
    expect(sent.map(([, topics]) => topics.length)).toEqual([10_000, 10_000, 5000]);
  });

  it('does not let a wish wait for one that was refused', async () => {
    const { bus, sent, fail } = open();
    fail(1);
    bus.subscribe('a');
    await vi.advanceTimersByTimeAsync(1);
    bus.subscribe('b');
    await vi.advanceTimersByTimeAsync(1);
    expect(sent).toEqual([
      ['topic.subscribe', ['a']],
      ['topic.subscribe', ['b']],
    ]);
  });

  it('passes on what is wanted, and a copy of its bytes', async () => {
    const { bus, heard } = open();
    bus.subscribe('a');
    const data = new Uint8Array(100).fill(1).subarray(10, 12);
    bus.onPush({
      live: ['a', 'b'],
      messages: ['a', 'e', 1, 5, true, data, 'b', 'e', 2, 6, false, data],
      presence: [
        { topic: 'a', type: 'join', id: 'm', info: '' },
        { topic: 'b', type: 'leave', id: 'm', info: '' },
      ],
    });
    data.fill(2);
    const message = { offset: 1, publishedAtMs: 5, isBinary: true, data: Uint8Array.of(1, 1) };
    const event = { type: 'join', member: { id: 'm', info: '' } };
    expect(heard).toEqual([
      ['live', ['a']],
      ['message', 'a', 'e', message],
      ['presence', 'a', event],
    ]);
  });

  it('passes over what another version of the supervisor may say, and on what it understands', () => {
    const { bus, heard } = open();
    bus.subscribe('a');
    const data = Uint8Array.of(1);
    const good = { offset: 2, publishedAtMs: 5, isBinary: true, data };
    for (const bad of [undefined, 7, null, { live: [] }, { live: ['a'], messages: 7, presence: [] }]) bus.onPush(bad);
    bus.onPush({
      live: [],
      messages: [
        'a',
        'e',
        '1',
        5,
        true,
        data,
        'a',
        7,
        1,
        5,
        true,
        data,
        'a',
        'e',
        1,
        5,
        true,
        'x',
        'a',
        'e',
        2,
        5,
        true,
        data,
      ],
      presence: [
        undefined,
        { topic: 'a', type: 'nap', id: 'm', info: '' },
        { topic: 'a', type: 'join', id: 1, info: '' },
      ],
    });
    expect(heard).toEqual([['message', 'a', 'e', good]]);
  });

  it('is not broken by any push', () => {
    const { bus, heard } = open();
    bus.subscribe('a');
    const values = fc.array(fc.oneof(fc.constant('a'), fc.anything()));
    const push = fc.record({ live: values, messages: values, presence: values }, { requiredKeys: [] });
    fc.assert(fc.property(fc.oneof(push, fc.anything()), (any) => bus.onPush(any)));
    expect(heard.filter(([what]) => what === 'presence')).toEqual([]);
  });

  it('neither tells nor asks anything once it is closed', async () => {
    const { bus, sent, heard } = open();
    bus.subscribe('a');
    bus.close();
    bus.subscribe('b');
    bus.onPush({ live: ['a'], messages: [], presence: [] });
    await vi.advanceTimersByTimeAsync(5000);
    expect([sent, heard]).toEqual([[], []]);
  });
});

type Sent = [method: string, topics: readonly string[]];

function open(): { bus: EmbeddedBus; sent: Sent[]; heard: unknown[][]; fail: (times: number) => void } {
  const sent: Sent[] = [];
  const heard: unknown[][] = [];
  let failures = 0;
  const bus = new EmbeddedBus({
    send: async (method, topics) => {
      sent.push([method, topics]);
      failures -= 1;
      if (failures >= 0) throw new Error('not now');
    },
  });
  bus.listener = {
    onLive: (topics) => heard.push(['live', topics]),
    onMessage: (...message) => heard.push(['message', ...message]),
    onPresence: (...event) => heard.push(['presence', ...event]),
  };
  const fail = (times: number): void => {
    failures = times;
  };
  return { bus, sent, heard, fail };
}
