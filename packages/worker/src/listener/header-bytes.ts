/**
 * Header values that are not ASCII keep their bytes on the way through, although the two sides read bytes differently:
 * uWebSockets.js as UTF-8, node:http and undici as Latin-1.
 */

/** A client's header, for node:http and undici to send. */
export function forUpstream(value: string): string {
  return isAscii(value) ? value : Buffer.from(value, 'utf8').toString('latin1');
}

/** A backend's header, for uWebSockets.js to send. */
export function forDownstream(value: string): string | Buffer {
  return isAscii(value) ? value : Buffer.from(value, 'latin1');
}

function isAscii(value: string): boolean {
  // oxlint-disable-next-line no-control-regex -- anything beyond ASCII is what is looked for
  return !/[^\0-\x7f]/.test(value);
}
