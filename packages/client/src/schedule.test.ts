/**
 * The protocol's section on reconnecting, held against whole sessions: random servers that refuse, accept, drop and send away,
 * pages that wake up, and a model of the rules written anew here. No try may come sooner than prescribed, and no two
 * sockets may stand at once except on the way from one connection to the next after a goaway.
 */
import { encodeGoAway, encodeWelcome } from '@holdfast/protocol';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settled, Stage, WELCOME } from './testing/stage.js';

const RUNS = 200;
const SEED = Number(process.env['HOLDFAST_SEED'] ?? 20_240_815);

const acts = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('fail' as const), code: fc.constantFrom(1006, 1013, 4400, 4011) }),
    fc.record({ type: fc.constant('welcome' as const), pacingMs: fc.constantFrom(0, 100, 3000, 60_000, 1e6) }),
    fc.record({ type: fc.constant('hold' as const), ms: fc.constantFrom(1, 4999, 5000, 20_000) }),
    fc.record({ type: fc.constant('goaway' as const), delayMs: fc.constantFrom(0, 500, 20_000) }),
    fc.record({ type: fc.constant('overload' as const), delayMs: fc.constantFrom(0, 700, 90_000) }),
    fc.record({ type: fc.constant('reconnect' as const) }),
  ),
  { minLength: 5, maxLength: 30 },
);

/** What the rules allow, told of the same events as the client. */
class Rules {
  earliestMs = -Infinity;
  #failed = 0;
  #windowMs = 0;
  #openedAtMs: number | undefined;
  #isFixed = false;
  readonly #random: number;

  constructor(random: number) {
    this.#random = random;
  }

  get isOpen(): boolean {
    return this.#openedAtMs !== undefined;
  }

  welcomed(windowMs: number): void {
    this.#windowMs = windowMs;
    this.#openedAtMs = Date.now();
  }

  ended(slotMs?: number): void {
    const heldMs = this.#openedAtMs === undefined ? undefined : Date.now() - this.#openedAtMs;
    this.#openedAtMs = undefined;
    if (heldMs !== undefined && heldMs >= 5000) this.#failed = 0;
    const isFirst = heldMs !== undefined && this.#failed === 0;
    const k = Math.max(1, this.#failed);
    const w = Math.min(120_000, this.#windowMs);
    const upToMs = isFirst ? Math.max(250, w) : Math.max(w, Math.min(15_000, 1000 * 1.6 ** k));
    this.#failed = isFirst ? 1 : k + 1;
    this.#isFixed = slotMs !== undefined;
    this.earliestMs = Date.now() + (slotMs ?? this.#random * upToMs);
  }

  prompted(): void {
    if (this.#isFixed) return;
    this.#isFixed = true;
    this.earliestMs = Math.min(this.earliestMs, Date.now() + this.#random * Math.min(2000, this.#windowMs));
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('the schedule of tries', () => {
  it(`is never sooner than prescribed (seed ${SEED})`, { timeout: 60_000 }, async () => {
    let tries = 0;
    const property = fc.asyncProperty(acts, fc.double({ min: 0, max: 0.999, noNaN: true }), async (history, random) => {
      const stage = new Stage({ random: () => random });
      const rules = new Rules(random);
      await settled();
      for (const act of history) {
        // Whatever waits, comes: the next act finds a try under way or an open connection.
        if (stage.session.state === 'suspended') {
          const { openedAtMs } = await stage.dialled(stage.network.sockets.length + 1);
          expect(openedAtMs).toBeGreaterThanOrEqual(rules.earliestMs - 1e-6);
          tries += 1;
        }
        const { socket } = stage;
        const isTry = !rules.isOpen;
        if (act.type === 'hold') {
          await vi.advanceTimersByTimeAsync(Math.min(act.ms, isTry ? 1 : act.ms));
        } else if (act.type === 'welcome' && isTry) {
          socket.accept();
          socket.receive(
            encodeWelcome({ ...WELCOME, pacingMs: act.pacingMs, resumed: stage.session.id !== undefined }),
          );
          rules.welcomed(act.pacingMs);
        } else if (act.type === 'fail') {
          stage.network.live[0]?.end(act.code);
          rules.ended();
        } else if (act.type === 'overload' && isTry) {
          socket.accept();
          socket.receive(encodeGoAway({ delayMs: act.delayMs, deadlineMs: 0, reason: 'overload' }));
          socket.end(4013);
          rules.ended(act.delayMs);
        } else if (act.type === 'goaway' && !isTry) {
          const dueAtMs = Date.now() + act.delayMs;
          socket.receive(encodeGoAway({ delayMs: act.delayMs, deadlineMs: 60_000, reason: 'drain' }));
          const next = await stage.dialled(stage.network.sockets.length + 1);
          expect(next.openedAtMs).toBeGreaterThanOrEqual(dueAtMs);
          expect(stage.network.live).toHaveLength(2);
          next.accept();
          next.receive(encodeWelcome({ ...WELCOME, resumed: true }));
          rules.welcomed(0);
        } else if (act.type === 'reconnect') {
          stage.session.reconnect();
          if (!isTry) {
            rules.ended();
            rules.prompted();
          }
        }
        await settled();
        expect(stage.network.live.length).toBeLessThanOrEqual(1);
      }
      stage.session.close();
      expect(vi.getTimerCount()).toBe(0);
    });
    await fc.assert(property, { seed: SEED, numRuns: RUNS });
    expect(tries).toBeGreaterThan(RUNS);
  });
});
