/** `connect` as most applications want it: a session that can hear topics. One that hears none is in core.ts, and a third smaller. */
import type { SessionUrl } from './addresses.js';
import type { SessionOptions } from './options.js';
import { connect as connectCore, type Session } from './session.js';
import { topics } from './topics.js';

/** Throws a ClientError when what is given cannot work; everything later is an event. */
export function connect(url: SessionUrl, options?: SessionOptions): Session {
  return connectCore(url, { topics, ...options });
}
