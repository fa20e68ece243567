/** What the suites of the contract share: two clients of one store, and how long things live in them. */
import type { SharedState } from '../shared-state.js';

/** Two workers; read in each test, since they are connected before the first one runs. */
export type Pair = () => readonly [SharedState, SharedState];

export const SHORT_MS = 500;
export const LONG_MS = 60_000;
/** For `vi.waitFor`. */
export const WAIT: { readonly timeout: number; readonly interval: number } = { timeout: 5000, interval: 10 };
