import * as fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { StateError } from '../errors.js';
import { EMBEDDED_METHODS, handleCall } from './server.js';
import { EmbeddedStore } from './store.js';

const store = new EmbeddedStore();
afterAll(() => store.close());

describe('handleCall', () => {
  it('answers what the methods answer', () => {
    expect(handleCall(store, 'affinity.lookup', ['p', 'k'])).toBeUndefined();
    expect(handleCall(store, 'affinity.claim', ['p', 'k', 'b1', 1000])).toBe('b1');
    expect(handleCall(store, 'affinity.replace', ['p', 'k', 'b1', 'b2', 1000])).toBe('b2');
    expect(handleCall(store, 'affinity.lookup', ['p', 'k'])).toBe('b2');
  });

  it.each(['affinity.drop', 'constructor', '__proto__', '', 7, null, undefined, {}])(
    'refuses the method %s',
    (method) => {
      expect(() => handleCall(store, method, [])).toThrow(/method: expected one of affinity\.lookup/);
    },
  );

  it.each([undefined, null, 'p', { length: 2 }])('refuses arguments that are no array: %s', (args) => {
    expect(() => handleCall(store, 'affinity.lookup', args)).toThrow('arguments: expected an array');
  });

  it.each([
    ['affinity.lookup', ['p']],
    ['affinity.lookup', [{}, 'k']],
    ['affinity.claim', ['p', 'k', 'b1']],
    ['affinity.claim', ['p', 'k', 7, 1000]],
    ['affinity.claim', ['p', 'k', 'b1', '1000']],
    ['affinity.replace', ['p', 'k', 'b1', 1000]],
    ['session.create', []],
    ['session.create', ['s']],
    ['session.resume', [{ sessionId: 's' }]],
    ['session.park', [{ sessionId: 's', generation: 1, windowMs: 1, counters: {}, entries: [] }]],
    ['session.readTail', ['s', null]],
    ['session.remove', ['s', '1']],
    ['lease.renew', [null]],
    ['lease.release', []],
    ['topic.publish', ['room']],
    ['topic.publish', [{ topic: 'room', isBinary: true, data: [1], retention: { messages: 1, ageMs: 1 } }]],
    ['topic.read', [{ topic: 'room', limit: 1, isReverse: false }]],
    ['topic.positions', ['room']],
    ['topic.subscribe', [['room']]],
    ['topic.unsubscribe', [null]],
    ['presence.join', [{ topic: 'room', member: 'm', owner: 'w' }]],
    ['presence.leave', [{ topic: 'room', memberId: 'm' }]],
    ['presence.linger', [{ topic: 'room', memberId: 'm', owner: 'w' }]],
    ['presence.sweep', ['room', 'w']],
    ['presence.list', ['room']],
  ])('says what %s expected instead of %j', (method, args) => {
    expect(() => handleCall(store, method, args)).toThrow(/expected .+, got /);
  });

  it('answers anything with a value or a StateError', () => {
    const method = fc.oneof(fc.constantFrom(...EMBEDDED_METHODS), fc.anything());
    const args = fc.oneof(fc.array(fc.anything()), fc.anything());
    fc.assert(
      fc.property(method, args, (anyMethod, anyArgs) => {
        expect(() => answerOrStateError(anyMethod, anyArgs)).not.toThrow();
      }),
    );
  });
});

function answerOrStateError(method: unknown, args: unknown): unknown {
  try {
    return handleCall(store, method, args);
  } catch (error) {
    if (error instanceof StateError) return error;
    throw error;
  }
}
