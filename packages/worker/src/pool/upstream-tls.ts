/**
 * How TLS to a backend is done, for everything that connects to one: relayed WebSockets and requests, trunks, and the
 * supervisor's health checks. One place, so that a check proves what traffic will meet. Parsing the PEM texts for each
 * connection was rejected: a CA bundle takes milliseconds, so there is one context per configuration object.
 */
import { isIP } from 'node:net';
import { type ConnectionOptions, createSecureContext, type SecureContext } from 'node:tls';
import type { PoolTlsConfig } from '../config.js';

export interface TlsTarget {
  /** What the certificate has to be for: a name, or the address that is connected to. */
  readonly certificateName: string;
  /** undefined: certificates are checked against the well-known CAs, and none is shown. */
  readonly tls: PoolTlsConfig | undefined;
}

export type UpstreamTlsOptions = Pick<
  ConnectionOptions,
  'ALPNProtocols' | 'servername' | 'host' | 'secureContext' | 'rejectUnauthorized'
>;

/** Goes with the configuration that it was made of: a reload brings a new one. */
const contexts = new WeakMap<PoolTlsConfig, SecureContext>();

/** What every TLS connection to a backend is opened with. */
export function tlsOptionsOf({ certificateName, tls }: TlsTarget): UpstreamTlsOptions {
  return {
    // WebSockets and trunks are HTTP/1.1; a server that would rather speak HTTP/2 must not be led to it.
    ALPNProtocols: ['http/1.1'],
    // An address is no name for SNI (RFC 6066 §3); TLS verifies it as the host that it connects to.
    ...(isIP(certificateName) === 0 ? { servername: certificateName } : { host: certificateName }),
    ...(tls === undefined ? {} : { secureContext: contextOf(tls), rejectUnauthorized: tls.verify }),
  };
}

function contextOf(config: PoolTlsConfig): SecureContext {
  const known = contexts.get(config);
  if (known !== undefined) return known;
  const { ca, client } = config;
  const context = createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
  });
  contexts.set(config, context);
  return context;
}
