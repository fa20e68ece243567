import { CloseCode } from '@holdfast/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createOverload, type OverloadParts } from './worker-overload.js';

const KIB = 1024;

describe('a worker with less memory than it has already', () => {
  const ended: unknown[] = [];
  const bounds: string[] = [];
  const keepAlive = { idleShare: 1 };
  const admission = { isClosedToNew: false };

  beforeEach(() => {
    vi.useFakeTimers();
    ended.length = bounds.length = 0;
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  interface Shape {
    readonly name: string;
    readonly kib: number;
    readonly hearsTopics?: boolean;
  }

  const buffering = (kib: number) => ({ bufferedBytes: { down: kib * KIB, up: 0 } });

  function link({ name, kib }: Shape): object {
    const letGo = (code: number, _reason: string, detail: string): void => void ended.push([name, code, detail]);
    return { ...buffering(kib), letGo };
  }

  function session({ name, kib, hearsTopics = false }: Shape): object {
    const cut = (code: number, detail: string): void => void ended.push([name, code, detail]);
    return { ...buffering(kib), origin: {}, hearsTopics, cut };
  }

  function look(links: readonly object[], all: readonly object[]): void {
    const silence = ({ hearsTopics }: { hearsTopics: boolean }): boolean => hearsTopics;
    const overload = createOverload({
      config: () => ({ memoryBytes: 1, eventLoopLagMs: 0 }),
      lagMs: () => 0,
      links: new Set(links),
      keepAlive,
      sessions: { all, silence, admission, workersHere: 1, idleShare: 1 },
      traffic: { boundHit: (bound: string) => bounds.push(bound) },
      log: { warn: () => undefined, info: () => undefined },
    } as unknown as OverloadParts);
    vi.advanceTimersByTime(1000);
    overload.stop();
  }

  it('lets go of the largest, relayed or not, and says so to each in its own way', () => {
    const relayed = [link({ name: 'large link', kib: 300 }), link({ name: 'small link', kib: 20 })];
    look(relayed, [session({ name: 'large session', kib: 200 }), session({ name: 'small session', kib: 100 })]);
    const detail = 'limit: overload_buffers';
    expect(ended).toEqual([
      ['large link', CloseCode.TryAgainLater, detail],
      ['large session', CloseCode.TryAgainLater, detail],
    ]);
    expect(bounds).toEqual(['overload_buffers', 'overload_buffers']);
  });

  it('silences the topics of those who hear some, and keeps them', () => {
    look([], [session({ name: 'subscriber', kib: 300, hearsTopics: true })]);
    expect([ended, bounds]).toEqual([[], ['overload_buffers']]);
  });

  it('has halved idle limits and closed the door by then', () => {
    look([], []);
    expect([keepAlive.idleShare, admission.isClosedToNew]).toEqual([0.5, true]);
  });
});
