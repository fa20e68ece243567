/**
 * Golden vectors of topics, ../vectors/topics.json, against our codecs. Like those in vectors.test.ts they were written from
 * PROTOCOL.md by other code than ours.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ProtocolError } from './protocol-error.js';
import { encodeHello, readHello } from './session-control.js';
import { decodeControl } from './session-frame.js';
import * as control from './topic-control.js';
import * as frames from './topic-frame.js';
import { isTopicName, isTopicPattern, matchesTopic } from './topic-name.js';
import * as results from './topic-result.js';

type Body = Readonly<Record<string, unknown>>;
type Wrong = { readonly why: string; readonly text?: string; readonly hex?: string };

/** Text, or `hex` with its data in hex, too. */
interface Encoded {
  readonly name: string;
  readonly text?: string;
  readonly hex?: string;
  readonly topic: string;
  readonly data: string;
}

interface Topics {
  readonly names: {
    readonly valid: readonly { readonly name: string; readonly bytes: number }[];
    readonly invalid: readonly { readonly name: string; readonly why: string }[];
  };
  readonly patterns: readonly { readonly pattern: string; readonly topic: string; readonly matches: boolean }[];
  readonly messages: {
    readonly valid: readonly (Encoded & { readonly offset: number })[];
    readonly invalid: readonly Wrong[];
  };
  readonly publishes: {
    readonly valid: readonly (Encoded & { readonly ref: number })[];
    readonly invalid: readonly Wrong[];
  };
  readonly controls: {
    readonly valid: readonly {
      readonly name: string;
      readonly frame: string;
      readonly text: string;
      readonly body: Body;
    }[];
    readonly invalid: readonly { readonly frame: string; readonly text: string; readonly why: string }[];
  };
}

const topics = JSON.parse(readFileSync(new URL('../vectors/topics.json', import.meta.url), 'utf8')) as Topics;

describe('names and patterns', () => {
  it.each(topics.names.valid)('$name is one, of $bytes bytes', ({ name, bytes }) => {
    expect(isTopicName(name)).toBe(true);
    expect(Buffer.byteLength(name)).toBe(bytes);
  });

  it.each(topics.names.invalid)('$name is none: $why', ({ name }) => expect(isTopicName(name)).toBe(false));

  it.each(topics.patterns)('$pattern, $topic: $matches', ({ pattern, topic, matches }) => {
    expect(isTopicPattern(pattern)).toBe(true);
    expect(matchesTopic(pattern, topic)).toBe(matches);
  });
});

describe('messages', () => {
  it.each(topics.messages.valid)('$name', ({ text, hex, topic, offset, data }) => {
    const isBinary = hex !== undefined;
    const payload = isBinary ? fromHex(data) : data;
    const decoded = isBinary ? frames.decodeTopicBinary(fromHex(hex)) : frames.decodeTopicText(text ?? '');
    expect(decoded).toEqual({ topic, offset, data: payload });
    const written = frames.encodeTopicMessage(topic, { offset, isBinary, data: Buffer.from(payload) });
    expect(isBinary ? toHex(written) : Buffer.from(written).toString()).toBe(hex ?? text);
  });

  it.each(topics.messages.invalid)('not $text$hex: $why', ({ text, hex }) => {
    const read = (): unknown =>
      hex === undefined ? frames.decodeTopicText(text ?? '') : frames.decodeTopicBinary(fromHex(hex));
    expect(read).toThrow(ProtocolError);
  });
});

describe('publishes', () => {
  it.each(topics.publishes.valid)('$name', ({ text, hex, ref, topic, data }) => {
    const isBinary = hex !== undefined;
    const bytes = isBinary ? fromHex(hex) : Buffer.from(text ?? '');
    const read = frames.readPublish(bytes, { start: 0, end: bytes.length, isBinary });
    expect(read).toMatchObject({ ref, topic });
    const payload = bytes.subarray(read.payloadAt);
    expect(isBinary ? toHex(payload) : Buffer.from(payload).toString()).toBe(data);
    if (isBinary) expect(toHex(frames.encodePublishBinary(ref, topic, fromHex(data)))).toBe(hex);
    else expect(frames.encodePublishText(ref, topic, data)).toBe(text);
  });

  it.each(topics.publishes.invalid)('not $text$hex: $why', ({ text, hex }) => {
    const bytes = hex === undefined ? Buffer.from(text ?? '') : fromHex(hex);
    const range = { start: 0, end: bytes.length, isBinary: hex !== undefined };
    expect(() => frames.readPublish(bytes, range)).toThrow(ProtocolError);
  });
});

describe('control frames', () => {
  it.each(topics.controls.valid)('$name', ({ frame, text, body }) => {
    const decoded = decodeControl(text);
    expect(decoded.body).toEqual(body);
    expect(rewrite(frame, decoded.body)).toBe(text);
  });

  it.each(topics.controls.invalid)('not $frame: $why', ({ frame, text }) => {
    expect(() => rewrite(frame, decodeControl(text).body)).toThrow(ProtocolError);
  });
});

/** As we write what we read. */
function rewrite(frame: string, body: Body): string {
  const rewriters: Record<string, () => string> = {
    subscribe: () => control.encodeSubscribe(control.readSubscribe(body)),
    subscribed: () => {
      const read = control.readSubscribed(body);
      if (!('error' in read)) return control.encodeSubscribed(read);
      return control.encodeSubscribeRefused(read.topic, read.error as control.TopicRefusal);
    },
    unsubscribe: () => control.encodeUnsubscribe(control.readTopic(body)),
    lagging: () => control.encodeLagging(control.readLagging(body)),
    history: () => control.encodeHistory(control.readRef(body), control.readHistory(body)),
    presence: () => control.encodePresence(control.readRef(body), control.readTopic(body)),
    presenceChange: () => control.encodePresenceChange(control.readPresenceChange(body)),
    published: () => rewriteResult(body, results.readPublished),
    page: () => rewriteResult(body, pageBody),
    members: () => rewriteResult(body, results.readMemberList),
    failure: () => rewriteResult(body, () => ({})),
    hello: () => encodeHello(readHello(body), control.encodeHeldTopics(control.readHeldTopics(body))),
  };
  const rewriter = rewriters[frame];
  if (rewriter === undefined) throw new TypeError(`expected a known frame, got ${frame}`);
  return rewriter();
}

function rewriteResult(body: Body, read: (body: Body) => object): string {
  const result = results.readResult(body);
  if (result.ok) return results.encodeTopicResult(result.ref, read(result.body));
  return results.encodeTopicFailure(result.ref, result.error as control.TopicRefusal, result.retryable);
}

function pageBody(body: Body): object {
  const { epoch, top, messages, more } = results.readHistoryPage(body);
  const bodies = messages.map(({ offset, data, atMs }) =>
    typeof data === 'string' ? { offset, data, atMs } : { offset, base64: Buffer.from(data).toString('base64'), atMs },
  );
  return { epoch, top, messages: bodies, more };
}

function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
