import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HandlerQueue, type MessageInfo } from './handler-queue.js';
import { gate } from './testing/stage.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function newQueue(): { queue: HandlerQueue; handled: number[]; failed: string[] } {
  const handled: number[] = [];
  const failed: string[] = [];
  const queue = new HandlerQueue({
    id: 's',
    redeliveredUpTo: 2,
    onHandled: (n) => handled.push(n),
    onHandlerFailed: (error: unknown, { id }: MessageInfo) => failed.push(`${id} ${String(error)}`),
  });
  return { queue, handled, failed };
}

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(1);
}

describe('a queue of handlers', () => {
  it('hands on at once, without a turn, what nothing waits for', () => {
    const { queue, handled } = newQueue();
    const seen: [unknown, boolean][] = [];
    queue.add((data, { redelivered }) => void seen.push([data, redelivered]));
    for (const n of [1, 2, 3]) queue.take(n, `u${n}`, 2);
    expect(seen).toEqual([
      ['u1', true],
      ['u2', true],
      ['u3', false],
    ]);
    expect(handled).toEqual([1, 2, 3]);
  });

  it('never runs two messages at once, whatever the handlers return', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('sync', 'async', 'throw', 'reject', 'slow'), { maxLength: 30 }),
        async (how) => {
          const { queue, handled, failed } = newQueue();
          let running = 0;
          const handle = async (kind: unknown): Promise<void> => {
            if (kind === 'slow') await new Promise((resolve) => setTimeout(resolve, 5));
            running -= 1;
            if (kind === 'reject') throw new Error('rejected');
          };
          queue.add((kind) => {
            running += 1;
            expect(running).toBe(1);
            if (kind !== 'sync' && kind !== 'throw') return handle(kind);
            running -= 1;
            if (kind === 'throw') throw new Error('thrown');
            return undefined;
          });
          for (const [i, kind] of how.entries()) queue.take(i + 1, kind, 1);
          await vi.advanceTimersByTimeAsync(500);
          expect(handled).toEqual(how.map((_kind, i) => i + 1));
          expect(failed.length).toBe(how.filter((kind) => kind === 'throw' || kind === 'reject').length);
          expect(queue).toMatchObject({ unhandled: 0, waitingBytes: 0 });
        },
      ),
    );
  });

  it('waits for every handler of a message', async () => {
    const { queue, handled } = newQueue();
    const [one, two] = [gate(), gate()];
    queue.add(() => one.opened);
    queue.add(() => two.opened);
    queue.take(1, 'x', 1);
    one.open();
    await settle();
    expect(handled).toEqual([]);
    two.open();
    await settle();
    expect(handled).toEqual([1]);
  });

  it('counts what waits', async () => {
    const { queue } = newQueue();
    const busy = gate();
    queue.add(() => busy.opened);
    for (const n of [1, 2, 3]) queue.take(n, 'x', 10);
    expect(queue).toMatchObject({ unhandled: 3, waitingBytes: 20, inHand: 1 });
    busy.open();
    await settle();
    expect(queue).toMatchObject({ unhandled: 0, waitingBytes: 0, inHand: undefined });
  });

  it('stops after the message in hand, and then says so', async () => {
    const { queue, handled } = newQueue();
    const busy = gate();
    const onIdle = vi.fn();
    queue.add(() => busy.opened);
    queue.take(1, 'x', 1);
    queue.take(2, 'x', 1);
    queue.stop(onIdle);
    queue.take(3, 'x', 1);
    expect(onIdle).not.toHaveBeenCalled();
    busy.open();
    await settle();
    expect(handled).toEqual([1]);
    expect(onIdle).toHaveBeenCalledOnce();
    queue.restart();
    queue.take(2, 'x', 1);
    await settle();
    expect(handled).toEqual([1, 2]);
  });

  it('finishes what waits, when asked to, and then says so', async () => {
    const { queue, handled } = newQueue();
    const busy = gate();
    const onIdle = vi.fn();
    queue.add(() => busy.opened);
    queue.take(1, 'x', 1);
    queue.take(2, 'x', 1);
    queue.finish(onIdle);
    busy.open();
    await settle();
    expect(handled).toEqual([1, 2]);
    expect(onIdle).toHaveBeenCalledOnce();
  });

  it('keeps no place for what has gone, however long it is never empty', async () => {
    const { queue, handled } = newQueue();
    let busy = gate();
    queue.add(() => busy.opened);
    for (let n = 1; n <= 1000; n += 1) {
      queue.take(n, 'x', 1);
      if (n < 100) continue;
      const { open } = busy;
      busy = gate();
      open();
      await Promise.resolve();
    }
    busy.open();
    await vi.advanceTimersByTimeAsync(10);
    expect(handled.length).toBe(1000);
  });
});
