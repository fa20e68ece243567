/**
 * Keep-alive connections to backends for HTTP, one undici pool per backend and set of timeouts. A pool whose backend
 * has left is closed when its last request is done.
 */
import { buildConnector, Client, Pool as Connections } from 'undici';
import type { PoolTimeouts } from '../config.js';
import type { Backend } from '../pool/backend.js';
import { handOver, openConnectionWithin } from '../pool/connect-options.js';
import { tlsOptionsOf } from '../pool/upstream-tls.js';

export class HttpUpstreams {
  readonly #connections = new Map<string, Connections>();
  /** Of one request each. */
  readonly #single = new Set<Client>();

  for(backend: Backend, timeouts: PoolTimeouts): Connections {
    const key = `${peerOf(backend)} ${timeouts.connectMs}`;
    let connections = this.#connections.get(key);
    if (connections === undefined) {
      connections = new Connections(backend.url, {
        // As many as there are requests: long-lived streams must not make others wait. Clients are bounded instead.
        connections: null,
        pipelining: 1,
        connect: connectorFor(backend, timeouts.connectMs),
      });
      this.#connections.set(key, connections);
    }
    return connections;
  }

  /**
   * For one request, whose connection begins with these bytes: they say who its client is, so that nobody else may have it.
   * The caller lets go of it with `release`.
   */
  forOne(backend: Backend, firstBytes: Uint8Array, { connectMs }: PoolTimeouts): Client {
    // Without pipelining undici asks the backend to close the connection, too.
    const client = new Client(backend.url, {
      pipelining: 0,
      connect: steppedConnector(backend, firstBytes, connectMs),
    });
    this.#single.add(client);
    return client;
  }

  release(single: Client): void {
    this.#single.delete(single);
    single.destroy().catch(() => undefined);
  }

  /** Lets go of backends that no pool has any more, or not with that certificate. */
  retain(backends: Iterable<Backend>): void {
    const peers = new Set(Array.from(backends, peerOf));
    for (const [key, connections] of this.#connections) {
      if (peers.has(key.slice(0, key.lastIndexOf(' ')))) continue;
      this.#connections.delete(key);
      // Finishes what runs; a failure to close leaves nothing that we could do better.
      connections.close().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    const all = [...this.#connections.values(), ...this.#single];
    this.#connections.clear();
    this.#single.clear();
    await Promise.allSettled(all.map((connections) => connections.destroy()));
  }
}

/** Whom a connection leads to, as whom, and through whom. */
function peerOf({ url, certificateName, tls, proxy }: Backend): string {
  return `${url} ${certificateName} ${tls?.digest} ${JSON.stringify(proxy)}`;
}

/** Of connections that take more steps than undici knows of. */
function steppedConnector(
  { endpoint, certificateName, tls, proxy }: Backend,
  firstBytes: Uint8Array | undefined,
  timeoutMs: number,
): buildConnector.connector {
  return (_options, callback) => {
    void handOver(
      openConnectionWithin({ endpoint, certificateName, tls, proxy, firstBytes }, timeoutMs),
      (error, socket) => {
        if (error === null) callback(null, socket);
        else callback(error, null);
      },
    );
  };
}

/** undici takes the Host header of a request for the name to verify, which is the client's word, and not the backend's name. */
function connectorFor(backend: Backend, timeoutMs: number): buildConnector.connector {
  if (backend.proxy !== undefined) return steppedConnector(backend, undefined, timeoutMs);
  const { ALPNProtocols: _undiciAsksForTheSame, ...tls } = tlsOptionsOf(backend);
  const connect = buildConnector({ timeout: timeoutMs, ...tls });
  return ({ servername: _hostOfClient, ...rest }, callback) => {
    connect(tls.servername === undefined ? rest : { ...rest, servername: tls.servername }, callback);
  };
}
