/** Rates of messages that clients have in common: all of one address, one principal, one route; in relays and in sessions. */
import { describe, expect, it } from 'vitest';
import { hs256, JWT_SECRET } from '../support/access/tokens.js';
import { startEcho } from '../support/backends/websocket-echo.js';
import { eventually } from '../support/eventually.js';
import { type Holdfast, relayTo, startHoldfast } from '../support/holdfast.js';
import { RawSession } from '../support/sessions/raw-session.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';
import { openMany, openSocket, type TestSocket } from '../support/websocket-client.js';

const A = { localAddress: '127.0.1.1' };
const B = { localAddress: '127.0.1.2' };
const TOO_MANY = { code: 1008, reason: 'too many messages per second' };
const TOO_MUCH = { code: 1008, reason: 'too many bytes per second' };
/** So slow that nothing comes back while a test runs, however busy the machine is. */
const BYTES = 4000;
const MORE_THAN_HALF = 'x'.repeat(2500);

function as(sub: string): { readonly headers: Record<string, string> } {
  return { headers: { authorization: `Bearer ${hs256({ sub })}` } };
}

async function hits(holdfast: Holdfast, bound: string): Promise<number | undefined> {
  return (await holdfast.metrics()).sum('holdfast_bound_hits_total', { bound });
}

/** No socket sends more than PER_SECOND lets one alone; together they send what takes seconds to come back. */
const PER_SECOND = 20;
const EACH = 15;

async function sendTogether(sockets: readonly TestSocket[]): Promise<void> {
  for (const socket of sockets) for (let n = 0; n < EACH; n += 1) socket.send('x');
  const closed = await Promise.race(sockets.map((socket) => socket.untilClosed()));
  expect(closed).toEqual(TOO_MANY);
}

describe('rates that clients share', () => {
  it('of an address are used up by its connections together, and nobody else notices', async () => {
    await using backend = await startEcho();
    const route = { limits: { messagesPerSecondPerAddress: PER_SECOND } };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route }));
    await using together = await openMany(10, () => openSocket(holdfast.wsUrl(), A));
    await using other = await openSocket(holdfast.wsUrl(), B);
    await sendTogether(together.sockets);
    for (let n = 0; n < EACH; n += 1) expect(await other.ask('still here')).toBe('still here');
    expect(await hits(holdfast, 'messages_per_second_per_address')).toBeGreaterThan(0);
    expect(await hits(holdfast, 'messages_per_second')).toBeUndefined();
  });

  it('of an address outlive a connection that comes again, and are forgotten when they are full', async () => {
    await using backend = await startEcho();
    const route = { limits: { bytesPerSecondPerAddress: BYTES } };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route }));
    const rates = async () => (await holdfast.metrics()).sum('holdfast_shared_rates');
    await using one = await openSocket(holdfast.wsUrl(), A);
    // A message may be larger than the bucket, and the rest of it is owed for seconds.
    one.send('x'.repeat(30_000));
    expect(await one.text()).toHaveLength(30_000);
    one.ws.terminate();
    await using again = await openSocket(holdfast.wsUrl(), A);
    again.send('x');
    expect(await again.untilClosed()).toEqual(TOO_MUCH);
    await using other = await openSocket(holdfast.wsUrl(), B);
    expect(await other.ask('hi')).toBe('hi');
    expect(await rates()).toBe(2);
    other.ws.terminate();
    await eventually(
      async () => {
        // Whoever comes and goes finds those that are old.
        const passer = await openSocket(holdfast.wsUrl(), { localAddress: '127.0.1.3' });
        passer.ws.terminate();
        expect(await rates()).toBeLessThanOrEqual(1);
      },
      { withinMs: 25_000 },
    );
  });

  it('of a principal are those of its connections from anywhere', async () => {
    await using backend = await startEcho();
    const route = { limits: { bytesPerSecondPerPrincipal: BYTES }, auth: { jwt: { secret: JWT_SECRET } } };
    await using holdfast = await startHoldfast(relayTo([backend.url], { route }));
    await using one = await openSocket(holdfast.wsUrl(), { ...A, ...as('ada') });
    await using two = await openSocket(holdfast.wsUrl(), { ...B, ...as('ada') });
    await using bob = await openSocket(holdfast.wsUrl(), { ...A, ...as('bob') });
    one.send('x'.repeat(30_000));
    expect(await one.text()).toHaveLength(30_000);
    two.send('x');
    expect(await two.untilClosed()).toEqual(TOO_MUCH);
    expect(await bob.ask(MORE_THAN_HALF)).toBe(MORE_THAN_HALF);
    expect(await hits(holdfast, 'bytes_per_second_per_principal')).toBe(1);
  });

  it('of a route are those of all its clients, and of no other route', async () => {
    await using backend = await startEcho();
    const config = relayTo([backend.url], { route: { limits: { bytesPerSecondPerRoute: BYTES } } });
    const routes = [{ match: { path: '/free' }, pool: 'app' }, ...config.routes];
    await using holdfast = await startHoldfast({ ...config, routes });
    await using one = await openSocket(holdfast.wsUrl('/'), A);
    await using two = await openSocket(holdfast.wsUrl('/'), B);
    await using free = await openSocket(holdfast.wsUrl('/free'), B);
    one.send('x'.repeat(30_000));
    expect(await one.text()).toHaveLength(30_000);
    two.send('x');
    expect(await two.untilClosed()).toEqual(TOO_MUCH);
    expect(await free.ask(MORE_THAN_HALF)).toBe(MORE_THAN_HALF);
    expect(await hits(holdfast, 'bytes_per_second_per_route')).toBe(1);
  });

  it('hold for sessions: by address from the handshake on, by principal from the hello on', async () => {
    await using fleet = await SessionFleet.start(1);
    const limits = { messagesPerSecondPerAddress: 300, bytesPerSecondPerPrincipal: BYTES };
    await using holdfast = await startHoldfast({
      routes: [{ pool: 'app', limits, auth: { jwt: { secret: JWT_SECRET } } }],
      pools: { app: { kind: 'session', backends: fleet.urls, health: false, outlier: false } },
    });
    await using one = await RawSession.open(holdfast.wsUrl(), { auth: hs256({ sub: 'ada' }) });
    await using two = await RawSession.open(holdfast.wsUrl(), { auth: hs256({ sub: 'ada' }) });
    await using bob = await RawSession.open(holdfast.wsUrl(), { auth: hs256({ sub: 'bob' }) });
    one.send(`c 1 ${'x'.repeat(30_000)}`);
    await eventually(async () => {
      two.send('c 1 x');
      await Promise.resolve();
      expect(two.closed).toMatchObject(TOO_MUCH);
    });
    expect(await hits(holdfast, 'bytes_per_second_per_principal')).toBe(1);
    for (let n = 0; n < 3000 && bob.closed === undefined; n += 1) bob.send(`c ${n}`);
    await eventually(() => expect(bob.closed).toMatchObject(TOO_MANY));
    expect(await hits(holdfast, 'messages_per_second_per_address')).toBe(1);
    expect(one.closed).toBeUndefined();
  });

  it('hold for plain clients of session pools', async () => {
    await using fleet = await SessionFleet.start(1);
    await using holdfast = await startHoldfast({
      routes: [
        { pool: 'app', limits: { messagesPerSecondPerPrincipal: PER_SECOND }, auth: { jwt: { secret: JWT_SECRET } } },
      ],
      pools: { app: { kind: 'session', backends: fleet.urls, health: false, outlier: false } },
    });
    await using together = await openMany(10, () => openSocket(holdfast.wsUrl(), as('ada')));
    await using bob = await openSocket(holdfast.wsUrl(), as('bob'));
    await sendTogether(together.sockets);
    for (let n = 0; n < EACH; n += 1) bob.send('x');
    expect(await hits(holdfast, 'messages_per_second_per_principal')).toBeGreaterThan(0);
    expect(bob.isOpen).toBe(true);
  });
});
