/** `connect` as most applications want it: a session that can hear topics, and a URL and options that are checked. core.ts has neither, and is a third smaller. */
import { checkOptions } from './check-options.js';
import { checkUrl } from './check-url.js';
import type { SessionUrl } from './addresses.js';
import type { SessionOptions } from './options.js';
import { connect as connectCore, type Session } from './session.js';
import { topics } from './topics.js';

/** Throws a ClientError when what is given cannot work; everything later is an event. */
export function connect(url: SessionUrl, options: SessionOptions = {}): Session {
  return connectCore(checkUrl(url), { topics, ...checkOptions(options) });
}
