import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import type { BoundedAnswer } from './bounded-get.js';
import { Jwks } from './jwks.js';

const LOG = { info: () => undefined, warn: () => undefined };
const COOLDOWN_MS = 30_000;

interface Pair {
  readonly kid: string;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function pair(kid: string): Pair {
  return { kid, ...generateKeyPairSync('ed25519') };
}

const [OLD, NEW] = [pair('old'), pair('new')];

function token({ kid, privateKey }: Pair): Promise<string> {
  return new SignJWT({ sub: 'ada' }).setProtectedHeader({ alg: 'EdDSA', kid }).sign(privateKey);
}

function answerWith(...pairs: readonly Pair[]): BoundedAnswer {
  const keys = pairs.map(({ kid, publicKey }) => ({ ...publicKey.export({ format: 'jwk' }), kid, alg: 'EdDSA' }));
  return { status: 200, headers: {}, body: Buffer.from(JSON.stringify({ keys })), isCut: false };
}

function stage(): {
  issuer: { answer: BoundedAnswer | undefined; asked: number };
  clock: { nowMs: number };
  bounds: { hits: number };
  knows: (of: Pair) => Promise<boolean>;
} {
  const issuer = { answer: answerWith(OLD) as BoundedAnswer | undefined, asked: 0 };
  const clock = { nowMs: 0 };
  const bounds = { hits: 0 };
  const jwks = new Jwks('http://id/keys', COOLDOWN_MS, {
    get: () => {
      issuer.asked += 1;
      return issuer.answer === undefined ? Promise.reject(new Error('down')) : Promise.resolve(issuer.answer);
    },
    log: LOG,
    now: () => clock.nowMs,
    onBound: () => (bounds.hits += 1),
  });
  const knows = async (of: Pair): Promise<boolean> => {
    try {
      await jwtVerify(await token(of), jwks.find);
      return true;
    } catch {
      return false;
    }
  };
  return { issuer, clock, bounds, knows };
}

describe('keys of an issuer', () => {
  it('are asked for once by all who come at the same time, and kept', async () => {
    const { issuer, knows } = stage();
    expect(await Promise.all([knows(OLD), knows(OLD), knows(OLD)])).toEqual([true, true, true]);
    expect(await knows(OLD)).toBe(true);
    expect(issuer.asked).toBe(1);
  });

  it('that are not known are looked for once per cooldown', async () => {
    const { issuer, clock, knows } = stage();
    await knows(OLD);
    issuer.answer = answerWith(OLD, NEW);
    for (let n = 0; n < 10; n += 1) expect(await knows(NEW)).toBe(false);
    expect(issuer.asked).toBe(1);
    clock.nowMs = COOLDOWN_MS;
    expect([await knows(NEW), await knows(OLD), issuer.asked]).toEqual([true, true, 2]);
  });

  it('are fetched anew when they are old, behind the scenes, and stay while nobody answers', async () => {
    const { issuer, clock, knows } = stage();
    await knows(OLD);
    clock.nowMs = 600_000;
    issuer.answer = undefined;
    expect([await knows(OLD), issuer.asked]).toEqual([true, 2]);
    expect([await knows(OLD), issuer.asked]).toEqual([true, 2]);
    clock.nowMs += 5000;
    issuer.answer = answerWith(NEW);
    await knows(OLD);
    expect([await knows(OLD), await knows(NEW), issuer.asked]).toEqual([false, true, 3]);
  });

  it('that never came are asked for again after five seconds, not at every token', async () => {
    const { issuer, clock, knows } = stage();
    issuer.answer = undefined;
    for (let n = 0; n < 5; n += 1) expect(await knows(OLD)).toBe(false);
    expect(issuer.asked).toBe(1);
    issuer.answer = answerWith(OLD);
    clock.nowMs = 5000;
    expect(await knows(OLD)).toBe(true);
  });

  it.each([
    ['an error', { ...answerWith(NEW), status: 500 }, 0],
    ['something else', { ...answerWith(NEW), body: Buffer.from('<html>') }, 0],
    ['no set', { ...answerWith(NEW), body: Buffer.from('{}') }, 0],
    ['too many bytes', { ...answerWith(NEW), isCut: true }, 1],
    ['too many keys', answerWith(...Array.from({ length: 101 }, () => NEW)), 1],
  ])('are not replaced by %s', async (_, answer, hits) => {
    const { issuer, clock, bounds, knows } = stage();
    await knows(OLD);
    issuer.answer = answer;
    clock.nowMs = COOLDOWN_MS;
    expect([await knows(NEW), await knows(OLD), bounds.hits]).toEqual([false, true, hits]);
  });
});
