/**
 * Turns the replies of the topic scripts into what topic-values.ts reads. Nothing is believed here yet; what makes no
 * sense is passed on as it is, and refused there.
 */
import { invalid } from '../arguments.js';
import type { Fields } from '../session-arguments.js';
import { numberOf } from './session-reply.js';

/** Texts and numbers of an answer that begins with how it went; `messagesOf` is for the messages behind them. */
export function partsOf(reply: unknown, expected: string): readonly unknown[] {
  if (!Array.isArray(reply)) throw invalid('reply of the script', 'an array', reply);
  const kind = textOf(reply[0]);
  if (kind === 'invalid') throw invalid('topic', 'numbers where numbers belong', 'something else');
  if (kind !== expected) throw invalid('outcome', expected, kind);
  return [textOf(reply[1]), numberOf(textOf(reply[2])), numberOf(textOf(reply[3])), ...(reply.slice(4) as unknown[])];
}

export function publishedOf(reply: unknown): Fields {
  const [kind, position] = Array.isArray(reply) ? (reply as unknown[]) : [];
  if (kind !== 'repeat') {
    const [epoch, top] = partsOf(reply, 'published');
    return { epoch, offset: top, isRepeat: false };
  }
  const [epoch, offset] = String(position).split(':');
  return { epoch, offset: numberOf(offset), isRepeat: true };
}

export function positionsOf(reply: unknown): readonly Fields[] {
  if (!Array.isArray(reply) || reply[0] !== 'positions') throw invalid('reply of the script', 'positions', reply);
  return Array.from({ length: (reply.length - 1) / 2 }, (_, i) => ({
    epoch: reply[2 * i + 1] as unknown,
    offset: numberOf(reply[2 * i + 2]),
  }));
}

/** `entries`: id, kind and message by turns, as buffers. */
export function messagesOf(entries: readonly unknown[]): readonly Fields[] {
  return Array.from({ length: Math.ceil(entries.length / 3) }, (_, i) => {
    const [, offset, ms] = /^(\d{1,16})-(\d{1,16})$/.exec(String(entries[3 * i])) ?? [];
    return {
      offset: numberOf(offset),
      publishedAtMs: numberOf(ms),
      isBinary: KINDS.get(String(entries[3 * i + 1])),
      data: entries[3 * i + 2],
    };
  });
}

const KINDS: ReadonlyMap<string, boolean> = new Map([
  ['t', false],
  ['b', true],
]);

function textOf(value: unknown): unknown {
  return Buffer.isBuffer(value) ? value.toString() : value;
}
