import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { FirstFew } from './first-few.js';

it('finds what sorting all of them would find', () => {
  const ids = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { maxLength: 200 });
  const after = fc.option(fc.string({ maxLength: 2 }), { nil: undefined });
  fc.assert(
    fc.property(ids, fc.integer({ min: 1, max: 20 }), after, (all, limit, from) => {
      const few = new FirstFew<{ id: string }>(limit, from);
      for (const id of all) few.add({ id });
      const wanted = all.filter((id) => id > (from ?? '')).sort();
      const { items, hasMore } = few.take();
      expect(items.map(({ id }) => id)).toEqual(wanted.slice(0, limit));
      expect(hasMore).toBe(wanted.length > limit);
    }),
  );
});
