import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { affinityKey, checkPrefix } from './keys.js';

describe('affinityKey', () => {
  it('stays readable where nothing needs an escape', () => {
    expect(affinityKey('holdfast:', { pool: 'chat', key: 'k9 ž' })).toBe('holdfast:affinity:{chat:k9 ž}');
  });

  it('keeps what the client chose inside the hash tag', () => {
    expect(affinityKey('', { pool: 'a', key: '}{x}:%' })).toBe('affinity:{a:%7D%7Bx%7D%3A%25}');
  });

  it('gives different pairs different bytes', () => {
    const part = fc.string({
      unit: fc.constantFrom('a', ':', '%', '{', '}', '3', 'A', 'u', 'D', '8', '0', '\ud800', '\udc00'),
    });
    fc.assert(
      fc.property(part, part, part, part, (pool, key, otherPool, otherKey) => {
        const isSame = pool === otherPool && key === otherKey;
        const bytes = Buffer.from(affinityKey('', { pool, key }));
        expect(bytes.equals(Buffer.from(affinityKey('', { pool: otherPool, key: otherKey })))).toBe(isSame);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('checkPrefix', () => {
  it.each(['', 'holdfast:', 'a b'])('takes %j', (prefix) => {
    expect(checkPrefix(prefix)).toBe(prefix);
  });

  it.each(['{a}', 'x'.repeat(129), undefined, 7])('refuses %j', (prefix) => {
    expect(() => checkPrefix(prefix)).toThrow('state prefix: expected');
  });
});
