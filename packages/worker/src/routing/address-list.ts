/** Addresses and CIDR blocks, checked when the configuration was loaded. An IPv4 address mapped into IPv6 is that IPv4 address. */
import { BlockList, isIP } from 'node:net';

export class AddressList {
  readonly #list = new BlockList();
  readonly isEmpty: boolean;

  constructor(blocks: readonly string[]) {
    this.isEmpty = blocks.length === 0;
    for (const block of blocks) {
      const [address = '', prefix] = block.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (prefix === undefined) this.#list.addAddress(address, family);
      else this.#list.addSubnet(address, Number(prefix), family);
    }
  }

  /** False for what is no address. */
  has(address: string): boolean {
    if (this.isEmpty) return false;
    const family = isIP(address);
    return family !== 0 && this.#list.check(address, family === 6 ? 'ipv6' : 'ipv4');
  }
}
