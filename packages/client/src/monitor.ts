/**
 * Keeps a session connected: decides when to try, what an end means, and which connection counts. At most one connection and
 * one try exist; both at once only after a goaway, so that the new one stands before the old one goes. What comes next is
 * decided in link-state.ts and, for delays, by the protocol's schedule; here are the timers and sockets.
 */
import {
  afterClose,
  type AfterClose,
  PONG,
  promptDelayMs,
  readPing,
  ReconnectSchedule,
  type Welcome,
} from '@holdfast/protocol';
import * as CloseCode from '@holdfast/protocol/close-codes';
import type { Addresses } from './addresses.js';
import { Connection, type ConnectionEnd, type ConnectionHost, type ServerFrame, type Target } from './connection.js';
import type { Emitter } from './emitter.js';
import { mismatch } from './errors.js';
import { Heartbeat } from './heartbeat.js';
import { isOffline, type LifecycleEvents } from './lifecycle.js';
import * as Happened from './link-events.js';
import * as Link from './link-states.js';
import { type LinkEnd, type LinkEvent, type LinkState, nextLinkState } from './link-state.js';
import { MAX_TIMER_MS, type ResolvedOptions } from './options.js';
import type { SessionEvents, SessionState } from './session-events.js';

/** The session, as its monitor sees it. */
export interface MonitorHost {
  readonly emitter: Emitter<SessionEvents>;
  hello(auth: string | undefined): string;
  /** Brings the numbers up to date; a ProtocolError makes the try a failed one. */
  onWelcome(welcome: Welcome): void;
  /** The current connection takes what waits: it was just welcomed, or its successor came to nothing. */
  onOpen(): void;
  onFrame(frame: ServerFrame): void;
  /** The server does not take our resume token. */
  onRefused(): void;
  onClosed(end: ConnectionEnd): void;
}

/** What `navigator.onLine` adds to a delay. Not for ever: it may be wrong. */
const OFFLINE_MS = 15_000;
/** What the application sees of each state. */
const PUBLIC_STATES: Readonly<Record<LinkState, SessionState>> = {
  [Link.Connecting]: 'connecting',
  [Link.Waiting]: 'suspended',
  [Link.Pinned]: 'suspended',
  [Link.Open]: 'open',
  [Link.Leaving]: 'open',
  [Link.Moving]: 'open',
  [Link.Moved]: 'open',
  [Link.Closed]: 'closed',
};

/** How a connection or a try ended, and when the next try is due. */
type Loss = LinkEnd & { readonly delayMs: number };

export class Monitor implements ConnectionHost, LifecycleEvents {
  readonly #host: MonitorHost;
  readonly #addresses: Addresses;
  readonly #options: ResolvedOptions;
  readonly #schedule = new ReconnectSchedule();
  #state: LinkState = Link.Connecting;
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
    this.#trial = new Connection(this, options);
  }

  get state(): SessionState {
    return PUBLIC_STATES[this.#state];
  }

  /** The window that the server named last. */
  get pacingMs(): number {
    return this.#schedule.windowMs;
  }

  /** A connection that can be sent on. */
  get current(): Connection | undefined {
    return this.#current;
  }

  /** For what need not arrive: there may be no connection. */
  send(frame: string): void {
    this.#current?.send(frame);
  }

  onWake(): void {
    this.#heartbeat?.probe();
    if (!isOffline()) this.#prompt();
  }

  onHide(): void {
    for (const connection of [this.#trial, this.#current]) connection?.end(CloseCode.GoingAway, 'hidden');
  }

  reconnect(): void {
    this.#current?.end(CloseCode.GoingAway, 'reconnect');
    this.#prompt();
  }

  /** For good. */
  stop(end: ConnectionEnd): void {
    this.#follow(Happened.Stopped, end);
  }

  // As host of connections.

  async prepare(): Promise<Target> {
    const [url, auth] = await Promise.all([this.#addresses.current(), this.#options.token?.()]);
    if (auth !== undefined && typeof auth !== 'string') throw new TypeError(mismatch('token', 'a string', typeof auth));
    return { url, auth };
  }

  hello(auth: string | undefined): string {
    this.#current?.hold();
    return this.#host.hello(auth);
  }

  onWelcome(connection: Connection, welcome: Welcome): void {
    this.#host.onWelcome(welcome);
    this.#heartbeat?.stop();
    this.#current?.close(CloseCode.Normal, 'moved');
    this.#current = connection;
    this.#trial = undefined;
    this.#hasAskedAgain = false;
    this.#schedule.windowMs = welcome.pacingMs;
    this.#schedule.opened(Date.now());
    this.#heartbeat = new Heartbeat(connection, 2 * welcome.heartbeatMs, this.#options.probeTimeoutMs);
    this.#follow(Happened.Welcomed, undefined);
    this.#host.onOpen();
  }

  onFrame(connection: Connection, frame: ServerFrame): void {
    this.#heartbeat?.heard();
    if (frame.kind === 'control') {
      const { type, body } = frame;
      if (type === 'p') {
        this.#schedule.windowMs = readPing(body) ?? this.#schedule.windowMs;
        return connection.send(PONG);
      }
      if (type === 'q') return;
      if (type === 'g') return this.#leave(connection);
      // What ends the session does not wait for a successor; nor do answers about topics, which come only once.
      if (type === 'c' || type === 'z') return this.#host.onFrame(frame);
    }
    if (!connection.keep(frame)) this.#host.onFrame(frame);
  }

  onEnd(connection: Connection, end: ConnectionEnd): void {
    if (end.error) this.#host.emitter.emit({ type: 'error', error: end.error });
    // In this order: the listener of that error may have closed the session, which then has neither.
    if (connection === this.#current) this.#onLost(connection, end);
    else if (connection === this.#trial) this.#onFailed(connection, end);
  }

  #onLost({ goAway }: Connection, end: ConnectionEnd): void {
    this.#current = undefined;
    this.#heartbeat?.stop();
    this.#heartbeat = undefined;
    // Its machine may be gone, and all others are as good; a connection that was told to leave has turned its back already.
    if (goAway === undefined) this.#addresses.next();
    const delayMs = this.#schedule.lost(Date.now(), this.#options.random());
    const after = this.#afterEnd(end.code);
    const isFixed = goAway !== undefined && isOverload(end.code);
    const isSucceeded = end.code === CloseCode.Replaced && this.#trial?.hasGreeted === true;
    this.#follow(Happened.Lost, end, { after, isFixed, isSucceeded, delayMs: isFixed ? goAway.delayMs : delayMs });
  }

  #onFailed({ goAway, hasGreeted }: Connection, end: ConnectionEnd): void {
    this.#trial = undefined;
    this.#addresses.next();
    if (hasGreeted) this.#strays += 1;
    const delayMs = this.#schedule.failed(this.#options.random());
    const after = this.#afterEnd(end.code);
    if (after === 'renew' && !this.#current) this.#host.onRefused();
    // A server that says 0 is not to be hammered for it.
    const waitMs = goAway?.delayMs || delayMs;
    this.#follow(Happened.Failed, end, { after, isFixed: goAway !== undefined, isSucceeded: false, delayMs: waitMs });
    if (hasGreeted && this.#current) this.#settleHeld(this.#current, end.code);
  }

  /** Whoever was told how far we are may act on it at any later time, unless it said at once that it does not. */
  #settleHeld(current: Connection, code: number): void {
    if (!isRefusal(code)) return current.end(CloseCode.GoingAway, 'moved');
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
    if (!goAway || !this.#moves(Happened.ToldToGo)) return;
    this.#addresses.next();
    this.#wait(goAway.delayMs);
  }

  #prompt(): void {
    if (!this.#moves(Happened.Prompted)) return;
    const delayMs = promptDelayMs(this.#schedule.windowMs, this.#options.random());
    if (Date.now() + delayMs >= this.#dueAt) return;
    this.#wait(delayMs);
    this.#announce();
  }

  /** Goes where the event leads, and does what that state asks for. */
  #follow(event: LinkEvent, end: ConnectionEnd | undefined, loss?: Loss): void {
    const before = this.state;
    if (!this.#moves(event, loss)) return;
    this.#cause = end;
    clearTimeout(this.#timer);
    if (end && this.state === 'closed') return this.#tearDown(end);
    if (loss && (this.state === 'suspended' || this.#state === Link.Leaving)) {
      this.#wait(loss.delayMs + (isOffline() ? OFFLINE_MS : 0));
    } else if (this.#state !== Link.Open) this.#trial ??= new Connection(this, this.#options);
    if (this.state === 'suspended' || this.state !== before) this.#announce();
  }

  /** Does the event mean anything now? */
  #moves(event: LinkEvent, end?: LinkEnd): boolean {
    const next = nextLinkState(this.#state, event, end);
    this.#state = next ?? this.#state;
    return next !== undefined;
  }

  #wait(delayMs: number): void {
    const waitMs = Math.min(Math.ceil(delayMs), MAX_TIMER_MS);
    clearTimeout(this.#timer);
    this.#dueAt = Date.now() + waitMs;
    this.#timer = setTimeout(() => this.#follow(Happened.Due, this.#cause), waitMs);
  }

  #announce(): void {
    this.#host.emitter.emit({
      type: 'statechange',
      state: this.state,
      retryInMs: this.state === 'suspended' ? Math.max(0, this.#dueAt - Date.now()) : undefined,
      attempt: Math.max(1, this.#schedule.attempt),
      cause: this.#cause,
    });
  }

  #tearDown(end: ConnectionEnd): void {
    this.#heartbeat?.stop();
    for (const connection of [this.#current, this.#trial]) connection?.close(end.code, end.reason);
    this.#heartbeat = this.#current = this.#trial = undefined;
    this.#announce();
    this.#host.onClosed(end);
  }
}

/** Nothing was done for a hello that is answered so. */
function isRefusal(code: number): boolean {
  return code === CloseCode.Overloaded || code === CloseCode.ResumeRefused || code >= 4500;
}

function isOverload(code: number): boolean {
  return code === CloseCode.Overloaded || code === CloseCode.TryAgainLater;
}
