/**
 * `checkUrl`: turns what people write for an address into what every WebSocket class takes, or says what is wrong with it. A part
 * by itself, as check-options.ts is: who writes absolute ws and wss URLs does not need it.
 */
import type { SessionUrl } from './addresses.js';
import { ClientError, mismatch } from './errors.js';

/** One URL or several, or a function: what it gives is checked when it gives it. Throws a ClientError. */
export function checkUrl(url: SessionUrl): SessionUrl {
  if (typeof url === 'function') return async () => socketUrl(await url());
  const urls = [url].flat().map(socketUrl);
  if (urls.length === 0) throw badUrl('at least one', 'none');
  return urls;
}

/** Absolute, ws or wss, without a fragment: what every WebSocket class takes. http and https, and paths on a page, are understood. */
export function socketUrl(text: string): string {
  const { location } = globalThis as { location?: { readonly href: string } };
  try {
    const url = new URL(text, location?.href);
    url.protocol = url.protocol.replace('http', 'ws');
    url.hash = '';
    if (/^wss?:$/.test(url.protocol)) return url.href;
  } catch {
    // As bad as another scheme.
  }
  throw badUrl('a ws or wss URL', text);
}

function badUrl(expected: string, got: string): ClientError {
  return new ClientError('CLIENT_BAD_URL', mismatch('url', expected, got));
}
