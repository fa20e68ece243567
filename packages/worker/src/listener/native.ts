/**
 * What uWebSockets.js exports and its type declarations leave out.
 */
declare module 'uWebSockets.js' {
  /** Process-wide switches by key; see Listener. */
  export function _cfg(key: string): void;
  /** One compressor per thread: no memory per connection (RFC 7692 without context takeover). */
  export const SHARED_COMPRESSOR: number;
}

export { _cfg as setNativeSwitch, SHARED_COMPRESSOR } from 'uWebSockets.js';
