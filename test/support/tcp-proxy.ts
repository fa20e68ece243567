/**
 * A TCP proxy that misbehaves on command, put between two parts of a test: it delays, cuts with RST, goes silent in
 * both directions with the connections open (black hole), or lets one direction die (half-open).
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export type ProxyMode =
  | { readonly name: 'pass' }
  | { readonly name: 'delay'; readonly ms: number }
  /** Nothing passes; connections stay open, new ones are accepted and hang. */
  | { readonly name: 'blackHole' }
  /** What the target sends is lost; what the client sends still arrives. */
  | { readonly name: 'halfOpen' }
  /** New connections are reset at once. */
  | { readonly name: 'refuse' };

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  readonly openConnections: number;
  setMode(mode: ProxyMode): void;
  /** RST on both sides of every open connection. */
  cutAll(): void;
}

interface Pair {
  readonly client: Socket;
  readonly target: Socket;
}

export async function startTcpProxy(targetPort: number, targetHost = '127.0.0.1'): Promise<TcpProxy> {
  let mode: ProxyMode = { name: 'pass' };
  const pairs = new Set<Pair>();
  const server = createServer((client) => {
    if (mode.name === 'refuse') return void client.resetAndDestroy();
    const pair = { client, target: connect({ port: targetPort, host: targetHost }) };
    pairs.add(pair);
    join(
      pair,
      () => mode,
      () => pairs.delete(pair),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cutAll = (): void => {
    for (const { client, target } of pairs) {
      client.resetAndDestroy();
      target.resetAndDestroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    get openConnections() {
      return pairs.size;
    },
    setMode: (next) => void (mode = next),
    cutAll,
    async [Symbol.asyncDispose]() {
      cutAll();
      server.close();
      await once(server, 'close');
    },
  };
}

function join({ client, target }: Pair, mode: () => ProxyMode, onClose: () => void): void {
  client.on('data', (chunk) => forward(chunk, target, mode(), false));
  target.on('data', (chunk) => forward(chunk, client, mode(), true));
  const end = (): void => {
    onClose();
    client.destroy();
    target.destroy();
  };
  for (const socket of [client, target]) {
    socket.on('error', end);
    socket.on('close', end);
  }
}

function forward(chunk: Buffer, to: Socket, mode: ProxyMode, isFromTarget: boolean): void {
  if (mode.name === 'blackHole' || (mode.name === 'halfOpen' && isFromTarget)) return;
  if (mode.name !== 'delay') return void to.write(chunk);
  setTimeout(() => {
    if (!to.destroyed) to.write(chunk);
  }, mode.ms);
}
