/**
 * One connection between two processes, from the first knock to the end: a pipe each way and an end for each process.
 * It can be reset (in flight: lost), fall silent, or stall; a process that dies takes its end with it.
 */
import type { Clock } from './clock.js';
import { Pipe } from './pipe.js';
import type { SimProcess } from './process.js';
import type { Trace } from './trace.js';

export interface LinkOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly trace: Trace;
  readonly delayMs: () => number;
  readonly from: SimProcess;
  /** Does what a dying process has sent still arrive? */
  readonly isLuckyAtDeath: () => boolean;
}

export type Message = string | Uint8Array<ArrayBuffer>;

const ABNORMAL = 1006;
/** What the systems at both ends take without being asked. */
const KERNEL_BYTES = 64 * 1024;

export class LinkEnd {
  onOpen: ((protocol: string) => void) | undefined;
  onMessage: ((message: Message) => void) | undefined;
  onClose: ((code: number, reason: string) => void) | undefined;
  onWritable: (() => void) | undefined;
  readonly #link: Link;
  /** Told of the end, or has ended it: nothing comes any more. */
  isClosed = false;

  constructor(link: Link) {
    this.#link = link;
  }

  get bufferedBytes(): number {
    return this.#link.bufferedBytes(this);
  }

  /** The dialled end takes the connection. */
  accept(protocol: string): void {
    this.#link.pass(this, 'open', 0, (peer) => peer.onOpen?.(protocol));
  }

  send(message: Message): void {
    if (this.isClosed) return;
    const copy = typeof message === 'string' ? message : new Uint8Array(message);
    // Whoever gets it may do with it as he likes.
    const arrive = (peer: LinkEnd): void => peer.onMessage?.(typeof copy === 'string' ? copy : copy.slice());
    this.#link.pass(this, 'data', copy.length, arrive, copy);
  }

  /** After all that was sent, the other end is told. This one is not. */
  close(code: number, reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#link.pass(this, `close ${code}`, 0, (peer) => peer.finish(code, reason));
  }

  /** Called by the link. */
  finish(code: number, reason: string): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onClose?.(code, reason);
  }
}

export class Link {
  readonly dialler: LinkEnd = new LinkEnd(this);
  readonly dialled: LinkEnd = new LinkEnd(this);
  readonly #options: LinkOptions;
  readonly #forth: Pipe;
  readonly #back: Pipe;
  #to: SimProcess | undefined;
  #tampering: { readonly isUp: boolean; readonly times: 0 | 2 } | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { clock, delayMs, from } = options;
    const pipe = (owner: () => SimProcess, sender: LinkEnd): Pipe =>
      new Pipe({ clock, delayMs, owner, onDelivered: () => this.#onDelivered(sender) });
    this.#forth = pipe(() => this.#to ?? clock.nobody, this.dialler);
    this.#back = pipe(() => from, this.dialled);
    from.onDeath(() => this.#onDeath(this.dialler));
  }

  get isOver(): boolean {
    return this.dialler.isClosed && this.dialled.isClosed;
  }

  joins(name: string): boolean {
    return this.#options.from.name === name || this.#to?.name === name;
  }

  bufferedBytes(sender: LinkEnd): number {
    return Math.max(0, this.#pipeOf(sender).bytes - KERNEL_BYTES);
  }

  // Its beginning.

  knock(arrived: () => void): void {
    this.#note('dial');
    this.#forth.push(0, arrived);
  }

  /** Somebody listens there. */
  reach(process: SimProcess, act: () => void): void {
    this.#to = process;
    process.onDeath(() => this.#onDeath(this.dialled));
    this.#options.clock.schedule(process, 0, () => {
      if (this.dialler.isClosed) this.dialled.isClosed = true;
      else act();
    });
  }

  refuse(): void {
    this.dialled.isClosed = true;
    this.#back.push(0, () => this.dialler.finish(ABNORMAL, 'refused'));
  }

  // Its life.

  /** Hands something from one end to the other, behind all that was handed before. */
  pass(sender: LinkEnd, what: string, bytes: number, arrive: (peer: LinkEnd) => void, message?: Message): void {
    const isUp = sender === this.dialler;
    const peer = isUp ? this.dialled : this.dialler;
    let times = 1;
    if (message !== undefined && this.#tampering?.isUp === isUp && isApplicationMessage(message)) {
      ({ times } = this.#tampering);
      this.#tampering = undefined;
      this.#note(`arrives ${times} times`, message);
    }
    for (; times > 0; times -= 1) {
      this.#pipeOf(sender).push(bytes, () => {
        if (peer.isClosed) return;
        this.#note(`${isUp ? '→' : '←'} ${what} ${bytes}`, message);
        arrive(peer);
      });
    }
  }

  // What happens to it.

  /** The next message of an application on that way arrives so often. */
  tamper(way: 'up' | 'down', times: 0 | 2): void {
    this.#tampering = { isUp: way === 'up', times };
  }

  reset(): void {
    this.#note('reset');
    this.#cut(this.dialler);
    this.#cut(this.dialled);
  }

  /** Nothing passes any more. Neither end is told, or one of them alone. */
  silence(told?: 'dialler' | 'dialled'): void {
    this.#note(told === undefined ? 'silent' : `silent, ${told} told`);
    this.#forth.blacken();
    this.#back.blacken();
    if (told !== undefined) this.#tell(this[told]);
  }

  stall(): void {
    this.#note('stall');
    this.#forth.stall();
    this.#back.stall();
  }

  release(): void {
    this.#forth.release();
    this.#back.release();
  }

  heal(): void {
    this.release();
    this.#tampering = undefined;
  }

  #onDeath(end: LinkEnd): void {
    if (this.isOver) return;
    end.isClosed = true;
    const peer = end === this.dialler ? this.dialled : this.dialler;
    if (!this.#options.isLuckyAtDeath()) this.#pipeOf(end).drop();
    this.#pipeOf(end).push(0, () => peer.finish(ABNORMAL, ''));
  }

  /** The end is told that the link is gone, and what was on its way there is lost. */
  #cut(end: LinkEnd): void {
    const pipe = end === this.dialler ? this.#back : this.#forth;
    pipe.drop();
    pipe.push(0, () => end.finish(ABNORMAL, ''));
  }

  #tell(end: LinkEnd): void {
    const { clock, delayMs } = this.#options;
    clock.schedule(this.#ownerOf(end), delayMs(), () => end.finish(ABNORMAL, ''));
  }

  #onDelivered(sender: LinkEnd): void {
    const { onWritable, isClosed } = sender;
    if (isClosed || onWritable === undefined || this.#pipeOf(sender).bytes > KERNEL_BYTES) return;
    this.#options.clock.schedule(this.#ownerOf(sender), 0, () => {
      if (!sender.isClosed) onWritable();
    });
  }

  #ownerOf(end: LinkEnd): SimProcess {
    const { from, clock } = this.#options;
    return end === this.dialler ? from : (this.#to ?? clock.nobody);
  }

  #pipeOf(sender: LinkEnd): Pipe {
    return sender === this.dialler ? this.#forth : this.#back;
  }

  #note(what: string, message?: Message): void {
    const { clock, trace, name } = this.#options;
    trace.add({
      atMs: clock.nowMs,
      who: name,
      what,
      detail: message === undefined ? undefined : () => describe(message),
    });
  }
}

/** By the first character of a text, or the first byte. */
function isApplicationMessage(message: Message): boolean {
  return typeof message === 'string' ? message.startsWith('m') : message[0] === 1;
}

function describe(message: Message): string {
  return typeof message === 'string'
    ? message
    : Buffer.from(message)
        .toString('latin1')
        .replaceAll(/[^ -~]/g, '·');
}
