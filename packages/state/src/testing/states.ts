/** Clients of a Redis for one test: closed with it, and waited for. */
import { Redis } from 'ioredis';
import { expect, onTestFinished, vi } from 'vitest';
import type { SharedStateBench } from '../contract.js';
import { createRedisState } from '../redis/engine.js';
import type { SharedState, StateLog } from '../shared-state.js';

export const TIMEOUT_MS = 300;
/** So soon after Redis can be used again, a link is well again. */
export const HEAL_MS = 5000;

export function redisState(url: string, log?: StateLog): SharedState {
  return closing(createRedisState({ url, prefix: 'test:', commandTimeoutMs: TIMEOUT_MS, log }));
}

export async function healthyState(url: string): Promise<SharedState> {
  const state = redisState(url);
  await healthy(state);
  return state;
}

/** For the contract: its clients are closed by the suite. */
export function benchOf(servers: { readonly url: string; stop(): Promise<void> }): SharedStateBench {
  return {
    connect: async () => {
      const state = createRedisState({ url: servers.url, prefix: 'test:', commandTimeoutMs: 2000 });
      await healthy(state);
      return state;
    },
    [Symbol.asyncDispose]: () => servers.stop(),
  };
}

export function closing<S extends SharedState>(state: S): S {
  onTestFinished(() => state.close());
  return state;
}

export function healthy(state: SharedState, withinMs: number = HEAL_MS): Promise<void> {
  const ok = { status: 'ok', detail: undefined };
  return vi.waitFor(() => expect(state.health).toEqual(ok), { timeout: withinMs, interval: 20 });
}

export function degraded(state: SharedState): Promise<void> {
  return vi.waitFor(() => expect(state.health.status).toBe('degraded'), { timeout: HEAL_MS, interval: 5 });
}

/** A second client, as an operator at the server would have one. */
export function operatorOf({ port }: { readonly port: number }): Redis {
  const redis = new Redis(port, '127.0.0.1');
  redis.on('error', () => undefined);
  onTestFinished(() => redis.disconnect());
  return redis;
}
