/**
 * What goes over a topic's channel: `m<epoch>:<offset>:<published ms>:<t|b>:<message>`, or `p` with JSON for a change of
 * presence. Written by scripts (topic-scripts.ts, presence-scripts.ts), read here, once per message and worker: byte by
 * byte, and the message is a view of what came from the socket. Who keeps it keeps what came with it, at most 64 KiB.
 */
import type { PresenceEvent } from '../topic-bus.js';
import type { TopicMessage } from '../topic-store.js';

export interface BusMessage {
  readonly epoch: string;
  readonly message: TopicMessage;
}

const M = 0x6d;
const P = 0x70;
const T = 0x74;
const B = 0x62;
const COLON = 0x3a;
const ZERO = 0x30;
const EPOCH_LENGTH = 12;
const MAX_DIGITS = 16;

/** undefined for what no script of ours has written. */
export function parseBusMessage(payload: Buffer): BusMessage | undefined {
  const epochEnd = 1 + EPOCH_LENGTH;
  if (payload[0] !== M || payload[epochEnd] !== COLON) return undefined;
  const offsetEnd = endOfDigits(payload, epochEnd + 1);
  const msEnd = endOfDigits(payload, offsetEnd + 1);
  const kind = payload[msEnd + 1];
  if (payload[offsetEnd] !== COLON || payload[msEnd] !== COLON || payload[msEnd + 2] !== COLON) return undefined;
  if (kind !== T && kind !== B) return undefined;
  const offset = numberAt(payload, epochEnd + 1, offsetEnd);
  if (offset === 0 || offset > Number.MAX_SAFE_INTEGER) return undefined;
  const publishedAtMs = numberAt(payload, offsetEnd + 1, msEnd);
  const data = payload.subarray(msEnd + 3);
  return {
    epoch: payload.toString('latin1', 1, epochEnd),
    message: { offset, isBinary: kind === B, data, publishedAtMs },
  };
}

export function parsePresenceEvent(payload: Buffer): PresenceEvent | undefined {
  if (payload[0] !== P) return undefined;
  try {
    const { type, id, info } = JSON.parse(payload.toString('utf8', 1)) as Record<string, unknown>;
    if ((type !== 'join' && type !== 'leave') || typeof id !== 'string' || typeof info !== 'string') return undefined;
    return { type, member: { id, info } };
  } catch {
    return undefined;
  }
}

/** Where the digits that begin at `start` end; too many of them end too early, and so at no colon. */
function endOfDigits(bytes: Buffer, start: number): number {
  let end = start;
  while (end - start < MAX_DIGITS && isDigit(bytes[end])) end += 1;
  return end;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9;
}

function numberAt(bytes: Buffer, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i += 1) value = value * 10 + ((bytes[i] as number) - ZERO);
  return value;
}
