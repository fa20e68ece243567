/**
 * Keep-alive connections to backends for HTTP, one undici pool per backend and set of timeouts. A pool whose backend
 * has left is closed when its last request is done.
 */
import { isIP } from 'node:net';
import { buildConnector, Pool as Connections } from 'undici';
import type { PoolTimeouts } from '../config.js';
import type { Backend } from '../pool/backend.js';

export class HttpUpstreams {
  readonly #connections = new Map<string, Connections>();

  for(backend: Backend, timeouts: PoolTimeouts): Connections {
    const key = `${backend.url} ${backend.certificateName} ${timeouts.connectMs}`;
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

  /** Lets go of backends that no pool has any more. */
  retain(urls: ReadonlySet<string>): void {
    for (const [key, connections] of this.#connections) {
      if (urls.has(key.slice(0, key.indexOf(' ')))) continue;
      this.#connections.delete(key);
      // Finishes what runs; a failure to close leaves nothing that we could do better.
      connections.close().catch(() => undefined);
    }
  }

  async close(): Promise<void> {
    const all = [...this.#connections.values()];
    this.#connections.clear();
    await Promise.allSettled(all.map((connections) => connections.destroy()));
  }
}

/** undici takes the Host header of a request for the name to verify, which is the client's word, and not the backend's name. */
function connectorFor(backend: Backend, timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs });
  const name = backend.certificateName;
  return (options, callback) => {
    const { servername: _hostOfClient, ...rest } = options;
    // An address is no name for SNI (RFC 6066 §3); TLS verifies it by the address it connects to.
    connect(isIP(name) === 0 ? { ...rest, servername: name } : rest, callback);
  };
}
