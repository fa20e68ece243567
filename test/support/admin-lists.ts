/** Lists of the admin API, read as an operator's script would: page after page. */
import { expect } from 'vitest';
import type { Holdfast } from './holdfast.js';

export interface ListedItem {
  readonly id: string;
  readonly [field: string]: unknown;
}

export interface ListedPage {
  readonly count: number;
  readonly next: string | null;
  readonly unanswered: number;
  readonly items: readonly ListedItem[];
}

export async function readPage(
  holdfast: Holdfast,
  what: 'sessions' | 'connections',
  query: Readonly<Record<string, string>> = {},
): Promise<ListedPage> {
  const { status, body } = await holdfast.admin(`/v1/${what}?${new URLSearchParams(query).toString()}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  const { [what]: items, ...rest } = body as Record<string, unknown>;
  return { ...rest, items } as unknown as ListedPage;
}

/** Every item once, in order. */
export async function readAll(
  holdfast: Holdfast,
  what: 'sessions' | 'connections',
  limit: number,
): Promise<readonly ListedItem[]> {
  const all: ListedItem[] = [];
  for (let after: string | null | undefined; after !== null;) {
    const query = { limit: String(limit), ...(after === undefined ? {} : { after }) };
    const { items, next } = await readPage(holdfast, what, query);
    expect(items.length).toBeLessThanOrEqual(limit);
    all.push(...items);
    after = next;
  }
  return all;
}
