/** What every backend of a test has: an HTTP server on a free port whose connections can be cut and counted. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo, Server as TcpServer, Socket } from 'node:net';

export interface Listening extends AsyncDisposable {
  readonly port: number;
  /** `http://host:port`, as a pool wants it. */
  readonly url: string;
  readonly sockets: ReadonlySet<Socket>;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** RST on every connection. */
  resetAll(): void;
  /** Stops listening and resets everything, as a killed process does; `listenAgain` brings it back on its port. */
  die(): Promise<void>;
  listenAgain(): Promise<void>;
}

/** @param host IPv6 without brackets. */
export async function listen(server: Server | TcpServer, port = 0, host = '127.0.0.1'): Promise<Listening> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  server.on('connection', (socket: Socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(port, host);
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  const resetAll = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const die = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    resetAll();
    await closed;
  };
  return {
    port: bound,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    sockets,
    get accepted() {
      return accepted;
    },
    resetAll,
    die,
    async listenAgain() {
      server.listen(bound, host);
      await once(server, 'listening');
    },
    [Symbol.asyncDispose]: die,
  };
}
