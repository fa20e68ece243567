/**
 * node:http and undici read header bytes as Latin-1 characters; uWebSockets.js writes characters as UTF-8. The same
 * bytes again, so that a header that is not ASCII leaves as it came.
 */
export function wireText(text: string): string | Buffer {
  // oxlint-disable-next-line no-control-regex -- anything beyond ASCII is what is looked for
  return /[^\0-\x7f]/.test(text) ? Buffer.from(text, 'latin1') : text;
}
