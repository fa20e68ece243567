import { describe, expect, it } from 'vitest';
import { CallGate, MAX_CALLS_IN_FLIGHT } from './call-gate.js';
import { StateError } from './errors.js';

function gateOf(): CallGate {
  const toStateError = (error: unknown) => new StateError('STATE_UNAVAILABLE', String(error), { cause: error });
  return new CallGate({ who: 'the test', toStateError, onCall: () => undefined });
}

describe('CallGate', () => {
  it('refuses one call too many at once, and lets calls in again when others are answered', async () => {
    const gate = gateOf();
    const { promise, resolve } = deferred();
    const waiting = Array.from({ length: MAX_CALLS_IN_FLIGHT }, () => gate.run('op', () => promise));
    await expect(gate.run('op', async () => 'x')).rejects.toMatchObject({ code: 'STATE_UNAVAILABLE', retryable: true });
    resolve();
    await Promise.all(waiting);
    expect(await gate.run('op', async () => 'x')).toBe('x');
  });

  it('does not count failed calls as waiting', async () => {
    const gate = gateOf();
    const fail = () => Promise.reject(new Error('no'));
    await Promise.allSettled(Array.from({ length: MAX_CALLS_IN_FLIGHT }, () => gate.run('op', fail)));
    expect(await gate.run('op', async () => 'x')).toBe('x');
  });

  it('turns whatever is thrown into a rejection with a StateError', async () => {
    const cause = new TypeError('odd');
    const odd = (): never => {
      throw cause;
    };
    await expect(gateOf().run('op', odd)).rejects.toMatchObject({ name: 'StateError', cause });
  });
});

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}
