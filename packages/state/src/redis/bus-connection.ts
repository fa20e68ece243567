/**
 * BusConnection: a subscriber connection to one server, and the channels that are wanted of it. ioredis dials and redials; this
 * asks for everything again after each, in groups and few at a time, and tells what is confirmed. Its own way to
 * subscribe again was rejected: it does so in one command for all channels, and tells nobody.
 *
 * A connection on which nothing was heard for a while is probed by way of the commands: what is published to its own probe
 * channel has to come. That finds a connection that has gone silent, and as well one to a server that is no longer the
 * one that messages are published at, which would answer any ping.
 */
import type { Redis } from 'ioredis';
import { redialDelayMs } from './redial.js';

export interface BusConnectionOptions {
  /** Not dialled yet; `nextRedialMs` is for its `retryStrategy`. */
  readonly open: (nextRedialMs: () => number) => Redis;
  /** SSUBSCRIBE, where one command takes only channels of one partition. */
  readonly isSharded: boolean;
  readonly random: () => number;
  readonly events: BusConnectionEvents;
}

export interface BusConnectionEvents {
  onMessage(channel: string, payload: Buffer): void;
  /** What is published to these from now on is heard. */
  onLive(channels: readonly string[]): void;
  /** The server does not serve this partition, or no more. Sharded connections only. */
  onMisplaced(): void;
  /** undefined: subscribed. Else why it is not, for people. */
  onStatus(trouble: string | undefined): void;
  /** Publishes to the channel; false if nobody could. */
  probe(channel: string): Promise<boolean>;
}

/** Channels per command: its reply is as many parts, each of which takes the server some time. */
const GROUP_SIZE = 500;
/** Commands that are not answered yet. */
const MAX_ASKED = 8;
const TICK_MS = 1000;
/** Counted from the tick after the last message: 9 to 10 s. */
const QUIET_TICKS = 9;
/** That a probe has after it was published. */
const ANSWER_TICKS = 2;

export class BusConnection {
  readonly #options: BusConnectionOptions;
  readonly #redis: Redis;
  /** Partition by channel. */
  readonly #wanted = new Map<string, number>();
  /** Channels that the server was asked for since this connection stands. */
  readonly #asked = new Set<string>();
  /** Channels to ask for or to give up, by partition; all in 0 when not sharded. */
  readonly #due = new Map<number, Set<string>>();
  readonly #tickTimer: NodeJS.Timeout;
  #redialTimer: NodeJS.Timeout | undefined;
  #isFlushing = false;
  #unanswered = 0;
  /** Distinguishes answers to an earlier connection. */
  #dial = 0;
  #redials = 0;
  #hasHeard = false;
  #quietTicks = 0;
  /** Since a probe was published; undefined while none is under way. */
  #answerTicks: number | undefined;
  #isPublishing = false;
  #probe: { channel: string; partition: number } | undefined;
  #isClosed = false;

  constructor(options: BusConnectionOptions) {
    this.#options = options;
    this.#redis = options.open(() => this.#nextRedialMs());
    this.#listen();
    this.#connect();
    this.#tickTimer = setInterval(() => this.#onTick(), TICK_MS).unref();
  }

  want(channel: string, partition: number): void {
    this.#wanted.set(channel, partition);
    this.#schedule(channel, partition);
  }

  drop(channel: string, partition: number): void {
    this.#wanted.delete(channel);
    this.#schedule(channel, partition);
  }

  /** The channel to hear oneself on; of a partition that this server serves. */
  probeOn(channel: string, partition: number): void {
    if (this.#probe?.channel === channel) return;
    if (this.#probe !== undefined) this.drop(this.#probe.channel, this.#probe.partition);
    this.#probe = { channel, partition };
    this.want(channel, partition);
  }

  /** Everything is asked for once more: what is there already is not hurt, what is not is found out. */
  recheck(): void {
    for (const [channel, partition] of this.#wanted) this.#schedule(channel, partition);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#tickTimer);
    clearTimeout(this.#redialTimer);
    this.#redis.disconnect();
  }

  #listen(): void {
    const { events } = this.#options;
    const onMessage = (channel: Buffer, payload: Buffer): void => {
      if (this.#isClosed) return;
      this.#hasHeard = true;
      events.onMessage(channel.toString(), payload);
    };
    this.#redis.on(this.#options.isSharded ? 'smessageBuffer' : 'messageBuffer', onMessage);
    this.#redis.on('ready', () => this.#onConnected());
    this.#redis.on('close', () => this.#onLost());
    this.#redis.on('end', () => this.#onEnd());
    this.#redis.on('error', (error: Error) => this.#onTrouble(error.message));
    this.#redis.on('moved', () => void (!this.#isClosed && events.onMisplaced()));
  }

  #connect(): void {
    // Failures arrive as events too, and are handled there.
    this.#redis.connect().catch(() => undefined);
  }

  #onConnected(): void {
    this.#asked.clear();
    this.#hasHeard = true;
    this.recheck();
  }

  #onLost(): void {
    this.#dial += 1;
    this.#unanswered = 0;
    this.#asked.clear();
    this.#due.clear();
    this.#onTrouble('the connection was lost');
  }

  /** ioredis has given up, as it does when a dial is cut short. */
  #onEnd(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#redialTimer);
    this.#redialTimer = setTimeout(() => this.#connect(), this.#nextRedialMs()).unref();
  }

  /** Starts over only once something was confirmed: a server that accepts and then refuses must not be hammered. */
  #nextRedialMs(): number {
    this.#redials += 1;
    return redialDelayMs(this.#redials, this.#options.random);
  }

  #onTrouble(trouble: string): void {
    if (!this.#isClosed) this.#options.events.onStatus(trouble);
  }

  #redial(trouble: string): void {
    this.#onTrouble(trouble);
    this.#redis.disconnect(true);
  }

  #schedule(channel: string, partition: number): void {
    const group = this.#options.isSharded ? partition : 0;
    let due = this.#due.get(group);
    if (due === undefined) this.#due.set(group, (due = new Set()));
    due.add(channel);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    // Whoever subscribes to many topics does so in one turn.
    setImmediate(() => {
      this.#isFlushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isClosed || this.#redis.status !== 'ready') return;
    for (const [partition, due] of this.#due) {
      while (due.size > 0) {
        if (this.#unanswered >= MAX_ASKED) return;
        this.#askNext(partition, due);
      }
      this.#due.delete(partition);
    }
  }

  #askNext(partition: number, due: Set<string>): void {
    const wanted: string[] = [];
    const unwanted: string[] = [];
    for (const channel of due) {
      due.delete(channel);
      if (this.#wanted.has(channel)) wanted.push(channel);
      else if (this.#asked.delete(channel)) unwanted.push(channel);
      if (wanted.length === GROUP_SIZE || unwanted.length === GROUP_SIZE) break;
    }
    if (unwanted.length > 0) this.#send(this.#unsubscribe(unwanted), () => undefined);
    if (wanted.length === 0) return;
    for (const channel of wanted) this.#asked.add(channel);
    this.#send(this.#subscribe(wanted), () => this.#onConfirmed(wanted));
  }

  #subscribe(channels: readonly string[]): Promise<unknown> {
    return this.#options.isSharded ? this.#redis.ssubscribe(...channels) : this.#redis.subscribe(...channels);
  }

  #unsubscribe(channels: readonly string[]): Promise<unknown> {
    return this.#options.isSharded ? this.#redis.sunsubscribe(...channels) : this.#redis.unsubscribe(...channels);
  }

  #send(answer: Promise<unknown>, onAnswer: () => void): void {
    const dial = this.#dial;
    this.#unanswered += 1;
    const settle = (then: () => void): void => {
      if (dial !== this.#dial || this.#isClosed) return;
      this.#unanswered -= 1;
      then();
      this.#flush();
    };
    answer.then(
      () => settle(onAnswer),
      (error: unknown) => settle(() => this.#onRefused(error as Error)),
    );
  }

  #onConfirmed(channels: readonly string[]): void {
    this.#redials = 0;
    if (this.#unanswered === 0 && this.#due.size === 0) this.#options.events.onStatus(undefined);
    const live = channels.filter((channel) => this.#wanted.has(channel) && channel !== this.#probe?.channel);
    if (live.length > 0) this.#options.events.onLive(live);
  }

  /** A slot that is elsewhere is told by `moved`, and concerns no other. */
  #onRefused(error: Error): void {
    if (this.#options.isSharded && /^(?:MOVED|ASK|TRYAGAIN) /.test(error.message)) return;
    this.#redial(error.message);
  }

  #onTick(): void {
    if (this.#hasHeard || this.#redis.status !== 'ready') {
      this.#hasHeard = false;
      this.#quietTicks = 0;
      this.#answerTicks = undefined;
      return;
    }
    this.#quietTicks += 1;
    if (this.#answerTicks !== undefined) this.#awaitProbe(this.#answerTicks + 1);
    else if (this.#quietTicks >= QUIET_TICKS && !this.#isPublishing) void this.#publishProbe();
  }

  #awaitProbe(ticks: number): void {
    this.#answerTicks = ticks;
    if (ticks >= ANSWER_TICKS) this.#redial('nothing is heard, not even what it published itself');
  }

  /** Where it cannot be published it proves nothing: then it is tried again at the next tick. */
  async #publishProbe(): Promise<void> {
    if (this.#probe === undefined) return;
    const dial = this.#dial;
    this.#isPublishing = true;
    const isPublished = await this.#options.events.probe(this.#probe.channel);
    this.#isPublishing = false;
    if (isPublished && dial === this.#dial) this.#answerTicks = 0;
  }
}
