/** Who may come in by what it says of itself: tokens, the keys of their issuer, and a service that is asked. */
import { connect } from '@holdfast/client';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startAuthority } from '../support/access/authority.js';
import { foreignKey, hs256, JWT_SECRET, secondsFromNow, startIssuer } from '../support/access/tokens.js';
import { startEcho } from '../support/backends/websocket-echo.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { fetchFrom } from '../support/http-client.js';
import { RawSession } from '../support/sessions/raw-session.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { openRefused, openSocket } from '../support/websocket-client.js';

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const jwt = { secret: JWT_SECRET };

describe('tokens on a relay', () => {
  it('are asked of handshakes and requests, and tell nothing but 401 when they are not good', async () => {
    await using backend = await startEcho();
    const auth = { jwt: { ...jwt, issuer: 'us', audience: 'chat' } };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { auth } }));
    const good = { sub: 'ada', iss: 'us', aud: ['x', 'chat'] };
    await using socket = await openSocket(holdfast.wsUrl(), bearer(hs256(good)));
    expect(await socket.ask('hi')).toBe('hi');
    expect((await fetchFrom(holdfast.url(), { ...bearer(hs256(good)), method: 'POST', body: 'x' })).status).toBe(200);
    const bad = [
      hs256({ ...good, exp: secondsFromNow(-60) }),
      hs256({ ...good, exp: undefined }),
      hs256({ ...good, nbf: secondsFromNow(60) }),
      hs256({ ...good, iss: 'them' }),
      hs256({ ...good, aud: 'x' }),
      hs256({ ...good, sub: undefined }),
      hs256(good, 'another key than the one of the issuer'),
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(good)).toString('base64url')}.`,
    ];
    for (const shape of [{}, ...bad.map(bearer)]) {
      const refused = await openRefused(holdfast.wsUrl(), shape);
      expect(refused).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer' } });
      expect(refused.body).toMatch(/^Credentials are missing or not accepted\.\nrequest id: \S+\n$/);
      expect((await fetchFrom(holdfast.url(), { ...shape, method: 'POST', body: 'x' })).status).toBe(401);
    }
    expect([backend.handshakes.length, backend.requests.length]).toEqual([1, 1]);
  });

  it('come in the query or a cookie where those are named, and never reach the log', async () => {
    await using backend = await startEcho();
    const auth = { jwt: { ...jwt, query: 'access_token', cookie: 'session' }, stripToken: true };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { auth } }));
    const token = hs256({ sub: 'ada' });
    await using inQuery = await openSocket(`${holdfast.wsUrl('/x')}?a=1&access_token=${token}&b=2`);
    await using inCookie = await openSocket(holdfast.wsUrl(), { headers: { cookie: `a=1; session=${token}` } });
    await using inHeader = await openSocket(holdfast.wsUrl(), bearer(token));
    for (const socket of [inQuery, inCookie, inHeader]) expect(await socket.ask('hi')).toBe('hi');
    expect(backend.handshakes.map(({ url }) => url)).toEqual(['/x?a=1&b=2', '/', '/']);
    expect(backend.handshakes.map(({ headers }) => headers.cookie)).toEqual([undefined, 'a=1', undefined]);
    expect(backend.handshakes.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined, undefined]);
    expect((await fetchFrom(`${holdfast.url()}?access_token=${token}x`)).status).toBe(401);
    for (const socket of [inQuery, inCookie, inHeader]) socket.ws.close();
    await eventually(() => expect(holdfast.log.all('access')).toHaveLength(4));
    expect(JSON.stringify(holdfast.log.lines)).not.toContain(token);
  });

  it('tell the backend who it is in a header that no client can write', async () => {
    await using backend = await startEcho();
    const auth = { jwt, principalHeader: 'X-User' };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { auth } }));
    const forged = { 'X-User': 'root', x_user: 'root', connection: 'x-user' };
    const { headers } = bearer(hs256({ sub: 'ada lovelace' }));
    await fetchFrom(holdfast.url(), { headers: { ...forged, ...headers } });
    await using _socket = await openSocket(holdfast.wsUrl(), {
      headers: { 'X-User': 'root', x_user: 'root', ...headers },
    });
    await fetchFrom(holdfast.url(), bearer(hs256({ sub: 'a\r\nx-admin: 1' })));
    const seen = [backend.requests[0], backend.handshakes[0], backend.requests[1]].map((it) => it?.headers);
    expect(seen.map((it) => it?.['x-user'])).toEqual(['ada lovelace', 'ada lovelace', 'a%0D%0Ax-admin%3A%201']);
    for (const it of seen) expect(it).not.toHaveProperty('x_user');
    expect(backend.requests[0]?.headers).toHaveProperty('authorization');
  });

  it('end the WebSocket when they run out, unless told to keep it', async () => {
    await using backend = await startEcho();
    const routes = [
      { match: { path: '/keep' }, pool: 'app', auth: { jwt: { ...jwt, tolerance: 0, onExpiry: 'keep' } } },
      { match: { path: '/' }, pool: 'app', auth: { jwt: { ...jwt, tolerance: 0 } } },
    ];
    await using holdfast = await startHoldfast({ ...relayTo([backend.url]), routes });
    const short = bearer(hs256({ sub: 'ada', exp: secondsFromNow(3) }));
    await using kept = await openSocket(holdfast.wsUrl('/keep'), short);
    await using closed = await openSocket(holdfast.wsUrl(), short);
    expect(await closed.ask('hi')).toBe('hi');
    expect(await closed.untilClosed(15_000)).toEqual({ code: 1008, reason: 'the credentials have run out' });
    expect(await kept.ask('hi')).toBe('hi');
  });
});

describe('keys of an issuer', () => {
  const auth = (jwks: string) => ({ jwt: { jwks, algorithms: ['EdDSA'], refetch: '2s' } });

  it('are fetched anew for one that is not known, but not for each that is made up', async () => {
    await using issuer = await startIssuer();
    await using backend = await startEcho();
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { auth: auth(issuer.jwks) } }));
    const old = issuer.token({ sub: 'ada' });
    expect(await statusOf(holdfast, old)).toBe(200);
    expect(await statusOf(holdfast, issuer.token({ sub: 'eve' }, { key: foreignKey() }))).toBe(401);
    const made = Array.from({ length: 20 }, (_, n) => issuer.token({ sub: 'eve' }, { kid: `made-up-${n}` }));
    expect(new Set(await Promise.all(made.map((it) => statusOf(holdfast, it))))).toEqual(new Set([401]));
    expect(issuer.asked).toBeLessThanOrEqual(2);
    issuer.rotate();
    const fresh = issuer.token({ sub: 'ada' });
    await eventually(async () => expect(await statusOf(holdfast, fresh)).toBe(200));
    expect(await statusOf(holdfast, old)).toBe(200);
    const asked = issuer.asked;
    for (let n = 0; n < 10; n += 1) expect(await statusOf(holdfast, fresh)).toBe(200);
    expect(issuer.asked).toBe(asked);
  });

  it('stay good while the issuer is down, also over a reload, and one that was taken back is not', async () => {
    await using issuer = await startIssuer();
    await using backend = await startEcho();
    const config = relayTo([backend.url], { route: { auth: auth(issuer.jwks) } });
    await using holdfast = await startHoldfast(config);
    const old = issuer.token({ sub: 'ada' });
    expect(await statusOf(holdfast, old)).toBe(200);
    await issuer.die();
    holdfast.reload({ ...config, logs: { level: 'debug' } });
    await holdfast.waitForLog('config reloaded');
    // The second is sure to find the new configuration in its worker.
    for (let n = 0; n < 2; n += 1) expect(await statusOf(holdfast, old)).toBe(200);
    issuer.rotate({ keepsOld: false });
    const fresh = issuer.token({ sub: 'ada' });
    await eventually(async () => {
      expect(await statusOf(holdfast, fresh)).toBe(401);
      expect(holdfast.log.all('jwks not fetched: the keys that are known stay').length).toBeGreaterThan(0);
    });
    await issuer.listenAgain();
    await eventually(async () => expect(await statusOf(holdfast, fresh)).toBe(200), { withinMs: 20_000 });
    expect(await statusOf(holdfast, old)).toBe(401);
  });

  it.each([
    [
      'too many bytes',
      (it: { end(text: string): void }) => it.end(JSON.stringify({ keys: [{ x: 'x'.repeat(300_000) }] })),
    ],
    ['no keys', (it: { end(text: string): void }) => it.end('<html>')],
  ])('that never came, because the issuer says %s, are a 503 and no 401', async (_, answer) => {
    await using issuer = await startIssuer();
    issuer.answer = answer;
    await using backend = await startEcho();
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { auth: auth(issuer.jwks) } }));
    expect(await statusOf(holdfast, issuer.token({ sub: 'ada' }))).toBe(503);
    expect(backend.requests).toHaveLength(0);
    issuer.answer = undefined;
    await eventually(async () => expect(await statusOf(holdfast, issuer.token({ sub: 'ada' }))).toBe(200));
  });
});

describe('a service that is asked', () => {
  it('is told what came, lets in with 2xx, and its words for the backend replace the client’s', async () => {
    await using authority = await startAuthority((_, response) => {
      response.writeHead(204, { 'x-user': 'ada', 'x-roles': 'admin', 'x-other': 'no', location: '/x' }).end();
    });
    await using backend = await startEcho();
    const forward = {
      url: `${authority.url}/check?of=chat`,
      headers: ['cookie', 'x-api-key'],
      copy: ['x-roles'],
      principal: 'x-user',
    };
    const route = {
      match: { path: '/app' },
      rewrite: { stripPrefix: '/app' },
      auth: { forward, principalHeader: 'x-principal' },
    };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route }));
    const headers = {
      cookie: 'a=1',
      'x-api-key': 'k',
      authorization: 'Basic eA==',
      'x-roles': 'root',
      'x-forwarded-for': '1.2.3.4',
    };
    const answer = await fetchFrom(holdfast.url('/app/x?y=1'), { method: 'POST', body: 'b', headers });
    expect(answer.status).toBe(200);
    const asked = authority.asked[0];
    expect([asked?.method, asked?.url]).toEqual(['GET', '/check?of=chat']);
    expect(asked?.headers).toMatchObject({
      cookie: 'a=1',
      'x-api-key': 'k',
      'x-forwarded-method': 'POST',
      'x-forwarded-uri': '/x?y=1',
      'x-forwarded-proto': 'http',
      'x-forwarded-for': '127.0.0.1',
      'x-request-id': answer.headers['x-request-id'] ?? expect.any(String),
    });
    expect(asked?.headers).not.toHaveProperty('authorization');
    expect(backend.requests[0]?.headers).toMatchObject({ 'x-roles': 'admin', 'x-principal': 'ada' });
    expect(backend.requests[0]?.headers).not.toHaveProperty('x-other');
    await using socket = await openSocket(holdfast.wsUrl('/app'), { headers });
    expect(await socket.ask('hi')).toBe('hi');
    expect(backend.handshakes[0]?.headers).toMatchObject({ 'x-roles': 'admin', 'x-principal': 'ada' });
  });

  it('refuses in its own words, bounded, and fails closed for everything else', async () => {
    await using authority = await startAuthority(undefined);
    await using backend = await startEcho();
    const auth = { forward: { url: `${authority.url}/`, timeout: '300ms', copy: ['x-user'] } };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route: { auth } }));
    authority.answer = (_, response) =>
      response.writeHead(403, { 'content-type': 'text/x', 'set-cookie': 'a=1' }).end('no.');
    expect(await openRefused(holdfast.wsUrl())).toMatchObject({
      status: 403,
      headers: { 'content-type': 'text/x' },
      body: 'no.',
    });
    expect((await fetchFrom(holdfast.url())).headers['set-cookie']).toBeUndefined();
    authority.answer = (_, response) =>
      response.writeHead(401, { 'www-authenticate': 'X y="z"' }).end('z'.repeat(100_000));
    const refused = await fetchFrom(holdfast.url());
    expect(refused).toMatchObject({ status: 401, headers: { 'www-authenticate': 'X y="z"' } });
    expect(refused.body).toHaveLength(16_384);
    for (const status of [302, 404, 429, 500, 503]) {
      authority.answer = (_, response) =>
        response.writeHead(status, { location: `${authority.url}/in` }).end('internals');
      const closed = await openRefused(holdfast.wsUrl());
      expect(closed.status).toBe(503);
      expect(closed.body).not.toContain('internals');
      expect((await fetchFrom(holdfast.url())).status).toBe(503);
    }
    expect(authority.asked.every(({ url }) => url === '/')).toBe(true);
    authority.answer = undefined;
    expect((await openRefused(holdfast.wsUrl())).status).toBe(503);
    authority.answer = (_, response) => void response.writeHead(200).flushHeaders();
    expect((await fetchFrom(holdfast.url())).status).toBe(503);
    authority.answer = (request) => void request.socket.resetAndDestroy();
    expect((await fetchFrom(holdfast.url())).status).toBe(503);
    await authority.die();
    expect((await openRefused(holdfast.wsUrl())).status).toBe(503);
    expect([backend.handshakes.length, backend.requests.length]).toEqual([0, 0]);
    await holdfast.waitForLog((line) => String(line['detail']).startsWith('forward auth: expected'));
  });

  it('is asked for an SDK client at its hello, with its token, and tells the backend who it is', async () => {
    await using authority = await startAuthority((request, response) => {
      const user = /^Bearer user-(\w+)$/.exec(request.headers.authorization ?? '')?.[1];
      response.writeHead(user === undefined ? 403 : 200, { 'x-user': user ?? '' }).end();
    });
    await using fleet = await SessionFleet.start(1);
    const forward = { url: `${authority.url}/`, timeout: '500ms', principal: 'x-user' };
    await using holdfast = await startHoldfast(sessionsOf(fleet, { auth: { forward } }));
    await using ada = await RawSession.open(holdfast.wsUrl(), { auth: 'user-ada' });
    await using eve = await RawSession.dial(holdfast.wsUrl(), {
      auth: 'x',
      headers: { authorization: 'Bearer user-ada' },
    });
    await eventually(() => expect(eve.closed).toMatchObject({ code: 4501 }));
    ada.sendFrame('u{"auth":"user-ada"}');
    await eventually(() => expect(ada.controls.some(({ type }) => type === 't')).toBe(true));
    await authority.die();
    await using late = await RawSession.dial(holdfast.wsUrl(), { auth: 'user-ada' });
    await eventually(() => expect(late.closed).toMatchObject({ code: 1013 }));
    await authority.listenAgain();
    ada.sendFrame('u{"auth":"user-bob"}');
    await eventually(() => expect(ada.closed).toMatchObject({ code: 4503 }));
  });
});

describe('the token of a session', () => {
  it('is asked for again before it runs out, and the session and its connection stay', async () => {
    await using fleet = await SessionFleet.start(1);
    await using holdfast = await startHoldfast(sessionsOf(fleet, { auth: { jwt: { ...jwt, tolerance: '2s' } } }));
    let asked = 0;
    const token = (): string => {
      asked += 1;
      return hs256({ sub: 'ada', exp: secondsFromNow(3) });
    };
    const session = connect(holdfast.wsUrl(), { token, webSocket: WebSocket });
    const seen: string[] = [];
    for (const type of ['resumed', 'reset', 'close'] as const) session.addEventListener(type, () => seen.push(type));
    try {
      // By the fourth, the first two have run out, and what clocks may differ by is over.
      await eventually(() => expect(asked).toBeGreaterThanOrEqual(4), { withinMs: 30_000 });
      await session.deliver('c 1');
      expect([session.state, seen]).toEqual(['open', []]);
    } finally {
      session.close();
    }
  });

  it('closes with 4501 when it runs out, and a newer one resumes', async () => {
    await using fleet = await SessionFleet.start(1);
    await using holdfast = await startHoldfast(sessionsOf(fleet, { auth: { jwt: { ...jwt, tolerance: 0 } } }));
    await using session = await RawSession.open(holdfast.wsUrl(), {
      auth: hs256({ sub: 'ada', exp: secondsFromNow(3) }),
    });
    expect(session.welcome?.authMs).toBeLessThanOrEqual(3000);
    await eventually(() => expect(session.closed).toEqual({ code: 4501, reason: 'the credentials have run out' }));
    const { resumption } = session;
    await using again = await RawSession.open(holdfast.wsUrl(), { auth: hs256({ sub: 'ada' }), resume: resumption });
    expect(again.welcome).toMatchObject({ resumed: true, session: session.welcome?.session });
    await using stolen = await RawSession.dial(holdfast.wsUrl(), { auth: hs256({ sub: 'eve' }), resume: resumption });
    await eventually(() => expect(stolen.closed).toMatchObject({ code: 4503 }));
  });

  it('that is refreshed with a bad one, or with somebody else’s, ends the connection', async () => {
    await using fleet = await SessionFleet.start(1);
    await using holdfast = await startHoldfast(sessionsOf(fleet, { auth: { jwt } }));
    const auth = hs256({ sub: 'ada' });
    await using refused = await RawSession.open(holdfast.wsUrl(), { auth });
    await using other = await RawSession.open(holdfast.wsUrl(), { auth });
    refused.sendFrame(`u${JSON.stringify({ auth: hs256({ sub: 'ada', exp: secondsFromNow(-60) }) })}`);
    other.sendFrame(`u${JSON.stringify({ auth: hs256({ sub: 'eve' }) })}`);
    await eventually(() => expect(refused.closed).toMatchObject({ code: 4501 }));
    await eventually(() => expect(other.closed).toMatchObject({ code: 4503 }));
  });

  it('of a client that has no other, and gets none, ends it for good after one more asking', async () => {
    await using fleet = await SessionFleet.start(1);
    await using holdfast = await startHoldfast(sessionsOf(fleet, { auth: { jwt: { ...jwt, tolerance: 0 } } }));
    const stale = hs256({ sub: 'ada', exp: secondsFromNow(3) });
    const session = connect(holdfast.wsUrl(), { token: () => stale, webSocket: WebSocket });
    const closed = new Promise<number>((resolve) => session.addEventListener('close', ({ code }) => resolve(code)));
    expect(await closed).toBe(4501);
  });

  it('of a plain client is in its handshake, and closes with 1008 when it runs out', async () => {
    await using fleet = await SessionFleet.start(1);
    await using holdfast = await startHoldfast(sessionsOf(fleet, { auth: { jwt: { ...jwt, tolerance: 0 } } }));
    expect((await openRefused(holdfast.wsUrl())).status).toBe(401);
    await using plain = await openSocket(holdfast.wsUrl(), bearer(hs256({ sub: 'ada', exp: secondsFromNow(3) })));
    expect(await plain.untilClosed(15_000)).toEqual({ code: 1008, reason: 'the credentials have run out' });
  });
});

async function statusOf(holdfast: Holdfast, token: string): Promise<number> {
  return (await fetchFrom(holdfast.url(), bearer(token))).status;
}

function sessionsOf(fleet: SessionFleet, route: object): Parameters<typeof startHoldfast>[0] {
  return {
    routes: [{ pool: 'app', ...route }],
    pools: { app: { kind: 'session', backends: fleet.urls, health: false, outlier: false } },
  };
}
