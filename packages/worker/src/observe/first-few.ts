/**
 * The first few of many by id, without sorting the many: what is known to come too late is dropped at once, and the rest is
 * sorted only when twice as many as wanted have gathered. A heap would drop a little earlier, and be read more slowly.
 */

export interface Identified {
  readonly id: string;
}

export class FirstFew<Item extends Identified> {
  readonly #limit: number;
  readonly #after: string;
  #items: Item[] = [];
  /** What comes behind it is not wanted any more. */
  #last: string | undefined;
  #hasDropped = false;

  /** @param after those up to this id are left out. */
  constructor(limit: number, after: string | undefined) {
    this.#limit = limit;
    this.#after = after ?? '';
  }

  add(item: Item): void {
    if (item.id <= this.#after) return;
    if (this.#last !== undefined && item.id > this.#last) {
      this.#hasDropped = true;
      return;
    }
    this.#items.push(item);
    if (this.#items.length > this.#limit * 2) this.#cut();
  }

  /** In order. */
  take(): { readonly items: readonly Item[]; readonly hasMore: boolean } {
    this.#cut();
    return { items: this.#items, hasMore: this.#hasDropped };
  }

  #cut(): void {
    this.#items.sort((a, b) => (a.id < b.id ? -1 : 1));
    if (this.#items.length <= this.#limit) return;
    this.#items.length = this.#limit;
    this.#last = this.#items.at(-1)?.id;
    this.#hasDropped = true;
  }
}
