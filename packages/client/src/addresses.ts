/**
 * Where a session connects to: one URL, several of equal standing, or a function that is asked each time. Several are shuffled
 * once, so that clients do not all knock at the first; whoever fails makes room for the next.
 */
import { ClientError } from './errors.js';

export type SessionUrl = string | readonly string[] | (() => string | Promise<string>);

export class Addresses {
  readonly #ask: (() => string | Promise<string>) | undefined;
  readonly #urls: readonly string[];
  #at = 0;

  constructor(url: SessionUrl, random: () => number) {
    this.#ask = typeof url === 'function' ? url : undefined;
    this.#urls = this.#ask ? [] : shuffled([url].flat() as string[], random).map(socketUrl);
    if (!this.#ask && this.#urls.length === 0) throw badUrl('at least one URL', 'none');
  }

  async current(): Promise<string> {
    return this.#ask ? socketUrl(await this.#ask()) : (this.#urls[this.#at] as string);
  }

  /** The current one failed, or is to be left. */
  next(): void {
    this.#at = (this.#at + 1) % (this.#urls.length || 1);
  }
}

/** Absolute, ws or wss, without a fragment: what every WebSocket class takes. http and https, and paths on a page, are understood. */
export function socketUrl(text: string): string {
  const { location } = globalThis as { location?: { readonly href: string } };
  let url: URL;
  try {
    url = new URL(text, location?.href);
  } catch {
    throw badUrl('a ws or wss URL', text);
  }
  url.protocol = url.protocol.replace(/^http/, 'ws');
  url.hash = '';
  if (!/^wss?:$/.test(url.protocol)) throw badUrl('a ws or wss URL', text);
  return url.href;
}

function badUrl(expected: string, got: unknown): ClientError {
  return new ClientError('CLIENT_BAD_URL', `url: expected ${expected}, got ${String(got)}`);
}

function shuffled(urls: readonly string[], random: () => number): readonly string[] {
  const result = [...urls];
  for (let i = result.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j] as string, result[i] as string];
  }
  return result;
}
