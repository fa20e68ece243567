/**
 * Where a session connects to: one URL, several of equal standing, or a function that is asked each time. Several are shuffled
 * once, so that clients do not all knock at the first; whoever fails makes room for the next.
 */
import { ClientError } from './errors.js';

export type SessionUrl = string | readonly string[] | (() => string | Promise<string>);

export class Addresses {
  /** Where to connect to now. */
  readonly current: () => Promise<string>;
  #at = 0;

  constructor(url: SessionUrl, random: () => number) {
    if (typeof url === 'function') {
      this.current = async () => socketUrl(await url());
      return;
    }
    const urls = shuffled([url].flat(), random).map(socketUrl);
    if (urls.length === 0) throw badUrl('at least one', 'none');
    this.current = async () => urls[this.#at % urls.length] as string;
  }

  /** The current one failed, or is to be left. */
  next(): void {
    this.#at += 1;
  }
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
  return new ClientError('CLIENT_BAD_URL', `url: expected ${expected}, got ${got}`);
}

function shuffled(urls: readonly string[], random: () => number): readonly string[] {
  const result: string[] = [];
  for (const url of urls) result.splice(random() * (result.length + 1), 0, url);
  return result;
}
