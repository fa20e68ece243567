/**
 * Where a session connects to: one URL, several of equal standing, or a function that is asked each time. Several are shuffled
 * once, so that clients do not all knock at the first; whoever fails makes room for the next.
 */
type Address = string | (() => string | Promise<string>);
/** Absolute, ws or wss. What else `connect` of this package understands is in check-url.ts. */
export type SessionUrl = string | readonly string[] | (() => string | Promise<string>);

export class Addresses {
  readonly #urls: readonly Address[];
  #at = 0;

  constructor(url: SessionUrl, random: () => number) {
    this.#urls = shuffled([url].flat(), random);
  }

  /** Where to connect to now. */
  current(): string | Promise<string> {
    const url = this.#urls[this.#at % this.#urls.length] as Address;
    return typeof url === 'function' ? url() : url;
  }

  /** The current one failed, or is to be left. */
  next(): void {
    this.#at += 1;
  }
}

function shuffled<Item>(urls: readonly Item[], random: () => number): readonly Item[] {
  const result: Item[] = [];
  for (const url of urls) result.splice(random() * (result.length + 1), 0, url);
  return result;
}
