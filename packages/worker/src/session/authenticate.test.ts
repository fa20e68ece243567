import { CloseCode, TRUNK_STREAM, TrunkKind } from '@holdfast/protocol';
import { SignJWT } from 'jose';
import { describe, expect, it, vi } from 'vitest';
import { authConfig, JWT_SECRET } from '../access/testing/auth-config.js';
import { settle, stage, useScene } from './testing/scene.js';
import type { FakeClient } from './testing/fake-client.js';
import { REQUEST, type Stage } from './testing/stage.js';

useScene();

const AUTH = authConfig();

function jwt(sub: string): Promise<string> {
  const key = new TextEncoder().encode(JWT_SECRET);
  return new SignJWT({ sub, role: 'r' }).setProtectedHeader({ alg: 'HS256' }).sign(key);
}

/** Web cryptography has its own clock. */
async function untilSaid(client: FakeClient): Promise<void> {
  await vi.waitFor(async () => {
    await settle();
    if (client.closed === undefined && client.controls('w').length === 0) throw new Error('nothing said yet');
  });
}

/** Backends that know these people by their password. */
function asking(answer: (auth: string | undefined) => object): Stage {
  const here = stage({ backends: { b1: { authenticates: true }, b2: { authenticates: true } } });
  for (const backend of here.backends.values()) {
    backend.onFrame = (trunk, { kind, payload }) => {
      if (kind !== TrunkKind.Request) return;
      const { ref, auth, ...asked } = JSON.parse(Buffer.from(payload).toString()) as Record<string, string>;
      expect(asked).toEqual({ op: 'authenticate', ...JSON.parse(REQUEST) });
      trunk.sendJson(TRUNK_STREAM, TrunkKind.Result, { ref, ...answer(auth) });
    };
  }
  return here;
}

describe('with JWTs', () => {
  it('the principal is the subject, and the backend gets the claims', async () => {
    const here = stage();
    const client = here.connect({ auth: AUTH });
    client.hello({ auth: await jwt('alice') });
    await untilSaid(client);
    const [open] = [...here.backends.values()].flatMap(({ opens }) => opens);
    expect(open?.open).toMatchObject({ principal: 'alice', claims: { sub: 'alice', role: 'r' } });
    expect(here.store.sessions.lookup(client.welcome.session)?.principal).toMatch(/^[\w-]{22}$/);
  });

  it.each([
    ['none', undefined],
    ['a bad one', 'x.y.z'],
  ])('%s closes with 4501', async (_, auth) => {
    const client = stage().connect({ auth: AUTH });
    client.hello({ auth });
    await untilSaid(client);
    expect(client.closed?.code).toBe(CloseCode.BadCredentials);
  });

  it('a token of another principal’s session closes with 4503, and changes nothing', async () => {
    const here = stage();
    const owner = here.connect({ auth: AUTH });
    owner.hello({ auth: await jwt('alice') });
    await untilSaid(owner);
    const { token, session } = owner.welcome;
    const calls = here.stateCalls.length;
    const thief = here.connect({ auth: AUTH });
    thief.hello({ auth: await jwt('mallory'), resume: { token, received: 0, lowest: 1, sent: 0 } });
    await untilSaid(thief);
    expect(thief.closed?.code).toBe(CloseCode.Forbidden);
    expect(here.stateCalls.slice(calls).filter((call) => call.startsWith('session.'))).toEqual([]);
    expect(here.store.sessions.lookup(session)?.generation).toBe(1);
    expect(owner.closed).toBeUndefined();
  });

  it.each([
    ['the same principal gets a new token', 'alice', undefined],
    ['another principal closes with 4503', 'mallory', CloseCode.Forbidden],
  ])('refreshed in band: %s', async (_, who, code) => {
    const here = stage();
    const client = here.connect({ auth: AUTH });
    client.hello({ auth: await jwt('alice') });
    await untilSaid(client);
    client.say(`u${JSON.stringify({ auth: await jwt(who) })}`);
    await vi.waitFor(async () => {
      await settle();
      expect(client.closed?.code).toBe(code);
      expect(client.controls('t')).toHaveLength(code === undefined ? 1 : 0);
    });
  });
});

describe('with backends that authenticate', () => {
  it('their word counts', async () => {
    const here = asking((auth) => ({ ok: true, principal: auth === 'open sesame' ? 'ali' : null, claims: { x: 1 } }));
    const good = here.connect();
    good.hello({ auth: 'open sesame' });
    const bad = here.connect();
    bad.hello({ auth: 'open wheat' });
    await settle(50);
    expect(bad.closed?.code).toBe(CloseCode.BadCredentials);
    expect(good.welcome.resumed).toBe(false);
    const [open] = [...here.backends.values()].flatMap(({ opens }) => opens);
    expect(open?.open).toMatchObject({ principal: 'ali', claims: { x: 1 } });
  });

  it('are asked about refreshed credentials in the same words, not about what they said before', async () => {
    const here = asking(() => ({ ok: true, principal: 'ali', claims: { x: 1 } }));
    const client = here.connect();
    client.hello({ auth: 'first' });
    await settle(50);
    client.say('u{"auth":"second"}');
    await settle(50);
    expect([client.closed, client.controls('t').length]).toEqual([undefined, 1]);
  });

  it.each([
    ['fail', { ok: false, error: 'database', retryable: true }],
    ['answer nonsense', { ok: true, principal: 7 }],
  ])('and %s: the client comes back later', async (_, answer) => {
    const here = asking(() => answer);
    const client = here.connect();
    client.hello();
    await settle(50);
    expect(client.closed?.code).toBe(CloseCode.TryAgainLater);
  });
});

it('without a backend nobody knows: the client comes back later', async () => {
  const here = stage({ backends: {} });
  const client = here.connect();
  client.hello();
  await settle(3000);
  expect(client.closed?.code).toBe(CloseCode.TryAgainLater);
  expect(client.controls('g')).toHaveLength(1);
});
