/**
 * How a backend is reached: the one place that relayed WebSockets, relayed HTTP, trunks and health checks open their
 * connections by. Directly, or through a SOCKS5 proxy; with a first word of ours (a PROXY header), which goes ahead of TLS;
 * and over TLS where the backend's URL says so. The proxy resolves names (`socks5h` in the words of others), since a name
 * may mean something only where it stands.
 *
 * `socks-proxy-agent` is asked for the bare connection and not used as an agent: it would put its own TLS and its own idle
 * timeout on top, and neither trunks nor undici have agents.
 */
import type { ClientRequest } from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { SocksProxyAgent } from 'socks-proxy-agent';
import type { SocksProxy } from '../config.js';
import type { Endpoint } from './endpoint.js';
import { tlsOptionsOf, type TlsTarget } from './upstream-tls.js';

export interface ConnectOptions extends TlsTarget {
  readonly endpoint: Endpoint;
  /** undefined: directly. */
  readonly proxy: SocksProxy | undefined;
  /** Ahead of everything else, TLS included. */
  readonly firstBytes: Uint8Array | undefined;
}

/**
 * Connected all the way: what comes out takes HTTP. Rejects with a sentence for people, and leaves nothing open then.
 * @param signal whoever does not want it any more, with the reason that is read; clocks are the caller's.
 */
export async function openConnection(options: ConnectOptions, signal: AbortSignal): Promise<net.Socket> {
  const { endpoint, proxy, firstBytes } = options;
  const socket =
    proxy === undefined ? await connectTo(endpoint, signal) : await openThroughProxy(proxy, endpoint, signal);
  socket.setNoDelay(true);
  if (firstBytes !== undefined) socket.write(firstBytes);
  if (!endpoint.isTls) return socket;
  const secure = tls.connect({ ...tlsOptionsOf(options), socket });
  // Such as a first write that fails: nobody else listens to the connection under TLS.
  socket.on('error', (error) => secure.destroy(error));
  await ready(secure, 'secureConnect', signal);
  return secure;
}

/** The same, with a clock. */
export async function openConnectionWithin(options: ConnectOptions, ms: number): Promise<net.Socket> {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Error(`expected a connection within ${ms} ms, got none`)), ms);
  try {
    return await openConnection(options, controller.signal);
  } finally {
    clearTimeout(timer);
  }
}

/** What node:http, `ws` and undici are given a connection by. */
export type OnConnection = (error: Error | null, socket: net.Socket) => void;

/** Beside an error, where a type wants one. */
const NO_SOCKET = undefined as unknown as net.Socket;

/** To those who do not wait for promises. Never rejects. */
export async function handOver(opening: Promise<net.Socket>, done: OnConnection): Promise<void> {
  const outcome = await opening.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
  if (outcome instanceof Error) done(outcome, NO_SOCKET);
  else done(null, outcome);
}

async function connectTo({ host, port }: Endpoint, signal: AbortSignal): Promise<net.Socket> {
  const socket = net.connect({ host, port });
  await ready(socket, 'connect', signal);
  return socket;
}

async function openThroughProxy(proxy: SocksProxy, { host, port }: Endpoint, signal: AbortSignal): Promise<net.Socket> {
  const agent = new SocksProxyAgent(urlOf(proxy));
  // `connect` looks at the request only to end it when clocks that we do not set run out.
  const opening = agent.connect(undefined as unknown as ClientRequest, { host, port, secureEndpoint: false });
  try {
    return await unlessAborted(opening, signal);
  } catch (error) {
    const expected = `expected SOCKS5 proxy ${proxy.host}:${proxy.port} to connect to ${host}:${port}`;
    // oxlint-disable-next-line preserve-caught-error -- the library's errors carry the credentials
    throw new Error(`${expected}, got: ${messageOf(error)}`);
  }
}

/** The library's handshake cannot be called off: what it comes up with too late is closed. Its own clock runs for 30 s. */
function unlessAborted(opening: Promise<net.Socket>, signal: AbortSignal): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(reasonOf(signal));
      opening.then((socket) => socket.destroy()).catch(() => undefined);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    opening
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort))
      .catch(() => undefined);
  });
}

/** Waits for one event of a socket; anything else that comes first destroys it. */
function ready(socket: net.Socket, event: 'connect' | 'secureConnect', signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      signal.removeEventListener('abort', onAbort);
      socket.removeListener('error', settle).removeListener('close', onClose).removeListener(event, settle);
      if (error === undefined) return resolve();
      // A second error may follow the first.
      socket.on('error', () => undefined).destroy();
      reject(error);
    };
    const onAbort = (): void => settle(reasonOf(signal));
    const onClose = (): void => settle(new Error('expected a connection, got it closed before it was open'));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket
      .on('error', settle)
      .on('close', onClose)
      .on(event, () => settle());
  });
}

function urlOf({ host, port, username, password }: SocksProxy): string {
  const user = username === undefined ? '' : `${encodeURIComponent(username)}:${encodeURIComponent(password ?? '')}@`;
  return `socks5h://${user}${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason));
}

/** A host with several addresses fails with an AggregateError that has no message of its own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return messageOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.message || ('code' in error ? String(error.code) : error.name);
}
