/** What every engine must show of affinity: one winner for all, lives that end, keys that never meet. */
import { expect, it, vi } from 'vitest';
import { MAX_KEY_BYTES, MAX_TTL_MS, type SharedState } from '../shared-state.js';
import { LONG_MS, SHORT_MS, WAIT, type Pair } from './pair.js';

export function describeAffinity(pair: Pair): void {
  describeBinding(pair);
  describeLife(pair);
  describeKeys(pair);
  describeRefusals(() => pair()[0]);
}

function describeBinding(pair: Pair): void {
  it('gives one winner to a hundred workers that claim at once', async () => {
    const claims = Array.from({ length: 100 }, (_, i) => pair()[i % 2]?.affinity.claim('p', 'race', `b${i}`, LONG_MS));
    const answers = await Promise.all(claims);
    expect(new Set(answers).size).toBe(1);
    expect(await pair()[1].affinity.lookup('p', 'race')).toBe(answers[0]);
  });

  it('does not know a key that nobody claimed', async () => {
    expect(await pair()[0].affinity.lookup('p', 'nobody')).toBeUndefined();
  });

  it('answers the first claim to later ones, and shows it to other workers', async () => {
    const [one, two] = pair();
    expect(await one.affinity.claim('p', 'first', 'b1', LONG_MS)).toBe('b1');
    expect(await two.affinity.claim('p', 'first', 'b2', LONG_MS)).toBe('b1');
    expect(await two.affinity.lookup('p', 'first')).toBe('b1');
  });

  it('replaces the backend that is expected, for everybody', async () => {
    const [one, two] = pair();
    await one.affinity.claim('p', 'moves', 'b1', LONG_MS);
    expect(await one.affinity.replace('p', 'moves', 'b1', 'b2', LONG_MS)).toBe('b2');
    expect(await two.affinity.lookup('p', 'moves')).toBe('b2');
  });

  it('answers the choice of whoever replaced first', async () => {
    const [one, two] = pair();
    await one.affinity.claim('p', 'contested', 'dead', LONG_MS);
    const replacements = Array.from({ length: 20 }, (_, i) =>
      (i % 2 ? one : two).affinity.replace('p', 'contested', 'dead', `b${i}`, LONG_MS),
    );
    const answers = await Promise.all(replacements);
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).not.toBe('dead');
  });

  it('binds an unbound key by replace', async () => {
    const [one, two] = pair();
    expect(await one.affinity.replace('p', 'unbound', 'gone', 'b3', LONG_MS)).toBe('b3');
    expect(await two.affinity.lookup('p', 'unbound')).toBe('b3');
  });
}

function describeLife(pair: Pair): void {
  const gone = (key: string) =>
    vi.waitFor(async () => expect(await pair()[0].affinity.lookup('life', key)).toBeUndefined(), WAIT);

  it('forgets a key when its time is over, however often it is looked up', async () => {
    await pair()[0].affinity.claim('life', 'short', 'b1', SHORT_MS);
    // This looks the key up every 10 ms: if lookups extended its life, it would never be gone.
    await gone('short');
    expect(await pair()[0].affinity.claim('life', 'short', 'b2', LONG_MS)).toBe('b2');
  });

  it('starts the life of a key anew with each claim', async () => {
    const [one, two] = pair();
    await one.affinity.claim('life', 'extended', 'b1', SHORT_MS);
    await two.affinity.claim('life', 'extended', 'b2', LONG_MS);
    // A key that was bound later with the same short life is the clock.
    await one.affinity.claim('life', 'clock', 'b1', SHORT_MS);
    await gone('clock');
    expect(await one.affinity.lookup('life', 'extended')).toBe('b1');
  });

  it('does not extend the life of a key that somebody else rebound', async () => {
    const [one, two] = pair();
    await one.affinity.claim('life', 'theirs', 'b1', SHORT_MS);
    expect(await two.affinity.replace('life', 'theirs', 'dead', 'b2', LONG_MS)).toBe('b1');
    await gone('theirs');
  });
}

const STRANGE_KEYS: readonly string[] = [
  ' ',
  'with space\r\nand line',
  '{brace}',
  '}{',
  '{}',
  'a:b',
  '%3A',
  ':',
  '*?[x]',
  '\u0000\u0001\u00ff',
  'žluťoučký 🐎',
  '\ud800',
  '\udc00',
  '%uD800',
  '__proto__',
  'x'.repeat(MAX_KEY_BYTES),
];

function describeKeys(pair: Pair): void {
  it('keeps keys of any characters apart', async () => {
    const [one, two] = pair();
    const at = STRANGE_KEYS.map((key, i) => ({ key, backendId: `b${i}` }));
    await Promise.all(at.map(({ key, backendId }) => one.affinity.claim('strange', key, backendId, LONG_MS)));
    const found = await Promise.all(at.map(({ key }) => two.affinity.lookup('strange', key)));
    expect(found).toEqual(at.map(({ backendId }) => backendId));
  });

  it('keeps pools apart, also where pool and key together read the same', async () => {
    const [one, two] = pair();
    await one.affinity.claim('a', 'b:c', 'b1', LONG_MS);
    await one.affinity.claim('a:b', 'c', 'b2', LONG_MS);
    expect(await two.affinity.lookup('a', 'b:c')).toBe('b1');
    expect(await two.affinity.lookup('a:b', 'c')).toBe('b2');
    expect(await two.affinity.lookup('other', 'c')).toBeUndefined();
  });

  it('gives back a backend id of any characters unchanged', async () => {
    const [one, two] = pair();
    await one.affinity.claim('strange', 'id', 'b {1}:ž🐎', LONG_MS);
    expect(await two.affinity.lookup('strange', 'id')).toBe('b {1}:ž🐎');
  });
}

function describeRefusals(state: () => SharedState): void {
  it.each([
    ['ASCII', 'x'.repeat(MAX_KEY_BYTES + 1)],
    ['UTF-8', 'é'.repeat(MAX_KEY_BYTES / 2 + 1)],
  ])('refuses a key that is too long in bytes (%s)', async (_, key) => {
    const { affinity } = state();
    const expected = { code: 'STATE_KEY_TOO_LONG', retryable: false };
    await expect(affinity.lookup('p', key)).rejects.toMatchObject(expected);
    await expect(affinity.claim('p', key, 'b1', LONG_MS)).rejects.toMatchObject(expected);
    await expect(affinity.replace('p', key, 'b0', 'b1', LONG_MS)).rejects.toMatchObject(expected);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, MAX_TTL_MS + 1])(
    'refuses a time to live of %s',
    async (ttlMs) => {
      const expected = { code: 'STATE_INVALID_ARGUMENT', retryable: false };
      await expect(state().affinity.claim('p', 'ttl', 'b1', ttlMs)).rejects.toMatchObject(expected);
      await expect(state().affinity.replace('p', 'ttl', 'b0', 'b1', ttlMs)).rejects.toMatchObject(expected);
    },
  );

  it.each([
    ['pool', ['', 'k', 'b1']],
    ['key', ['p', '', 'b1']],
    ['backend id', ['p', 'k', '']],
    ['backend id that is not Unicode', ['p', 'k', '\ud800']],
  ] as const)('refuses an empty or unusable %s', async (_, [pool, key, backendId]) => {
    const expected = { code: 'STATE_INVALID_ARGUMENT' };
    await expect(state().affinity.claim(pool, key, backendId, LONG_MS)).rejects.toMatchObject(expected);
  });
}
