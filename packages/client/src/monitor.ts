/**
 * Keeps a session connected: decides when to try, what an end means, and which connection counts. At most one connection and
 * one try exist; both at once only after a goaway, so that the new one stands before the old one goes. What comes next is
 * decided in link-state.ts and, for delays, by the protocol's schedule; here are the timers and sockets.
 */
import {
  afterClose,
  type AfterClose,
  type ClientFrame,
  CloseCode,
  encodePing,
  PONG,
  promptDelayMs,
  readPing,
  ReconnectSchedule,
  type Welcome,
} from '@holdfast/protocol';
import type { Addresses } from './addresses.js';
import { Connection, type ConnectionEnd, type ConnectionHost, type Target } from './connection.js';
import type { ClientError } from './errors.js';
import { Heartbeat } from './heartbeat.js';
import { isOffline } from './lifecycle.js';
import { type LinkEvent, type LinkState, nextLinkState } from './link-state.js';
import { MAX_TIMER_MS, type ResolvedOptions } from './options.js';

/** connecting: a try is under way; suspended: waiting for the next one. */
export type SessionState = 'connecting' | 'open' | 'suspended' | 'closed';

export interface StateChange {
  readonly state: SessionState;
  /** Until the next try, while suspended. */
  readonly retryInMs: number | undefined;
  /** Number of the try that is under way or next, since the last connection that held for 5 s. */
  readonly attempt: number;
  /** How the last connection, or try at one, ended. */
  readonly cause: { readonly code: number; readonly reason: string } | undefined;
}

/** The session, as its monitor sees it. */
export interface MonitorHost {
  hello(auth: string | undefined): string;
  /** Brings the numbers up to date; a ProtocolError makes the try a failed one. */
  onWelcome(welcome: Welcome): void;
  /** The current connection takes what waits: it was just welcomed, or its successor came to nothing. */
  onOpen(): void;
  onFrame(frame: ClientFrame): void;
  onState(change: StateChange): void;
  /** The server does not take our resume token. */
  onRefused(): void;
  onError(error: ClientError): void;
  onClosed(end: ConnectionEnd): void;
}

/** What `navigator.onLine` adds to a delay. Not for ever: it may be wrong. */
const OFFLINE_MS = 15_000;
const PUBLIC_STATE: Readonly<Record<LinkState['name'], SessionState>> = {
  connecting: 'connecting',
  waiting: 'suspended',
  open: 'open',
  leaving: 'open',
  moving: 'open',
  closed: 'closed',
};

export class Monitor implements ConnectionHost {
  readonly #host: MonitorHost;
  readonly #addresses: Addresses;
  readonly #options: ResolvedOptions;
  readonly #schedule = new ReconnectSchedule();
  #state: LinkState = { name: 'connecting' };
  #current: Connection | undefined;
  #trial: Connection | undefined;
  #heartbeat: Heartbeat | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #dueAt = 0;
  #cause: ConnectionEnd | undefined;
  #hasAskedAgain = false;
  /** Tries that said hello and were never welcomed: a slow worker may still give one of them the session. */
  #strays = 0;

  constructor(host: MonitorHost, addresses: Addresses, options: ResolvedOptions) {
    this.#host = host;
    this.#addresses = addresses;
    this.#options = options;
  }

  get state(): SessionState {
    return PUBLIC_STATE[this.#state.name];
  }

  /** A connection that can be sent on. */
  get current(): Connection | undefined {
    return this.#current;
  }

  start(): void {
    this.#trial = new Connection(this, this.#options);
  }

  /** Something happened that connections may not have survived, or that tries may succeed after. */
  wake(): void {
    this.#heartbeat?.probe();
    if (!isOffline()) this.#prompt();
  }

  hide(): void {
    const end = { code: CloseCode.GoingAway, reason: 'the page is hidden' };
    this.#trial?.fail(end);
    this.#current?.fail(end);
  }

  reconnect(): void {
    this.#current?.fail({ code: CloseCode.GoingAway, reason: 'the application asked for a new connection' });
    this.#prompt();
  }

  /** For good. */
  stop(end: ConnectionEnd): void {
    this.#follow({ type: 'stopped' }, end);
  }

  // As host of connections.

  async prepare(): Promise<Target> {
    const [url, auth] = await Promise.all([this.#addresses.current(), this.#options.token?.()]);
    if (auth !== undefined && typeof auth !== 'string') throw new TypeError('token: expected a string, got none');
    return { url, auth };
  }

  hello(auth: string | undefined): string {
    this.#current?.hold();
    return this.#host.hello(auth);
  }

  onWelcome(connection: Connection, welcome: Welcome): void {
    this.#host.onWelcome(welcome);
    this.#heartbeat?.stop();
    this.#current?.close(CloseCode.Normal, 'moved to a newer connection');
    this.#current = connection;
    this.#trial = undefined;
    this.#hasAskedAgain = false;
    this.#schedule.windowMs = welcome.pacingMs;
    this.#schedule.opened(Date.now());
    this.#heartbeat = new Heartbeat({
      quietMs: 2 * welcome.heartbeatMs,
      probeTimeoutMs: this.#options.probeTimeoutMs,
      ping: () => connection.send(encodePing()),
      onStale: (reason) => connection.fail({ code: CloseCode.Stale, reason }),
    });
    this.#follow({ type: 'welcomed' }, undefined);
    this.#host.onOpen();
  }

  onFrame(connection: Connection, frame: ClientFrame): void {
    this.#heartbeat?.heard();
    if (frame.kind !== 'control') return this.#onSessionFrame(connection, frame);
    switch (frame.type) {
      case 'p':
        this.#schedule.windowMs = readPing(frame.body) ?? this.#schedule.windowMs;
        return connection.send(PONG);
      case 'q':
        return undefined;
      case 'g':
        return this.#leave(connection);
      case 'c':
        return this.#host.onFrame(frame);
      default:
        return this.#onSessionFrame(connection, frame);
    }
  }

  #onSessionFrame(connection: Connection, frame: ClientFrame): void {
    if (!connection.keep(frame)) this.#host.onFrame(frame);
  }

  onEnd(connection: Connection, end: ConnectionEnd): void {
    if (end.error) this.#host.onError(end.error);
    // In this order: the listener of that error may have closed the session, which then has neither.
    if (connection === this.#current) this.#onLost(connection, end);
    else if (connection === this.#trial) this.#onFailed(connection, end);
  }

  #onLost({ goAway }: Connection, end: ConnectionEnd): void {
    this.#current = undefined;
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    const delayMs = this.#schedule.lost(Date.now(), this.#options.random());
    const after = this.#afterEnd(end.code);
    const isFixed = goAway !== undefined && isOverload(end.code);
    const isSucceeded = end.code === CloseCode.Replaced && this.#trial?.hasGreeted === true;
    this.#follow({ type: 'lost', after, isFixed, isSucceeded }, end, isFixed ? goAway.delayMs : delayMs);
  }

  #onFailed({ goAway, hasGreeted }: Connection, end: ConnectionEnd): void {
    this.#trial = undefined;
    this.#addresses.next();
    if (hasGreeted) this.#strays += 1;
    const delayMs = this.#schedule.failed(this.#options.random());
    const after = this.#afterEnd(end.code);
    if (after === 'renew' && !this.#current) this.#host.onRefused();
    const isFixed = goAway !== undefined;
    // A server that says 0 is not to be hammered for it.
    this.#follow({ type: 'failed', after, isFixed }, end, isFixed ? goAway.delayMs || delayMs : delayMs);
    if (hasGreeted && this.#current) this.#settleHeld(this.#current, end.code);
  }

  /** Whoever was told how far we are may act on it at any later time, unless it said at once that it does not. */
  #settleHeld(current: Connection, code: number): void {
    if (!isRefusal(code))
      return current.fail({ code: CloseCode.GoingAway, reason: 'a successor may have the session' });
    current.release();
    if (this.#current === current) this.#host.onOpen();
  }

  #afterEnd(code: number): AfterClose {
    if (code === CloseCode.BadCredentials && this.#options.token && !this.#hasAskedAgain) {
      this.#hasAskedAgain = true;
      return 'resume';
    }
    // Replaced, but by an earlier try of our own.
    if (code === CloseCode.Replaced && this.#strays > 0) {
      this.#strays -= 1;
      return 'resume';
    }
    return afterClose(code);
  }

  #leave({ goAway }: Connection): void {
    const next = nextLinkState(this.#state, { type: 'goaway' });
    if (next === this.#state || !goAway) return;
    this.#state = next;
    this.#addresses.next();
    this.#wait(goAway.delayMs);
  }

  #prompt(): void {
    const next = nextLinkState(this.#state, { type: 'prompted' });
    if (next === this.#state) return;
    this.#state = next;
    const delayMs = promptDelayMs(this.#schedule.windowMs, this.#options.random());
    if (Date.now() + delayMs >= this.#dueAt) return;
    this.#wait(delayMs);
    this.#announce();
  }

  /** Goes where the event leads, and does what that state asks for. */
  #follow(event: LinkEvent, end: ConnectionEnd | undefined, delayMs = 0): void {
    const before = this.#state;
    this.#state = nextLinkState(before, event);
    if (this.#state === before) return;
    this.#cause = end;
    clearTimeout(this.#timer);
    const { name } = this.#state;
    if (name === 'closed') return this.#tearDown(end);
    if (name === 'waiting' || name === 'leaving') this.#wait(isOffline() ? delayMs + OFFLINE_MS : delayMs);
    else if (name !== 'open') this.#trial ??= new Connection(this, this.#options);
    if (name === 'waiting' || this.state !== PUBLIC_STATE[before.name]) this.#announce();
  }

  #wait(delayMs: number): void {
    const waitMs = Math.min(Math.ceil(delayMs), MAX_TIMER_MS);
    clearTimeout(this.#timer);
    this.#dueAt = Date.now() + waitMs;
    this.#timer = setTimeout(() => this.#follow({ type: 'due' }, this.#cause), waitMs);
  }

  #announce(): void {
    this.#host.onState({
      state: this.state,
      retryInMs: this.#state.name === 'waiting' ? Math.max(0, this.#dueAt - Date.now()) : undefined,
      attempt: Math.max(1, this.#schedule.attempt),
      cause: this.#cause,
    });
  }

  #tearDown(end: ConnectionEnd = { code: CloseCode.Normal, reason: '' }): void {
    this.#heartbeat?.stop();
    for (const connection of [this.#current, this.#trial]) connection?.close(end.code, end.reason);
    this.#heartbeat = this.#current = this.#trial = undefined;
    this.#announce();
    this.#host.onClosed(end);
  }
}

/** Nothing was done for a hello that is answered so. */
function isRefusal(code: number): boolean {
  return (
    code === CloseCode.Overloaded || code === CloseCode.ResumeRefused || (afterClose(code) === 'stop' && code >= 4500)
  );
}

function isOverload(code: number): boolean {
  return code === CloseCode.Overloaded || code === CloseCode.TryAgainLater;
}
