import { beforeEach, describe, expect, it } from 'vitest';
import { Clock } from './clock.js';
import type { LinkEnd } from './link.js';
import { Network } from './network.js';
import { SimProcess } from './process.js';
import { Random } from './random.js';
import { Trace } from './trace.js';

describe('network of the simulation', () => {
  let clock: Clock;
  let network: Network;
  let server: SimProcess;
  let client: SimProcess;
  let served: LinkEnd | undefined;
  let log: string[];

  beforeEach(() => {
    clock = new Clock((_owner, error) => log.push(String(error)));
    network = new Network(clock, new Random(1, 'network'), new Trace());
    server = new SimProcess('server', clock);
    client = new SimProcess('client', clock);
    served = undefined;
    log = [];
    network.listen(server, ({ end }) => {
      served = end;
      watch('server', end);
      end.accept('');
    });
  });

  function watch(name: string, end: LinkEnd): void {
    end.onMessage = (message) => log.push(`${name} got ${String(message)}`);
    end.onClose = (code) => log.push(`${name} closed ${code}`);
  }

  async function connected(): Promise<LinkEnd> {
    const end = network.dial({ from: client, to: 'server', request: {} });
    watch('client', end);
    await clock.run(clock.nowMs + 200);
    return end;
  }

  const later = (): Promise<void> => clock.run(clock.nowMs + 1000);

  it('brings messages in order, each after a delay', async () => {
    const end = await connected();
    for (let i = 0; i < 20; i += 1) end.send(String(i));
    expect(log).toEqual([]);
    await later();
    expect(log).toEqual(Array.from({ length: 20 }, (_, i) => `server got ${i}`));
  });

  it('refuses a connection to nobody', async () => {
    server.kill();
    await connected();
    expect(log).toEqual(['client closed 1006']);
  });

  it('closes behind what was sent', async () => {
    const end = await connected();
    end.send('last words');
    end.close(1000, '');
    await later();
    expect(log).toEqual(['server got last words', 'server closed 1000']);
  });

  it('loses what is in flight and tells both ends when it is reset', async () => {
    const end = await connected();
    end.send('lost');
    served?.send('lost');
    network.between('client', 'server').forEach((link) => link.reset());
    await later();
    expect(log.toSorted()).toEqual(['client closed 1006', 'server closed 1006']);
  });

  it.each([
    { told: undefined, expected: [] },
    { told: 'dialler', expected: ['client closed 1006'] },
    { told: 'dialled', expected: ['server closed 1006'] },
  ] as const)('passes nothing any more and tells $told when it falls silent', async ({ told, expected }) => {
    const end = await connected();
    network.between('client', 'server').forEach((link) => link.silence(told));
    end.send('lost');
    served?.send('lost');
    await later();
    expect(log).toEqual(expected);
  });

  it('brings late what was sent while it stalled, in order', async () => {
    const end = await connected();
    const links = network.between('client', 'server');
    end.send('1');
    links.forEach((link) => link.stall());
    end.send('2');
    await later();
    expect(log).toEqual([]);
    links.forEach((link) => link.release());
    await later();
    expect(log).toEqual(['server got 1', 'server got 2']);
  });

  it('tells the other end when a process dies, and it alone', async () => {
    await connected();
    client.kill();
    await later();
    expect(log).toEqual(['server closed 1006']);
  });

  it('lets a paused process find later what came meanwhile, also when the link is reset then', async () => {
    const end = await connected();
    server.pause();
    end.send('early');
    await later();
    network.between('client', 'server').forEach((link) => link.reset());
    await later();
    expect(log).toEqual(['client closed 1006']);
    server.resume(false);
    await later();
    expect(log).toEqual(['client closed 1006', 'server got early', 'server closed 1006']);
  });
});
