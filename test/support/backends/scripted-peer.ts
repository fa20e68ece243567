/**
 * A backend that is nothing but a TCP listener: the test decides the bytes that answer a request, or that there are
 * none. What arrived is kept as it was on the wire.
 */
import { createServer, type Socket } from 'node:net';
import { type Listening, listen } from './listening.js';

/** Called once per request head; may write, hang, end or reset. A text that is given back is written. */
export type Script = (head: string, socket: Socket) => string | Buffer | void;

export interface ScriptedPeer extends Listening {
  /** Request heads that arrived, oldest first. */
  readonly heads: string[];
  /** Everything that followed the heads. */
  bytesAfterHeads(): string;
}

export interface ScriptedPeerOptions {
  /** Every further head on a connection is a request too; else what follows the first one is kept as bytes. */
  readonly isPersistent?: boolean;
}

export async function startScriptedPeer(
  script: Script,
  { isPersistent = false }: ScriptedPeerOptions = {},
): Promise<ScriptedPeer> {
  const heads: string[] = [];
  let after = '';
  const server = createServer((socket) => {
    let pending = '';
    let hasHead = false;
    const takeHead = (): boolean => {
      const end = pending.indexOf('\r\n\r\n');
      if (end < 0) return false;
      const head = pending.slice(0, end);
      pending = pending.slice(end + 4);
      hasHead = true;
      heads.push(head);
      const answer = script(head, socket);
      if (answer !== undefined) socket.write(answer);
      return true;
    };
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      let hasMore = isPersistent || !hasHead;
      while (hasMore) hasMore = takeHead() && isPersistent;
      if (isPersistent || !hasHead) return;
      after += pending;
      pending = '';
    });
  });
  const listening = await listen(server);
  return Object.assign(listening, { heads, bytesAfterHeads: () => after });
}

/** The Accept that belongs to the key of a handshake that arrived. */
export function keyOf(head: string): string {
  return /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? '';
}
