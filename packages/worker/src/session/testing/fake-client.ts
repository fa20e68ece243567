/** A client at the other end of a session, in memory: keeps what it was sent, and may be as slow as a test likes. */
import { encodeHello, type Hello, readWelcome, type Welcome } from '@holdfast/protocol';
import type { SendResult } from '../../listener/downstream-socket.js';
import type { ClientConnection } from '../client-connection.js';
import type { Session } from '../session.js';

export class FakeClient implements ClientConnection {
  /** Texts as they are, binary ones as hex. */
  readonly received: string[] = [];
  closed: { readonly code: number; readonly reason: string } | undefined;
  isTerminated = false;
  pings = 0;
  corks = 0;
  readonly channels: Set<string> = new Set();
  bufferedBytes = 0;
  nextResult: SendResult = 'sent';
  session: Session | undefined;

  send(data: Uint8Array | string, isBinary: boolean): SendResult {
    const bytes = typeof data === 'string' ? Buffer.from(data) : Buffer.from(data);
    if (this.nextResult !== 'dropped') this.received.push(isBinary ? bytes.toString('hex') : bytes.toString());
    return this.nextResult;
  }

  ping(): void {
    this.pings += 1;
  }

  cork(writes: () => void): void {
    this.corks += 1;
    writes();
  }

  listen(channel: string): void {
    this.channels.add(channel);
  }

  unlisten(channel: string): void {
    this.channels.delete(channel);
  }

  end(code: number, reason: string): void {
    this.closed ??= { code, reason };
    this.session?.onClose(code, reason);
  }

  terminate(): void {
    this.isTerminated = true;
    this.session?.onClose(1006, '');
  }

  // What the client does.

  say(frame: string): void {
    const bytes = new TextEncoder().encode(frame);
    this.session?.onMessage(bytes.buffer, false);
  }

  sayBinary(bytes: Uint8Array): void {
    this.session?.onMessage(bytes.slice().buffer, true);
  }

  hello({ auth, resume }: Partial<Hello> = {}): void {
    this.say(encodeHello({ version: 1, auth, resume }));
  }

  /** The network is gone. */
  vanish(): void {
    this.session?.onClose(1006, '');
  }

  /** Bodies of control frames of a kind. */
  controls(kind: string): readonly Readonly<Record<string, unknown>>[] {
    return this.received
      .filter((frame) => frame.startsWith(`${kind}{`))
      .map((frame) => JSON.parse(frame.slice(1)) as Record<string, unknown>);
  }

  get welcome(): Welcome {
    const [body] = this.controls('w');
    if (body === undefined)
      throw new Error(
        `fake client: expected a welcome, got ${JSON.stringify(this.received)} ${JSON.stringify(this.closed)}`,
      );
    return readWelcome(body);
  }

  /** Data frames and acks. */
  get data(): readonly string[] {
    return this.received.filter((frame) => frame.startsWith('m') || frame.startsWith('a'));
  }
}
