/** Who gets a session back, and who does not: every way of coming again, honest or not. */
import { createHmac } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cleanup } from '../support/cleanup.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { startRedis } from '../support/redis.js';
import { RawSession } from '../support/sessions/raw-session.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { sessionsOf } from './arena.js';

const CLAIMS = new Set(['session.create', 'session.resume', 'session.rebind', 'session.lookup', 'session.readTail']);

const ROUTES = [
  { match: { path: '/short' }, pool: 'short' },
  { match: { path: '/jwt' }, pool: 'app', auth: { jwt: { secret: 'the secret of the tokens' } } },
  { match: { path: '/' }, pool: 'app' },
];

describe.each(['embedded', 'redis'] as const)('a session of %s state', (engine) => {
  const cleanup = new Cleanup();
  /** Two balancers where they can share, else one twice. */
  let balancers: readonly [Holdfast, Holdfast];
  let urls: readonly [string, string];

  beforeAll(async () => {
    const fleet = cleanup.use(await SessionFleet.start(2));
    const state = engine === 'embedded' ? 'embedded' : cleanup.use(await startRedis()).url;
    const { pools, ...rest } = sessionsOf(fleet.urls, { state, workers: 2 });
    const short = { ...pools['app'], resumeWindow: '2s' };
    const config = { ...rest, routes: ROUTES, pools: { ...pools, short } };
    const one = cleanup.use(await startHoldfast(config));
    const two = engine === 'embedded' ? one : cleanup.use(await startHoldfast(config));
    balancers = [one, two];
    urls = [one.wsUrl('/'), two.wsUrl('/')];
  });
  afterAll(() => cleanup[Symbol.asyncDispose]());

  it('resumes with zero messages, twice in a row', async () => {
    await using first = await RawSession.open(urls[0]);
    first.cut();
    await using second = await RawSession.open(urls[1], { resume: first.resumption });
    expect(second.welcome).toMatchObject({ resumed: true, session: first.welcome!.session, handled: 0, received: 0 });
    second.cut();
    await using third = await RawSession.open(urls[0], { resume: second.resumption });
    expect(third.welcome).toMatchObject({ resumed: true, session: first.welcome!.session });
    expect(third.welcome!.generation).toBeGreaterThan(second.welcome!.generation);
    third.send('c 1');
    expect((await third.untilMessages(1))[0]).toMatchObject({ n: 1, data: 'e 1' });
  });

  it('resumes instantly after the disconnect, a hundred times, and goes on where it was', async () => {
    let session = await RawSession.open(urls[0]);
    const id = session.welcome!.session;
    for (let turn = 1; turn <= 100; turn += 1) {
      session.send(`c ${turn}`);
      await session.untilMessages(1);
      const { resumption } = session;
      session.cut();
      session = await RawSession.open(urls[turn % 2]!, { resume: resumption });
      expect(session.welcome).toMatchObject({ resumed: true, session: id, received: turn });
    }
    await session[Symbol.asyncDispose]();
  });

  it('sends again what the client has not received, and nothing else', async () => {
    await using first = await RawSession.open(urls[0]);
    for (let i = 1; i <= 5; i += 1) first.send(`c ${i}`);
    await first.untilMessages(5);
    first.cut();
    await using second = await RawSession.open(urls[1], { resume: { ...first.resumption, received: 2 } });
    expect((await second.untilMessages(3)).map(({ n, data }) => [n, data])).toEqual([
      [3, 'e 3'],
      [4, 'e 4'],
      [5, 'e 5'],
    ]);
  });

  it('is told what it lost after its window', async () => {
    const url = balancers[0].wsUrl('/short');
    await using first = await RawSession.open(url);
    first.send('c 1');
    await first.untilMessages(1);
    first.cut();
    await delay(4000);
    await using second = await RawSession.open(url, { resume: first.resumption });
    expect(second.welcome).toMatchObject({ resumed: false, handled: 0, received: 0, lost: { from: 2, to: null } });
    expect(second.welcome!.session).not.toBe(first.welcome!.session);
  });

  it('refuses a forged token without asking the shared state', async () => {
    await using first = await RawSession.open(urls[0]);
    const { token } = first.resumption;
    const [version, key, claims] = token.split('.');
    const forged = `${version}.${key}.${claims}.${createHmac('sha256', 'guessed').update('x').digest('base64url')}`;
    const changed = `${version}.${key}.${Buffer.from(Buffer.from(claims!, 'base64url').toString().replace('"g":1', '"g":9')).toString('base64url')}.${token.split('.')[3]}`;
    const before = await stateCalls(balancers[0]);
    for (const bad of [forged, changed, '', 'x', `${token}x`, '1.2.3.4']) {
      await using thief = await RawSession.dial(urls[0], { resume: { ...first.resumption, token: bad } });
      expect((await thief.untilClosed()).code).toBe(4401);
    }
    expect(await stateCalls(balancers[0])).toBe(before);
    first.send('c 1');
    await first.untilMessages(1);
  });

  it('refuses a stolen token with another principal, and leaves the session alone', async () => {
    const url = balancers[0].wsUrl('/jwt');
    await using owner = await RawSession.open(url, { auth: jwt('alice') });
    await using thief = await RawSession.dial(url, { auth: jwt('mallory'), resume: owner.resumption });
    expect((await thief.untilClosed()).code).toBe(4503);
    await using nobody = await RawSession.dial(url, { resume: owner.resumption });
    expect((await nobody.untilClosed()).code).toBe(4501);
    owner.send('c 1');
    expect(await owner.untilMessages(1)).toHaveLength(1);
    owner.cut();
    await using again = await RawSession.open(url, { auth: jwt('alice'), resume: owner.resumption });
    expect(again.welcome).toMatchObject({ resumed: true });
  });

  it('of two connections the newer wins, the older gets 4003', async () => {
    await using older = await RawSession.open(urls[0]);
    await using newer = await RawSession.open(urls[1], { resume: older.resumption });
    expect(newer.welcome).toMatchObject({ resumed: true });
    expect((await older.untilClosed()).code).toBe(4003);
    newer.send('c 1');
    expect((await newer.untilMessages(1))[0]).toMatchObject({ n: 1, data: 'e 1' });
  });

  it('closes with 4400 who speaks nonsense, and with 4010 where a number is missing', async () => {
    await using nonsense = await RawSession.open(urls[0]);
    nonsense.sendFrame('?{}');
    expect((await nonsense.untilClosed()).code).toBe(4400);
    await using gap = await RawSession.open(urls[0]);
    gap.sendFrame('m5.0:c 5');
    expect((await gap.untilClosed()).code).toBe(4010);
  });
});

/** Calls to the shared state on behalf of clients so far, by all workers; backends of other tests may park meanwhile. */
async function stateCalls(balancer: Holdfast): Promise<number> {
  const calls = (await balancer.metrics()).all('holdfast_shared_state_call_duration_seconds_count');
  return calls.filter(({ labels }) => CLAIMS.has(labels['operation'] ?? '')).reduce((sum, { value }) => sum + value, 0);
}

function jwt(subject: string): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const exp = Math.floor(Date.now() / 1000) + 600;
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: subject, exp })}`;
  return `${signed}.${createHmac('sha256', 'the secret of the tokens').update(signed).digest('base64url')}`;
}
