/**
 * Schemas of what stands between Holdfast and others on the level of connections: peers whose PROXY headers are believed,
 * and the SOCKS5 proxy that leads to a pool's backends.
 */
import type { ProxyProtocolConfig, SocksProxy } from '@holdfast/worker';
import type { z } from 'zod';
import { parseCidr, parseSocksUrl } from './formats.js';
import { choice, list, map, text } from './schema-parts.js';

const peer: z.ZodType<string> = text('an IP address or a CIDR block such as 10.0.0.0/8', parseCidr);

export const proxyProtocolSchema: z.ZodType<ProxyProtocolConfig> = map({
  from: list(peer, 'a list of at least one address').describe(
    'Addresses and CIDR blocks of the peers that have to send a PROXY header, version 1 or 2. Of others it is refused.',
  ),
});

export const socksProxySchema: z.ZodType<SocksProxy> = text(
  'a SOCKS5 proxy such as socks5://user:password@127.0.0.1:1080',
  parseSocksUrl,
  '^socks5h?://',
);

export const proxyHeaderSchema: z.ZodType<'v2'> = choice(['v2']);
