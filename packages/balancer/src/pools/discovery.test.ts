import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Discovery } from './discovery.js';
import { type DnsConfig, type ListedBackend, type NameResolver, resolveBackends, systemResolver } from './resolve.js';

/** `name/TYPE` → record data; a name with no entry at all does not exist. */
type Zone = Record<string, readonly Buffer[]>;
const TYPE_NAMES: Readonly<Record<number, string>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };

const a = (address: string) => Buffer.from(address.split('.').map(Number));
const aaaa = (last: number) => Buffer.concat([Buffer.alloc(15), Buffer.from([last])]);

function labels(name: string): Buffer {
  const parts = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([...parts, Buffer.from([0])]);
}

function srv(priority: number, weight: number, port: number, target: string): Buffer {
  const numbers = Buffer.alloc(6);
  for (const [index, value] of [priority, weight, port].entries()) numbers.writeUInt16BE(value, index * 2);
  return Buffer.concat([numbers, labels(target)]);
}

/** A name server for the few names of a test: real packets, so that the real resolver is what is tested. */
async function nameServer(zone: Zone): Promise<{ resolver: NameResolver; close: () => void }> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => socket.send(answer(query, zone), from.port, from.address));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const resolver = new Resolver({ timeout: 1000, tries: 1 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  // `lookup` asks the system, which a test cannot point elsewhere.
  const lookup = (name: string) => Promise.reject(new Error(`getaddrinfo ENOTFOUND ${name}`));
  return { resolver: { ...systemResolver(resolver), lookup }, close: () => socket.close() };
}

function answer(query: Buffer, zone: Zone): Buffer {
  let end = 12;
  const parts: string[] = [];
  for (let length = query[end]!; length > 0; length = query[end]!) {
    parts.push(query.toString('latin1', end + 1, end + 1 + length));
    end += length + 1;
  }
  const name = parts.join('.').toLowerCase();
  const type = query.readUInt16BE(end + 1);
  const records = zone[`${name}/${TYPE_NAMES[type]}`] ?? [];
  const isKnown = Object.keys(zone).some((key) => key.startsWith(`${name}/`));
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head.writeUInt16BE(isKnown ? 0x8580 : 0x8583, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  const answers = records.map((data) => {
    const record = Buffer.alloc(12);
    record.writeUInt16BE(0xc00c, 0); // the name of the question
    record.writeUInt16BE(type, 2);
    record.writeUInt16BE(1, 4);
    record.writeUInt16BE(data.length, 10);
    return Buffer.concat([record, data]);
  });
  return Buffer.concat([head, query.subarray(12, end + 5), ...answers]);
}

function dns(change: Partial<DnsConfig> = {}): DnsConfig {
  return { type: 'dns', record: 'dns', name: 'web.test', scheme: 'http', port: 3000, refreshMs: 10_000, ...change };
}

describe('a name with address records', () => {
  it('becomes one backend per address, in a stable order', async () => {
    const { resolver, close } = await nameServer({ 'web.test/A': [a('10.0.0.2'), a('10.0.0.1'), a('10.0.0.2')] });
    const backends = await resolveBackends(dns({ scheme: 'https', port: 8443 }), resolver);
    close();
    expect(backends).toEqual([
      { id: '10.0.0.1:8443', url: 'https://10.0.0.1:8443', weight: 1, serverName: 'web.test' },
      { id: '10.0.0.2:8443', url: 'https://10.0.0.2:8443', weight: 1, serverName: 'web.test' },
    ]);
  });

  it('is not listed twice when it has both families', async () => {
    const { resolver, close } = await nameServer({ 'web.test/A': [a('10.0.0.1')], 'web.test/AAAA': [aaaa(7)] });
    const backends = await resolveBackends(dns(), resolver);
    close();
    expect(backends.map(({ id }) => id)).toEqual(['10.0.0.1:3000']);
  });

  it('is reached by IPv6 where there is nothing else', async () => {
    const { resolver, close } = await nameServer({ 'web.test/AAAA': [aaaa(7)] });
    const backends = await resolveBackends(dns(), resolver);
    close();
    expect(backends).toMatchObject([{ id: '[::7]:3000', url: 'http://[::7]:3000' }]);
  });

  it('falls back to the names that the system knows', async () => {
    const { resolver, close } = await nameServer({});
    const backends = await resolveBackends(dns({ name: 'localhost' }), {
      ...resolver,
      lookup: systemResolver().lookup,
    });
    close();
    expect(backends).toMatchObject([{ id: '127.0.0.1:3000', serverName: 'localhost' }]);
  });

  it('that is an address already is taken as it is', async () => {
    const { resolver, close } = await nameServer({});
    const backends = await resolveBackends(dns({ name: '127.0.0.5' }), resolver);
    close();
    expect(backends).toMatchObject([{ id: '127.0.0.5:3000' }]);
  });

  it('that does not exist is an error', async () => {
    const { resolver, close } = await nameServer({});
    await expect(resolveBackends(dns(), resolver)).rejects.toThrow('ENOTFOUND');
    close();
  });
});

describe('SRV records', () => {
  it('bring ports and weights, of the best priority only', async () => {
    const { resolver, close } = await nameServer({
      'web.test/SRV': [srv(10, 3, 3001, 'a.test'), srv(10, 0, 3002, 'b.test'), srv(20, 9, 3003, 'c.test')],
      'a.test/A': [a('10.0.0.1')],
      'b.test/A': [a('10.0.0.2')],
      'c.test/A': [a('10.0.0.3')],
    });
    const backends = await resolveBackends(dns({ record: 'srv' }), resolver);
    close();
    expect(backends).toMatchObject([
      { id: '10.0.0.1:3001', weight: 3, serverName: 'a.test' },
      { id: '10.0.0.2:3002', weight: 1, serverName: 'b.test' },
    ]);
  });

  it('that name nobody are an error', async () => {
    const { resolver, close } = await nameServer({ 'web.test/SRV': [srv(0, 0, 0, '')] });
    await expect(resolveBackends(dns({ record: 'srv' }), resolver)).rejects.toThrow('expected addresses of web.test');
    close();
  });
});

describe('discovery', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function discovering(lookups: readonly (readonly string[] | Error)[]) {
    let round = 0;
    const nothing = () => Promise.reject(new Error('queryA ENOTFOUND'));
    const lookup = (): Promise<string[]> => {
      const found = lookups[Math.min(round, lookups.length - 1)]!;
      round += 1;
      return found instanceof Error ? Promise.reject(found) : Promise.resolve([...found]);
    };
    const log = { info: vi.fn(), warn: vi.fn() };
    const listed: (readonly ListedBackend[])[] = [];
    const resolver = { resolve4: nothing, resolve6: nothing, resolveSrv: nothing, lookup };
    const deps = {
      resolver,
      random: () => 0.5,
      log,
      onListed: (backends: readonly ListedBackend[]) => listed.push(backends),
    };
    return { discovery: new Discovery(dns(), deps), log, listed, rounds: () => round };
  }

  it('asks again every refresh interval', async () => {
    const { discovery, listed } = discovering([['10.0.0.1'], ['10.0.0.1', '10.0.0.2']]);
    await discovery.start();
    await vi.advanceTimersByTimeAsync(10_000);
    discovery.stop();
    expect(listed.map((backends) => backends.length)).toEqual([1, 2]);
  });

  it('keeps the last answer over failures and empty answers, and says so once per outage', async () => {
    const { discovery, listed, log } = discovering([
      ['10.0.0.1'],
      new Error('SERVFAIL'),
      [],
      new Error('x'),
      ['10.0.0.2'],
      [],
    ]);
    await discovery.start();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(listed).toHaveLength(1);
    expect(log.warn).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(listed).toHaveLength(2);
    expect(log.info).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(10_000);
    discovery.stop();
    expect(log.warn).toHaveBeenCalledTimes(2);
  });

  it('asks nothing any more once stopped', async () => {
    const { discovery, rounds } = discovering([['10.0.0.1']]);
    await discovery.start();
    discovery.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(rounds()).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});
