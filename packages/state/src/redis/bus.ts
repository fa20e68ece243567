/**
 * TopicBus on Redis: which channels are wanted, and at whose connection. With one server, or a master behind Sentinels, that
 * is one connection; on a Cluster one for each master, as its shard channels are heard there and nowhere else. Whole
 * partitions move from one connection to another when a slot moves, a replica takes over or a master is switched: the link
 * knows where each belongs (link.ts, Feeds).
 */
import { randomUUID } from 'node:crypto';
import type { StateLog } from '../shared-state.js';
import type { TopicBus, TopicBusListener } from '../topic-bus.js';
import { BusConnection, type BusConnectionEvents } from './bus-connection.js';
import { parseBusMessage, parsePresenceEvent } from './bus-message.js';
import type { Link } from './link.js';
import { PARTITIONS, partitionOf } from './partitions.js';
import { probeChannel, topicChannel } from './topic-keys.js';

export interface RedisBusOptions {
  readonly prefix: string;
  readonly link: Pick<Link, 'connectionFor' | 'feeds' | 'publishCommand'>;
  readonly random: () => number;
  readonly log: StateLog | undefined;
}

/** After a slot has moved, the nodes tell each other: where it is now can be asked for a little later. */
const LOOK_AGAIN_MS = 250;

interface Partition {
  feed: string | undefined;
  readonly channels: Set<string>;
}

export class RedisBus implements TopicBus {
  listener: TopicBusListener | undefined;
  readonly #options: RedisBusOptions;
  readonly #id = randomUUID();
  /** By channel. */
  readonly #topics = new Map<string, string>();
  readonly #partitions: readonly Partition[];
  readonly #connections = new Map<string, BusConnection>();
  /** Feeds that no longer serve something that is wanted of them. */
  readonly #misplaced = new Set<string>();
  #lookTimer: NodeJS.Timeout | undefined;
  #hasToldOfStranger = false;
  #isClosed = false;

  constructor(options: RedisBusOptions) {
    this.#options = options;
    this.#partitions = Array.from({ length: PARTITIONS }, () => ({ feed: undefined, channels: new Set<string>() }));
    options.link.feeds.onChange = () => this.#relocate();
  }

  subscribe(topic: string): void {
    if (this.#isClosed) return;
    const channel = topicChannel(this.#options.prefix, topic);
    const partition = partitionOf(topic);
    this.#topics.set(channel, topic);
    const { channels, feed } = this.#partitionAt(partition);
    channels.add(channel);
    // What it wants of a connection, it wants of a new one as well: then it is told live twice.
    if (this.#place(partition) && feed !== undefined) this.#tidy(feed);
    this.#connectionOf(partition)?.want(channel, partition);
  }

  unsubscribe(topic: string): void {
    const channel = topicChannel(this.#options.prefix, topic);
    if (!this.#topics.delete(channel)) return;
    const partition = partitionOf(topic);
    this.#partitionAt(partition).channels.delete(channel);
    this.#connectionOf(partition)?.drop(channel, partition);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#lookTimer);
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  #relocate(): void {
    if (this.#isClosed) return;
    const left = new Set<string>();
    for (let i = 0; i < PARTITIONS; i += 1) {
      const { feed, channels } = this.#partitionAt(i);
      const isUsed = feed !== undefined || channels.size > 0;
      if (isUsed && this.#place(i) && feed !== undefined) left.add(feed);
    }
    for (const feed of left) this.#tidy(feed);
  }

  /** Where the partition is heard by now; true if that is another feed than before. Unknown: as before. */
  #place(i: number): boolean {
    const partition = this.#partitionAt(i);
    const feed = this.#options.link.feeds.feedOf(this.#probeChannel(i));
    if (feed === undefined || feed === partition.feed) return false;
    const before = this.#connectionOf(i);
    for (const channel of partition.channels) before?.drop(channel, i);
    partition.feed = feed;
    const connection = this.#connections.get(feed) ?? this.#open(feed, i);
    for (const channel of partition.channels) connection.want(channel, i);
    return true;
  }

  /** A connection without partitions is of no use, and no longer hears a probe on one that it has lost. */
  #tidy(feed: string): void {
    // What it told of is explained by what it has lost.
    this.#misplaced.delete(feed);
    const connection = this.#connections.get(feed);
    const kept = this.#partitions.findIndex((partition) => partition.feed === feed);
    if (kept !== -1) return connection?.probeOn(this.#probeChannel(kept), kept);
    connection?.close();
    this.#connections.delete(feed);
  }

  #open(feed: string, partition: number): BusConnection {
    const { link, random } = this.#options;
    const connection = new BusConnection({
      open: (nextRedialMs) => link.feeds.open(feed, nextRedialMs),
      isSharded: link.publishCommand === 'SPUBLISH',
      random,
      events: this.#eventsOf(feed),
    });
    this.#connections.set(feed, connection);
    connection.probeOn(this.#probeChannel(partition), partition);
    return connection;
  }

  #eventsOf(feed: string): BusConnectionEvents {
    const { log } = this.#options;
    let told: 'well' | 'ill' | undefined;
    const tell = (status: 'well' | 'ill', detail?: string): void => {
      if (status === told) return;
      told = status;
      if (status === 'well') log?.info({ redis: feed }, 'topic bus ready');
      else log?.warn({ redis: feed, detail }, 'topic bus interrupted');
    };
    return {
      onMessage: (channel, payload) => this.#onMessage(channel, payload),
      onLive: (channels) => this.#onLive(channels),
      onMisplaced: () => this.#onMisplaced(feed),
      onStatus: (trouble) => (trouble === undefined ? tell('well') : tell('ill', trouble)),
      probe: (channel) => this.#probe(channel),
    };
  }

  #onMessage(channel: string, payload: Buffer): void {
    const topic = this.#topics.get(channel);
    // Given up meanwhile, or a probe.
    if (topic === undefined) return;
    const parsed = parseBusMessage(payload);
    if (parsed !== undefined) return this.listener?.onMessage(topic, parsed.epoch, parsed.message);
    const event = parsePresenceEvent(payload);
    if (event !== undefined) return this.listener?.onPresence(topic, event);
    this.#onStranger(channel);
  }

  #onStranger(channel: string): void {
    if (this.#hasToldOfStranger) return;
    this.#hasToldOfStranger = true;
    const advice = 'another program publishes there: choose another prefix';
    this.#options.log?.warn({ channel, advice }, 'topic bus heard what is not ours');
  }

  #onLive(channels: readonly string[]): void {
    const topics = channels.map((channel) => this.#topics.get(channel)).filter((topic) => topic !== undefined);
    if (topics.length > 0) this.listener?.onLive(topics);
  }

  /** Told for each channel. */
  #onMisplaced(feed: string): void {
    this.#misplaced.add(feed);
    if (this.#lookTimer !== undefined) return;
    this.#options.link.feeds.refresh();
    this.#lookTimer = setTimeout(() => this.#lookAgain(), LOOK_AGAIN_MS).unref();
  }

  /** Where nothing has moved by all that is known, the server is asked again, and says so once more if it is not true. */
  #lookAgain(): void {
    this.#lookTimer = undefined;
    this.#relocate();
    for (const feed of this.#misplaced) this.#connections.get(feed)?.recheck();
    this.#misplaced.clear();
  }

  async #probe(channel: string): Promise<boolean> {
    try {
      const redis = this.#options.link.connectionFor(channel);
      await (this.#options.link.publishCommand === 'SPUBLISH'
        ? redis.spublish(channel, '')
        : redis.publish(channel, ''));
      return true;
    } catch {
      return false;
    }
  }

  #probeChannel(partition: number): string {
    return probeChannel(this.#options.prefix, partition, this.#id);
  }

  #connectionOf(partition: number): BusConnection | undefined {
    const { feed } = this.#partitionAt(partition);
    return feed === undefined ? undefined : this.#connections.get(feed);
  }

  #partitionAt(i: number): Partition {
    return this.#partitions[i] as Partition;
  }
}
