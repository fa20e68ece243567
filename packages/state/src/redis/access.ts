/** What the stores of the Redis engine are given by it: its door for calls, and the connection that a key's command goes to. */
import type { RedisConnection } from './scripts.js';

/** Throws STATE_UNAVAILABLE when a command for this key would not be answered now. */
export type ConnectionFor = (key: string) => RedisConnection;

export interface RedisAccess {
  readonly prefix: string;
  run<T>(operation: string, call: (connectionFor: ConnectionFor) => Promise<T>): Promise<T>;
}

/** What to tell a person about a value that is not ours. */
export function storedAt(key: string): { source: string; advice: string } {
  return {
    source: 'stored value',
    advice: `another program wrote it: delete the key ${key} or choose another prefix`,
  };
}
