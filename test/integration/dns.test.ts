/**
 * Two balancers on two addresses behind one name, as an operator without a load balancer in front runs them: clients know
 * the name alone, and the system's resolver asks a DNS server that goes on naming a balancer that is dead.
 */
import { expect, it } from 'vitest';
import { expectNothingLost, sessionsOf } from '../chaos/arena.js';
import { Cleanup } from '../support/cleanup.js';
import { DnsServer } from '../support/dns/dns-server.js';
import { nodeWithResolver } from '../support/dns/node-with-resolver.js';
import { eventually } from '../support/eventually.js';
import { openConnections } from '../support/gauges.js';
import { type Holdfast, startHoldfast } from '../support/holdfast.js';
import { freePort } from '../support/ports.js';
import { startRedis } from '../support/redis.js';
import { audit } from '../support/sessions/ledger.js';
import { SessionCrowd } from '../support/sessions/session-crowd.js';
import { SessionFleet } from '../support/sessions/session-fleet.js';

const NAME = 'edge.holdfast.test';
const CLIENTS = 40;
const RECOVERY = { withinMs: 40_000, everyMs: 100 };

interface Edge extends AsyncDisposable {
  readonly balancers: readonly [Holdfast, Holdfast];
  readonly crowd: SessionCrowd;
  readonly fleet: SessionFleet;
  readonly dns: DnsServer;
}

async function openEdge(): Promise<Edge> {
  const cleanup = new Cleanup();
  try {
    // Of 127.0.0.0/8, and another one for each run: the port is the same for both balancers, as behind a name it has to be.
    const net = `127.${10 + Math.floor(Math.random() * 200)}.${Math.floor(Math.random() * 250)}`;
    const addresses = [`${net}.1`, `${net}.2`] as const;
    const fleet = cleanup.use(await SessionFleet.start(2));
    const state = cleanup.use(await startRedis()).url;
    const port = await freePort();
    const start = async (address: string): Promise<Holdfast> => {
      const config = { ...sessionsOf(fleet.urls, { state }), listen: [{ address: `${address}:${port}` }] };
      return cleanup.use(await startHoldfast(config, { ports: { port, adminPort: await freePort() } }));
    };
    const balancers = [await start(addresses[0]), await start(addresses[1])] as const;
    const dns = cleanup.use(await DnsServer.start(NAME, addresses, `${net}.53`));
    const node = cleanup.use(nodeWithResolver(`${net}.53`));
    const urls = [`ws://${NAME}:${port}/`];
    const crowd = cleanup.use(await SessionCrowd.open({ urls, clients: CLIENTS, processes: 1, execPath: node.path }));
    return { balancers, crowd, fleet, dns, [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose]() };
  } catch (error) {
    await cleanup[Symbol.asyncDispose]();
    throw error;
  }
}

async function allOpen({ crowd }: Edge): Promise<void> {
  await eventually(async () => expect((await crowd.report()).open).toBe(CLIENTS), RECOVERY);
}

/** Every message has its answer, in order, once; nobody was closed or told that something is lost. */
async function expectAllThere({ crowd, fleet }: Edge): Promise<void> {
  await crowd.settle();
  const report = await crowd.report();
  expectNothingLost({ report, ledger: audit(fleet.readLog(), report.sentBy) });
  expect(report.events['reset'] ?? 0).toBe(0);
}

it('spreads clients over both, and brings all to the other, resumed, when one is killed', async () => {
  await using edge = await openEdge();
  const { balancers, crowd } = edge;
  await allOpen(edge);
  for (const balancer of balancers) expect(await openConnections(balancer)).toBeGreaterThan(CLIENTS / 5);
  const onFirst = await openConnections(balancers[0]);
  await crowd.send(200);
  await balancers[0].kill9();
  await eventually(async () => expect(await openConnections(balancers[1])).toBe(CLIENTS), RECOVERY);
  await allOpen(edge);
  await expectAllThere(edge);
  expect((await crowd.report()).events['resumed']).toBeGreaterThanOrEqual(onFirst);
});

it('brings all to the other, resumed, when one is stopped and its address withdrawn', async () => {
  await using edge = await openEdge();
  const { balancers, crowd, dns } = edge;
  await allOpen(edge);
  await crowd.send(200);
  dns.addresses = dns.addresses.slice(1);
  expect(await balancers[0].terminate()).toBe(0);
  await eventually(async () => expect(await openConnections(balancers[1])).toBe(CLIENTS), RECOVERY);
  await allOpen(edge);
  await expectAllThere(edge);
});
