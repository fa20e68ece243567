/** Listeners behave as those of EventTarget do, where it can be noticed. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Emitter } from './emitter.js';

interface Events {
  ping: { readonly type: 'ping'; readonly n: number };
}

afterEach(() => {
  vi.useRealTimers();
});

describe('emitter', () => {
  it('calls functions and objects, in order, with the target as this', () => {
    const target = {};
    const emitter = new Emitter<Events>(target);
    const seen: unknown[] = [];
    emitter.add('ping', function listener(this: unknown, { n }) {
      seen.push(this, n);
    });
    const object = { handleEvent: ({ n }: Events['ping']) => seen.push(n + 1) };
    emitter.add('ping', object);
    emitter.emit({ type: 'ping', n: 1 });
    expect(seen).toEqual([target, 1, 2]);
    expect(seen[0]).toBe(target);
  });

  it('takes a listener once, calls one with once once, and forgets those that are removed', () => {
    const emitter = new Emitter<Events>({});
    const [often, once, gone] = [vi.fn(), vi.fn(), vi.fn()];
    emitter.add('ping', often);
    emitter.add('ping', often);
    emitter.add('ping', once, { once: true });
    emitter.add('ping', gone);
    emitter.add('ping', null);
    emitter.remove('ping', gone);
    emitter.emit({ type: 'ping', n: 1 });
    emitter.emit({ type: 'ping', n: 2 });
    expect([often, once, gone].map(({ mock }) => mock.calls.length)).toEqual([2, 1, 0]);
  });

  it('follows an abort signal', () => {
    const emitter = new Emitter<Events>({});
    const [late, never] = [vi.fn(), vi.fn()];
    const { signal, abort } = withAbort();
    emitter.add('ping', late, { signal });
    emitter.emit({ type: 'ping', n: 1 });
    abort();
    emitter.add('ping', never, { signal });
    emitter.emit({ type: 'ping', n: 2 });
    expect([late, never].map(({ mock }) => mock.calls.length)).toEqual([1, 0]);
  });

  it('ends an emit with the listeners that it began with', () => {
    const emitter = new Emitter<Events>({});
    const added = vi.fn();
    const second = vi.fn();
    emitter.add('ping', () => {
      emitter.add('ping', added);
      emitter.remove('ping', second);
    });
    emitter.add('ping', second);
    emitter.emit({ type: 'ping', n: 1 });
    expect([added, second].map(({ mock }) => mock.calls.length)).toEqual([0, 1]);
  });

  it('reports what a listener throws like any uncaught error', () => {
    vi.useFakeTimers();
    const emitter = new Emitter<Events>({});
    emitter.add('ping', () => {
      throw new Error('from a listener');
    });
    expect(() => emitter.emit({ type: 'ping', n: 1 })).not.toThrow();
    expect(() => vi.runAllTimers()).toThrow('from a listener');
  });
});

function withAbort(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
