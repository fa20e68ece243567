/**
 * What an application uses: a backend that workers dial, and the sessions that begin at it. Here are the application's
 * listeners, servers and signals; what happens on trunks is in backend-core.ts.
 */
import { createServer, type Server } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { CloseCode, type HistoryPage, type MemberList, type Open, type TopicPosition } from '@holdfast/protocol';
import type { Authorize } from './authorize.js';
import { BackendCore } from './backend-core.js';
import type { DrainReport } from './drain.js';
import { Emitter, type Listener } from './emitter.js';
import { BackendError } from './errors.js';
import { type BackendOptions, expectWhole, MAX_TIMER_MS, type ResolvedOptions, resolveOptions } from './options.js';
import { BackendSession } from './session.js';
import type { SessionCore } from './session-core.js';
import type { SessionEnd, SessionOrigin } from './session-events.js';
import { onTermination } from './signals.js';
import type { HistoryOptions } from './topic-arguments.js';
import type { PublishOptions } from './topics.js';
import { TrunkServer } from './trunk-server.js';
import type { TrunkTransport } from './transport.js';

export interface BackendEvents {
  /** A session begins here, or goes on here: listen to its messages now. */
  session: readonly [BackendSession, SessionOrigin];
  /** Without a listener, errors of the application's own code are thrown as uncaught ones; those of workers are logged. */
  error: readonly [BackendError];
  /** A worker has come, or is gone. */
  trunk: readonly [TrunkChange];
}

export interface TrunkChange {
  /** Names one life of a worker. */
  readonly worker: string;
  readonly state: 'ready' | 'closed';
  /** When it is closed: why. */
  readonly end?: SessionEnd | undefined;
}

/** For requests under way. */
const SERVER_CLOSE_TIMEOUT_MS = 5000;

export function createBackend(options: BackendOptions): Backend {
  return new Backend(resolveOptions(options));
}

export class Backend {
  readonly #options: ResolvedOptions;
  readonly #core: BackendCore;
  readonly #trunkServer: TrunkServer;
  readonly #events = new Emitter<BackendEvents>((error) => this.#onListenerFailed(error));
  readonly #servers = new Set<Server | SecureServer>();
  /** Those of `listen`. */
  readonly #ownServers: Server[] = [];
  #ignoreSignals: () => void = () => undefined;
  #draining: Promise<DrainReport> | undefined;
  #isClosed = false;
  #isReporting = false;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#core = new BackendCore(options, {
      onSession: (core, open) => this.#onSession(core, open),
      onError: (error, isOwn) => this.#onError(error, isOwn),
      onTrunk: (worker, state, end) => this.#events.emit('trunk', { worker, state, end }),
    });
    this.#trunkServer = new TrunkServer(options.path, (transport) => this.acceptTrunk(transport));
  }

  /** Those that are here, whether their client is or not. */
  get sessions(): IterableIterator<BackendSession> {
    return this.#openSessions();
  }

  /** Lets workers in through a server of the application. Its other requests and upgrades stay the application's. */
  attach(server: Server | SecureServer): this {
    if (this.#isClosed) throw new BackendError('BACKEND_CLOSED', 'attach: expected a backend, got one that is closed');
    this.#trunkServer.attach(server);
    this.#servers.add(server);
    if (this.#options.signals && this.#servers.size === 1) {
      this.#ignoreSignals = onTermination(() => this.#onTermination());
    }
    return this;
  }

  /** Lets workers in through a server of its own; settles with its address, or with the error of the port. */
  async listen(port: number, host?: string): Promise<AddressInfo> {
    const server = createServer((_request, response) => response.writeHead(404).end());
    this.attach(server);
    this.#ownServers.push(server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return server.address() as AddressInfo;
  }

  /**
   * To everybody who hears the topic, in the order of calling. Settles when it is published. A worker that is lost meanwhile
   * costs nothing: the message goes over another one, and is published once.
   */
  publish(
    topic: string,
    data: string | ArrayBuffer | ArrayBufferView,
    options: PublishOptions = {},
  ): Promise<TopicPosition> {
    return this.#core.topics.publish(topic, data, options);
  }

  /** Messages of a topic that are kept, oldest first unless asked otherwise. */
  history(topic: string, options: HistoryOptions = {}): Promise<HistoryPage> {
    return this.#core.topics.history(topic, options);
  }

  /** The sessions that hear a topic, where the operator has switched presence on. */
  presence(topic: string): Promise<MemberList> {
    return this.#core.topics.presence(topic);
  }

  /** Judges what clients ask for themselves; without it nothing is allowed. Called again, the last one judges. */
  authorize(judge: Authorize): this {
    this.#core.authorize = judge;
    return this;
  }

  /** Lets a worker in over any other transport. */
  acceptTrunk(transport: TrunkTransport): void {
    if (this.#isClosed) transport.close(CloseCode.GoingAway, 'this backend is closed');
    else this.#core.acceptTrunk(transport);
  }

  /** Hands every session to another backend, then closes the trunks. Calling it again gives the same promise. */
  drain({ timeoutMs = this.#options.drainTimeoutMs }: { readonly timeoutMs?: number } = {}): Promise<DrainReport> {
    expectWhole('timeoutMs', timeoutMs, { min: 0, max: MAX_TIMER_MS });
    this.#draining ??= this.#core.drain(timeoutMs).finally(() => (this.#isClosed = true));
    return this.#draining;
  }

  /** At once, without handing over: workers go the way of a lost backend. The servers of `listen` are closed. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#ignoreSignals();
    this.#core.close();
    for (const server of this.#servers) this.#trunkServer.detach(server);
    await Promise.all(this.#ownServers.map(closeServer));
  }

  on<K extends keyof BackendEvents>(event: K, listener: Listener<BackendEvents[K]>): this {
    this.#events.add(event, listener as Listener<never>);
    return this;
  }

  once<K extends keyof BackendEvents>(event: K, listener: Listener<BackendEvents[K]>): this {
    this.#events.add(event, listener as Listener<never>, true);
    return this;
  }

  off<K extends keyof BackendEvents>(event: K, listener: Listener<BackendEvents[K]>): this {
    this.#events.remove(event, listener as Listener<never>);
    return this;
  }

  #onSession(core: SessionCore, { cause }: Open): void {
    const session = new BackendSession({ core, commits: this.#core.keeper.commits, limits: this.#core });
    core.view = session;
    if (this.#events.emit('session', session, { cause })) return;
    core.close({ code: CloseCode.InternalError, reason: 'the application failed' });
  }

  *#openSessions(): Generator<BackendSession> {
    for (const { phase, view } of this.#core.keeper.sessions) if (phase === 'open') yield view as BackendSession;
  }

  #onListenerFailed(cause: unknown): void {
    const message = `a listener of the backend: expected it to return, it threw ${String(cause)}`;
    this.#onError(new BackendError('BACKEND_LISTENER_FAILED', message, { cause }), true);
  }

  #onError(error: BackendError, isOwn: boolean): void {
    if (this.#events.has('error') && !this.#isReporting) {
      this.#isReporting = true;
      this.#events.emit('error', error);
      this.#isReporting = false;
    } else if (isOwn) throwUncaught(error);
  }

  async #onTermination(): Promise<void> {
    await this.drain();
    await this.close();
    await Promise.all([...this.#servers].map(closeServer));
  }
}

/** Where Node throws what nobody listens for. */
function throwUncaught(error: Error): void {
  queueMicrotask(() => {
    throw error;
  });
}

/** Settles when the last connection is gone, or after a while: it may be one that never ends. */
async function closeServer(server: Server | SecureServer): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, SERVER_CLOSE_TIMEOUT_MS);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}
