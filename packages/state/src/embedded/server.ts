/**
 * The supervisor's end of the embedded engine: one function that a call from a worker is handed to. What arrives came
 * over IPC, from a process that may run other code than this one after an upgrade, so nothing about it is believed.
 */
import { checkAffinityKey, checkBackendId, checkTtlMs, describeValue } from '../arguments.js';
import { StateError } from '../errors.js';
import type { EmbeddedStore } from './store.js';

type Handler = (store: EmbeddedStore, args: readonly unknown[]) => unknown;

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ['affinity.lookup', (store, [pool, key]) => store.lookup(checkAffinityKey(pool, key))],
  [
    'affinity.claim',
    (store, [pool, key, backendId, ttlMs]) =>
      store.claim(checkAffinityKey(pool, key), checkBackendId(backendId), checkTtlMs(ttlMs)),
  ],
  [
    'affinity.replace',
    (store, [pool, key, expected, backendId, ttlMs]) =>
      store.replace(
        checkAffinityKey(pool, key),
        checkBackendId(expected, 'expected backend id'),
        checkBackendId(backendId),
        checkTtlMs(ttlMs),
      ),
  ],
]);

/** The methods that `handleCall` takes: the supervisor passes on calls with these names. */
export const EMBEDDED_METHODS: ReadonlySet<string> = new Set(HANDLERS.keys());

/** Answers one call of a worker, or throws a StateError whose message can be sent back. */
export function handleCall(store: EmbeddedStore, method: unknown, args: unknown): unknown {
  const handler = typeof method === 'string' ? HANDLERS.get(method) : undefined;
  if (handler === undefined) {
    const known = [...EMBEDDED_METHODS].join(', ');
    throw new StateError('STATE_INVALID_ARGUMENT', `method: expected one of ${known}, got ${describeValue(method)}`);
  }
  if (!Array.isArray(args)) {
    throw new StateError('STATE_INVALID_ARGUMENT', `arguments: expected an array, got ${describeValue(args)}`);
  }
  return handler(store, args);
}
