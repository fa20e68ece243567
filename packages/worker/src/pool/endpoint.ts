/** Where a backend listens, parsed once from its URL. */
export interface Endpoint {
  readonly isTls: boolean;
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** @param origin `http://host[:port]` or `https://…`, checked when the configuration was loaded. */
export function parseOrigin(origin: string): Endpoint {
  const url = new URL(origin);
  const isTls = url.protocol === 'https:';
  const defaultPort = isTls ? 443 : 80;
  return { isTls, host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port === '' ? defaultPort : Number(url.port) };
}
