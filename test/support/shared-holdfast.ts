/**
 * One balancer for the tests of a file that only relay: each gives it a configuration of its own by a reload, which costs
 * a small part of what a start does. Pools get a new name each time, so that nothing that is known of a backend goes on. Not
 * for tests that kill or stop processes, measure them, or count from zero: metrics and log do go on.
 */
import { afterAll } from 'vitest';
import { type Holdfast, type HoldfastConfig, startHoldfast } from './holdfast.js';

export type Serve = (config: HoldfastConfig) => Promise<Holdfast>;

/** Called where a suite begins: the balancer starts with what the first test asks for, and ends with the suite. */
export function shareHoldfast(): Serve {
  let shared: Holdfast | undefined;
  let turn = 0;
  afterAll(async () => shared?.[Symbol.asyncDispose]());
  return async (config) => {
    turn += 1;
    const named = withPoolsOf(turn, config);
    if (shared === undefined) return (shared = await startHoldfast(named));
    shared.writeConfig(named);
    // Answered once every worker has taken it.
    const { status, body } = await shared.admin('/v1/reload', { method: 'POST' });
    const { needsRestart = [] } = body as { needsRestart?: readonly string[] };
    if (status === 200 && needsRestart.length === 0) return shared;
    throw new Error(`shared balancer: expected it to take the config in place, got ${status} ${JSON.stringify(body)}`);
  };
}

function withPoolsOf(turn: number, config: HoldfastConfig): HoldfastConfig {
  const named = (pool: unknown): string => `${String(pool)}-${turn}`;
  const routes = config.routes.map((route) => ('pool' in route ? { ...route, pool: named(route.pool) } : route));
  const pools = Object.fromEntries(Object.entries(config.pools).map(([name, pool]) => [named(name), pool]));
  return { ...config, routes, pools };
}
