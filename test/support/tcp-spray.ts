/** A TCP front that takes every new connection to a place of the test's choosing, as DNS with several addresses does. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface TcpSpray extends AsyncDisposable {
  readonly url: string;
}

export async function startSpray(choosePort: () => number): Promise<TcpSpray> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect({ port: choosePort(), host: '127.0.0.1' });
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, 'close');
    },
  };
}
