/**
 * Stands between a client, or a replica, and its Redis, and lets connections go silent while they stay open. What a stopped
 * process was sent waits in its socket and still arrives when it goes on; what is swallowed here is lost.
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

export interface RedisProxy extends AsyncDisposable {
  readonly port: number;
  /** What its server calls the port of this client (`addr` in CLIENT LIST); without one all that are open by now. */
  swallow(clientPort?: number): void;
}

export async function startRedisProxy(targetPort: number): Promise<RedisProxy> {
  const sockets = new Set<Socket>();
  const pairs = new Map<Socket, Socket>();
  const proxy = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port: targetPort });
    pairs.set(upstream, client);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => sockets.delete(socket) && pairs.delete(socket));
    }
    client.pipe(upstream).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    port: (proxy.address() as AddressInfo).port,
    swallow: (clientPort) => {
      for (const [upstream, client] of pairs) {
        if (clientPort !== undefined && upstream.localPort !== clientPort) continue;
        for (const socket of [client, upstream]) socket.unpipe().resume();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
