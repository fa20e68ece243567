/**
 * The sockets of listeners with `proxyProtocol`: bound here and inherited by every worker, which all listen on and accept
 * from the same one. Workers bind all others by themselves, with SO_REUSEPORT; node:net has that on Node 20 not yet, and a
 * server of its public API cannot be bound without accepting. So this takes the handle that node:cluster takes for its
 * shared mode. A supervisor that accepted and passed each connection on was rejected: one channel message for every client.
 */
import { lookup } from 'node:dns/promises';
import net from 'node:net';
import { getSystemErrorName } from 'node:util';
import type { ListenConfig } from '@holdfast/worker';

/** Of node:net, and not in its documentation. */
interface BoundHandle {
  readonly fd: number;
  getsockname(into: object): number;
  close(): void;
}
type CreateServerHandle = (address: string, port: number, addressType: 4 | 6) => BoundHandle | number;

export class SharedSockets {
  #handles: readonly BoundHandle[] = [];

  /** Rejects when one of the addresses cannot be bound; none is then. */
  async open(listen: readonly ListenConfig[]): Promise<void> {
    const handles: BoundHandle[] = [];
    this.#handles = handles;
    try {
      for (const listener of listen) if (listener.proxyProtocol !== undefined) handles.push(await bind(listener));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** In the order of the listeners that want one. */
  get descriptors(): readonly number[] {
    return this.#handles.map(({ fd }) => fd);
  }

  /** Once the workers have closed theirs too, clients are refused; until both have, they wait for somebody to accept them. */
  close(): void {
    for (const handle of this.#handles) handle.close();
    this.#handles = [];
  }
}

async function bind({ host, port }: ListenConfig): Promise<BoundHandle> {
  const { address, family } = await lookup(host);
  const { _createServerHandle: create } = net as unknown as { readonly _createServerHandle: CreateServerHandle };
  const handle = create(address, port, family === 6 ? 6 : 4);
  // An address in use is told by the first question only.
  const code = typeof handle === 'number' ? handle : handle.getsockname({});
  if (typeof handle !== 'number' && code === 0) return handle;
  if (typeof handle !== 'number') handle.close();
  throw new Error(
    `expected to listen on ${host}:${port}, got ${getSystemErrorName(code)}: is the port taken, or not yours?`,
  );
}
