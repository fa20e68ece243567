/**
 * One question to a redis-server, in the words of its own protocol: tests ask what the server itself knows (who subscribes to what, which
 * commands it ran), and nothing of the product should stand in between. Replies: texts, numbers, and lists of them.
 */
import { connect } from 'node:net';
import { within } from '../eventually.js';

export type Reply = string | number | null | readonly Reply[];

const PATIENCE_MS = 5000;

export async function askRedis(port: number, ...words: readonly string[]): Promise<Reply> {
  const socket = connect(port, '127.0.0.1');
  const answer = new Promise<Reply>((resolve, reject) => {
    let text = '';
    socket.setEncoding('latin1');
    socket.once('error', reject);
    socket.on('data', (chunk: string) => {
      text += chunk;
      const read = readReply(text, 0);
      if (read !== undefined) resolve(read.reply);
    });
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    socket.write(`*${words.length}\r\n${parts.join('')}`);
  });
  try {
    return await within(PATIENCE_MS, `redis: an answer to ${words.join(' ')}`, answer);
  } finally {
    socket.destroy();
  }
}

/** undefined while it is not all there. */
function readReply(text: string, at: number): { readonly reply: Reply; readonly end: number } | undefined {
  const lineEnd = text.indexOf('\r\n', at);
  if (lineEnd < 0) return undefined;
  const line = text.slice(at + 1, lineEnd);
  const next = lineEnd + 2;
  switch (text[at]) {
    case '+':
      return { reply: line, end: next };
    case ':':
      return { reply: Number(line), end: next };
    case '$':
      return readBulk(text, next, Number(line));
    case '*':
      return readList(text, next, Number(line));
    default:
      throw new Error(`redis: expected a reply, got ${text.slice(at, at + 80)}`);
  }
}

function readBulk(
  text: string,
  at: number,
  length: number,
): { readonly reply: Reply; readonly end: number } | undefined {
  if (length < 0) return { reply: null, end: at };
  return text.length < at + length + 2 ? undefined : { reply: text.slice(at, at + length), end: at + length + 2 };
}

function readList(
  text: string,
  at: number,
  count: number,
): { readonly reply: Reply; readonly end: number } | undefined {
  const replies: Reply[] = [];
  let end = at;
  for (let i = 0; i < count; i += 1) {
    const read = readReply(text, end);
    if (read === undefined) return undefined;
    replies.push(read.reply);
    end = read.end;
  }
  return { reply: replies, end };
}

/** Connections that subscribe to a topic's channel. */
export async function subscribersOf(port: number, topic: string): Promise<number> {
  const channels = (await askRedis(port, 'PUBSUB', 'CHANNELS', `*${topic}:live`)) as readonly string[];
  if (channels.length === 0) return 0;
  const counts = (await askRedis(port, 'PUBSUB', 'NUMSUB', ...channels)) as readonly Reply[];
  return counts.reduce<number>((sum, count) => sum + (typeof count === 'number' ? count : 0), 0);
}
