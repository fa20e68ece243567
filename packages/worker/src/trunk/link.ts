/**
 * This worker's standing wish for a trunk to one backend: dials it, dials again when it is lost, and knows whether the life
 * of the backend that comes back is the one that was lost. Its sessions need that: the same life still has them, another
 * one, or none within RETURN_WITHIN_MS, does not.
 */
import { CloseCode, type Drain, type Load } from '@holdfast/protocol';
import type { Backend } from '../pool/backend.js';
import type { Pool } from '../pool/pool.js';
import { Backoff } from './backoff.js';
import type { TrunkCloseReason } from './state.js';
import type { DialTrunk, TrunkTarget } from './transport.js';
import { Trunk, type TrunkListener, type TrunkOptions, type TrunkTraffic } from './trunk.js';
import type { TrunkRequest } from './trunk-request.js';

/** What sessions want to know about links. */
export interface LinkListener {
  /** Sessions may be opened there. Told after `onReturned` or `onGone`. */
  onReady(link: Link): void;
  /** The life that was lost is back, with its sessions. */
  onReturned(link: Link): void;
  /** Its sessions need another backend. */
  onGone(link: Link): void;
  /** Its sessions are to leave, within so long. */
  onDrain(link: Link, withinMs: number): void;
  onRequest(link: Link, trunk: Trunk, request: TrunkRequest): void;
}

export interface LinkLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface LinkOptions {
  readonly pool: Pool;
  readonly backend: Backend;
  readonly dial: DialTrunk;
  /** Of each trunk when it is dialled: a reload may change them. */
  readonly trunkOptions: () => Omit<TrunkOptions, 'transport' | 'listener'>;
  readonly random: () => number;
  readonly listener: LinkListener;
  /** A trunk became ready, or was lost: told after the listener. */
  readonly onChange: () => void;
  readonly log: LinkLog;
}

const RETURN_WITHIN_MS = 1500;
/** While sessions wait for a lost trunk, a dial that takes longer has failed. */
const REDIAL_TIMEOUT_MS = 1000;
/** A backend that left the pool gives its sessions away for this long. */
const LEAVE_WITHIN_MS = 30_000;
/** Of those the sessions of the other end are lost for good: it is of no use to wait for it. */
const FINAL_REASONS: ReadonlySet<TrunkCloseReason> = new Set(['tooSlow', 'brokeProtocol', 'rejected', 'left']);

export class Link implements TrunkListener {
  readonly pool: Pool;
  readonly backend: Backend;
  /** Trunks that were lost after they had stood. */
  losses = 0;
  /** Of the trunks before this one. */
  readonly #pastTraffic: TrunkTraffic = { framesUp: 0, framesDown: 0, bytesUp: 0, bytesDown: 0 };
  readonly #options: LinkOptions;
  readonly #backoff: Backoff;
  #trunk: Trunk | undefined;
  /** The life of the backend that the last proven trunk led to. */
  #incarnation: string | undefined;
  #readyAtMs: number | undefined;
  #redialTimer: NodeJS.Timeout | undefined;
  #returnTimer: NodeJS.Timeout | undefined;
  #hasDrained = false;
  /** Why the last dial failed. */
  #lastReason: TrunkCloseReason | undefined;
  #leaveAtMs = Infinity;

  constructor(options: LinkOptions) {
    this.pool = options.pool;
    this.backend = options.backend;
    this.#options = options;
    this.#backoff = new Backoff(options.random);
    this.#dial();
  }

  /** One that takes new sessions. */
  get readyTrunk(): Trunk | undefined {
    return this.#trunk?.isReady === true && !this.isLeaving ? this.#trunk : undefined;
  }

  /** One that can be asked for a session that the backend has, draining or not. */
  get provenTrunk(): Trunk | undefined {
    return this.#trunk?.backend === undefined ? undefined : this.#trunk;
  }

  // For metrics.

  get isUp(): boolean {
    return this.readyTrunk !== undefined;
  }

  get rttMs(): number | undefined {
    return this.#trunk?.rttMs;
  }

  get traffic(): TrunkTraffic {
    const sum = { ...this.#pastTraffic };
    if (this.#trunk !== undefined) addTo(sum, this.#trunk.traffic);
    return sum;
  }

  /** Connecting ones too. */
  get trunk(): Trunk | undefined {
    return this.#trunk;
  }

  get incarnation(): string | undefined {
    return this.#incarnation;
  }

  /** Lost a moment ago, and its sessions wait for it to come back. */
  get isReturning(): boolean {
    return this.#returnTimer !== undefined;
  }

  /** Dialled, and nobody knows yet how it ends. */
  get isConnecting(): boolean {
    return this.#trunk !== undefined && !this.#trunk.isClosed && this.#trunk.backend === undefined;
  }

  /** No member of its pool any more. */
  get isLeaving(): boolean {
    return this.#leaveAtMs < Infinity;
  }

  /** Left, and the trunk with it. */
  get isOver(): boolean {
    return this.isLeaving && this.#trunk === undefined;
  }

  /** The backend left the pool: its sessions go, then the trunk. */
  leave(): void {
    if (this.isLeaving) return;
    this.#leaveAtMs = performance.now() + LEAVE_WITHIN_MS;
    clearTimeout(this.#redialTimer);
    this.pool.setLinked(this.backend, false);
    if (this.isReturning) this.#settleReturn(false);
    if (this.#trunk?.backend !== undefined) this.#options.listener.onDrain(this, LEAVE_WITHIN_MS);
    this.tick(performance.now());
  }

  tick(nowMs: number): void {
    const trunk = this.#trunk;
    if (trunk === undefined) return;
    if (this.isLeaving && (trunk.streams === 0 || nowMs >= this.#leaveAtMs)) {
      trunk.close('left', CloseCode.GoingAway, 'this worker leaves');
    } else trunk.tick(nowMs);
  }

  /** The worker stops: announces it, or ends it. */
  announceDrain(drain: Drain): void {
    this.#trunk?.announceDrain(drain);
  }

  close(): void {
    this.#leaveAtMs = 0;
    clearTimeout(this.#redialTimer);
    clearTimeout(this.#returnTimer);
    this.#returnTimer = undefined;
    this.#trunk?.close('left', CloseCode.GoingAway, 'this worker stops');
  }

  // From the trunk.

  onReady(trunk: Trunk): void {
    const { incarnation, capacity, authenticates } = trunk.backend ?? {};
    const isSame = incarnation === this.#incarnation;
    this.#incarnation = incarnation;
    this.#readyAtMs = performance.now();
    this.#hasDrained = false;
    this.#options.log.info({ ...this.#names(), incarnation, capacity, authenticates }, 'trunk ready');
    this.pool.setLinked(this.backend, true);
    if (this.isReturning) this.#settleReturn(isSame);
    this.#options.listener.onReady(this);
    this.#options.onChange();
  }

  onDrain(_trunk: Trunk, { reason, deadlineMs }: Drain): void {
    this.#hasDrained = true;
    this.#options.log.info({ ...this.#names(), reason, deadlineMs }, 'backend drains');
    this.pool.setLinked(this.backend, false);
    this.#options.listener.onDrain(this, deadlineMs);
  }

  onLoad(_trunk: Trunk, load: Load): void {
    this.backend.setReported(load);
  }

  onRequest(trunk: Trunk, request: TrunkRequest): void {
    this.#options.listener.onRequest(this, trunk, request);
  }

  onClosed(trunk: Trunk, reason: TrunkCloseReason, detail: string): void {
    if (trunk !== this.#trunk) return;
    this.#trunk = undefined;
    addTo(this.#pastTraffic, trunk.traffic);
    this.backend.setReported(undefined);
    this.pool.setLinked(this.backend, false);
    const stoodMs = this.#readyAtMs === undefined ? undefined : performance.now() - this.#readyAtMs;
    this.#readyAtMs = undefined;
    this.#logEnd(reason, detail, stoodMs);
    if (stoodMs !== undefined) this.#onLost(reason);
    else if (this.isReturning) this.#settleReturn(false);
    if (!this.isLeaving) this.#redialAfter(this.#backoff.next(stoodMs ?? 0));
    this.#options.onChange();
  }

  #onLost(reason: TrunkCloseReason): void {
    this.losses += 1;
    // A backend that drains has given its sessions away, or parked them; so has nobody else.
    if (FINAL_REASONS.has(reason) || this.#hasDrained) return;
    this.#returnTimer = setTimeout(() => this.#settleReturn(false), RETURN_WITHIN_MS);
  }

  #settleReturn(isSame: boolean): void {
    clearTimeout(this.#returnTimer);
    this.#returnTimer = undefined;
    if (isSame) this.#options.listener.onReturned(this);
    else this.#options.listener.onGone(this);
  }

  #redialAfter(delayMs: number): void {
    if (delayMs === 0) this.#dial();
    else this.#redialTimer = setTimeout(() => this.#dial(), delayMs);
  }

  #dial(): void {
    const transport = this.#options.dial(this.#target());
    this.#trunk = new Trunk({ ...this.#options.trunkOptions(), transport, listener: this });
  }

  #target(): TrunkTarget {
    const { endpoint, url, certificateName, tls, proxy } = this.backend;
    const { session, timeouts } = this.pool.config;
    const connectTimeoutMs = this.isReturning ? Math.min(REDIAL_TIMEOUT_MS, timeouts.connectMs) : timeouts.connectMs;
    return {
      ...endpoint,
      url: url.replace(/^http/, 'ws') + (session?.trunkPath ?? ''),
      certificateName,
      tls,
      proxy,
      connectTimeoutMs,
    };
  }

  #names(): { readonly pool: string; readonly backend: string } {
    return { pool: this.pool.name, backend: this.backend.id };
  }

  #logEnd(reason: TrunkCloseReason, detail: string, stoodMs: number | undefined): void {
    const fields = {
      ...this.#names(),
      reason,
      detail,
      stoodMs: stoodMs === undefined ? undefined : Math.round(stoodMs),
    };
    const { log } = this.#options;
    const isNews = reason !== this.#lastReason;
    this.#lastReason = stoodMs === undefined ? reason : undefined;
    if (reason === 'left' || this.#hasDrained) log.info(fields, 'trunk closed');
    else if (stoodMs !== undefined) log.warn(fields, 'trunk lost');
    // It is dialled again and again: said once.
    else if (isNews) log.warn(fields, 'trunk not opened');
    else log.debug(fields, 'trunk not opened');
  }
}

function addTo(sum: TrunkTraffic, { framesUp, framesDown, bytesUp, bytesDown }: TrunkTraffic): void {
  sum.framesUp += framesUp;
  sum.framesDown += framesDown;
  sum.bytesUp += bytesUp;
  sum.bytesDown += bytesDown;
}
