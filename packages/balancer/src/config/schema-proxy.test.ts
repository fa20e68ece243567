import { describe, expect, it } from 'vitest';
import { parseSocksUrl } from './formats.js';
import { mistakesIn } from './testing/files.js';

function file({ pool = '', listener = '' }): string {
  return [
    `listen: [ { address: 8080${listener} } ]`,
    'routes: [ { pool: web } ]',
    `pools: { web: { backends: [ http://a ]${pool} } }`,
  ].join('\n');
}

describe('a SOCKS5 proxy', () => {
  it.each([
    ['socks5://proxy.internal', { host: 'proxy.internal', port: 1080, username: undefined, password: undefined }],
    ['socks5h://[::1]:9050/', { host: '::1', port: 9050, username: undefined, password: undefined }],
    ['SOCKS5://u:p%40%3A@10.0.0.1:1', { host: '10.0.0.1', port: 1, username: 'u', password: 'p@:' }],
  ])('%s', (text, parsed) => {
    expect(parseSocksUrl(text)).toEqual(parsed);
  });

  it.each([
    'socks4://proxy',
    'http://proxy:1080',
    'socks5://',
    'socks5://proxy:0',
    'socks5://proxy/path',
    'socks5://proxy?x=1',
    'socks5://user@proxy',
    'socks5://:password@proxy',
    `socks5://${'u'.repeat(256)}:p@proxy`,
    'socks5://%zz:p@proxy',
  ])('is none: %s', (text) => {
    expect(parseSocksUrl(text)).toBeUndefined();
  });

  it('that is wrong is told without its password', async () => {
    const [mistake] = await mistakesIn(file({ pool: ', proxy: "http://user:a-password@proxy"' }));
    expect(mistake).toContain('pools.web.proxy: expected a SOCKS5 proxy such as');
    expect(mistake).not.toContain('a-password');
  });
});

describe('PROXY headers', () => {
  it('are believed of somebody in particular', async () => {
    const [empty] = await mistakesIn(file({ listener: ', proxyProtocol: { from: [] }' }));
    expect(empty).toContain('listen[0].proxyProtocol.from: expected a list of at least one address');
    const [name] = await mistakesIn(file({ listener: ', proxyProtocol: { from: [ lb.internal ] }' }));
    expect(name).toContain('expected an IP address or a CIDR block');
  });

  it('towards backends are of version 2, and of relay pools', async () => {
    const [version] = await mistakesIn(file({ pool: ', proxyProtocol: v1' }));
    expect(version).toContain('expected one of v2');
    const mistakes = await mistakesIn(
      `secret: 0123456789abcdef\n${file({ pool: ', kind: session, proxyProtocol: v2' })}`,
    );
    expect(mistakes.join()).toContain('expected no proxyProtocol on a session pool (its trunks carry many clients)');
  });
});
