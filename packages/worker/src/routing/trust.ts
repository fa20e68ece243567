/**
 * Who is the client? The peer of the connection, unless that is a proxy that we were told to believe: then what
 * it, and trusted proxies before it, say in X-Forwarded-For, read from the right (the left is the client's to forge).
 */
import { isIP } from 'node:net';
import { headerOf, headerValues, type DownstreamRequest } from '../listener/downstream-request.js';
import { AddressList } from './address-list.js';

export class ProxyTrust {
  readonly #trusted: AddressList;

  /** Addresses and CIDR blocks, checked when the configuration was loaded. */
  constructor(blocks: readonly string[]) {
    this.#trusted = new AddressList(blocks);
  }

  isTrusted(address: string): boolean {
    return this.#trusted.has(address);
  }

  /** What to believe about a request. */
  clientOf(request: DownstreamRequest): ClientInfo {
    const isTrusted = this.isTrusted(request.remoteAddress);
    const scheme = request.secure ? 'https' : 'http';
    if (!isTrusted) {
      return {
        address: request.remoteAddress,
        isForwarded: false,
        proto: scheme,
        host: headerOf(request, 'host') ?? '',
      };
    }
    return {
      address: this.#originalAddress(request),
      isForwarded: true,
      proto: headerOf(request, 'x-forwarded-proto') ?? scheme,
      host: headerOf(request, 'x-forwarded-host') ?? headerOf(request, 'host') ?? '',
    };
  }

  #originalAddress(request: DownstreamRequest): string {
    const hops = headerValues(request, 'x-forwarded-for').flatMap((value) => value.split(','));
    let address = request.remoteAddress;
    while (this.isTrusted(address)) {
      const hop = hopAddress(hops.pop());
      if (hop === undefined) break;
      address = hop;
    }
    return address;
  }
}

export interface ClientInfo {
  /** The client's own address, as far as it can be believed. */
  readonly address: string;
  /** Did a trusted proxy hand the request on? Then what it wrote is kept and added to. */
  readonly isForwarded: boolean;
  readonly proto: string;
  readonly host: string;
}

/** `1.2.3.4`, `1.2.3.4:567`, `::1`, `[::1]:567`; anything else is no address and ends the walk. */
function hopAddress(hop: string | undefined): string | undefined {
  const text = hop
    ?.trim()
    .replace(/^\[([^\]]*)\](?::\d+)?$/, '$1')
    .replace(/^([\d.]+):\d+$/, '$1');
  return text !== undefined && isIP(text) !== 0 ? text : undefined;
}
