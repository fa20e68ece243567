/**
 * WebSocket close codes: which may stand on the wire, and what a client does after one. Those of Holdfast are in close-codes.ts.
 * RFC 6455 §7.4 reserves some numbers for local use; a peer that receives one of those in a frame may crash
 * (vulcand/oxy#133), so whatever leaves Holdfast is asked `isWireCloseCode` first.
 */
import * as CloseCode from './close-codes.js';

export { CloseCode };

/** What a client owes after a close: try to resume; begin a new session; or leave it. */
export type AfterClose = 'resume' | 'renew' | 'stop';

/** PROTOCOL.md, "Close codes". 1005 and 1006 (no close frame with a code) are a lost connection like any other. */
export function afterClose(code: number): AfterClose {
  if (code === CloseCode.ResumeRefused) return 'renew';
  if (code === CloseCode.Normal || code === CloseCode.MessageTooBig || code === CloseCode.Replaced) return 'stop';
  return code >= 4500 ? 'stop' : 'resume';
}

/** Received when the close frame carried no code (RFC 6455 §7.1.5); never sent. */
export const NO_STATUS_RECEIVED = 1005;
/** Reported when the connection ended without a close frame; never sent. */
export const ABNORMAL_CLOSURE = 1006;

/** A reason longer than this does not fit a control frame: 125 bytes less two for the code (RFC 6455 §5.5). */
export const MAX_CLOSE_REASON_BYTES = 123;

/** May this code stand in a close frame? 1000–1003, 1007–1014 and 3000–4999 may (RFC 6455 §7.4, IANA registry). */
export function isWireCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/**
 * Cuts a reason to 123 bytes of UTF-8 without splitting a character.
 */
export function cutCloseReason(reason: string): string {
  // Four bytes is the longest character: anything this short fits whatever it holds.
  if (reason.length * 4 <= MAX_CLOSE_REASON_BYTES) return reason;
  let bytes = 0;
  let end = 0;
  for (const character of reason) {
    bytes += utf8Length(character);
    if (bytes > MAX_CLOSE_REASON_BYTES) break;
    end += character.length;
  }
  return reason.slice(0, end);
}

function utf8Length(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}
