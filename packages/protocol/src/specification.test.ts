/**
 * PROTOCOL.md against the code: its tables are read and compared, so that neither changes without the other. Prose is
 * checked where it states a number: the sentence is built from our constant and must be there.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type AfterClose, afterClose, CloseCode, isWireCloseCode } from './close-code.js';
import * as limits from './limits.js';
import { firstDelayMs, promptDelayMs, retryDelayMs, STABLE_AFTER_MS } from './pacing.js';
import { ProtocolError } from './protocol-error.js';
import { isEndToEnd, SessionKind } from './session-frame.js';
import { TopicKind } from './topic-frame.js';
import { TrunkKind } from './trunk-frame.js';

const text = readFileSync(new URL('../PROTOCOL.md', import.meta.url), 'utf8');
const words = text.replaceAll(/\s+/g, ' ');

describe('close codes', () => {
  const rows = table(/^\| code +\| meaning/m);
  const duties: readonly (readonly [RegExp, AfterClose | undefined])[] = [
    [/^resumes/, 'resume'],
    [/^begins a new session/, 'renew'],
    [/stops/, 'stop'],
    [/^—$/, undefined],
  ];

  it.each(rows.map(([code, meaning, , duty]) => ({ code: Number(code), meaning, duty: duty ?? '' })))(
    'after $code ($meaning) the client $duty',
    ({ code, duty }) => {
      const found = duties.find(([pattern]) => pattern.test(duty));
      expect(found, `duty of ${code}`).toBeDefined();
      if (found?.[1] !== undefined) expect(afterClose(code)).toBe(found[1]);
      expect(isWireCloseCode(code)).toBe(true);
    },
  );

  it('has a row for each of ours, and no other', () => {
    // What only a relay sends, or what a WebSocket library answers by itself.
    const elsewhere = new Set<number>([CloseCode.ProtocolError, CloseCode.InvalidPayload]);
    const ours = Object.values(CloseCode).filter((code) => !elsewhere.has(code));
    expect(rows.map(([code]) => Number(code))).toEqual(ours.toSorted((a, b) => a - b));
  });

  it('says of every other code: below 4500 resume, from there on stop', () => {
    expect(words).toContain(
      'below 4500 (a connection that ended without any, 1005 and 1006, too) resume, from 4500 on stop',
    );
    const named = new Set(rows.map(([code]) => Number(code)));
    for (let code = 1000; code < 5000; code += 1) {
      if (!named.has(code)) expect(afterClose(code)).toBe(code < 4500 ? 'resume' : 'stop');
    }
  });

  it('answers what breaks the protocol with 4400', () => {
    expect(new ProtocolError('x').closeCode).toBe(4400);
  });
});

describe('kinds', () => {
  it('of holdfast.v1 are those of the table', () => {
    const rows = table(/^\| kind +\| name +\| from +\| body/m);
    const documented = rows.flatMap(([kinds, names]) =>
      (kinds ?? '').split(', ').map((kind, i) => [kindOf(kind), (names ?? '').split(', ')[i]]),
    );
    expect(documented.toSorted(byKind)).toEqual(kindsOf(SessionKind));
  });

  it('of topics are those of their table', () => {
    const documented = table(/^\| kind +\| of topics +\| from/m).map(([kind]) => kindOf(kind ?? ''));
    expect(new Set(documented)).toEqual(new Set(Object.values(TopicKind)));
  });

  it('leave the letters free that are said to be', () => {
    const [, ofTopics, free] =
      /`([a-z ]+)`, 0x02 and 0x03 are those of topics \(part 3\); `([a-z ]+)` are free/.exec(words) ?? [];
    const lettersOf = (kinds: object): string[] =>
      Object.values(kinds)
        .map((kind: number) => String.fromCharCode(kind))
        .filter((letter) => letter >= 'a');
    const listed = (ofTopics ?? '').split(' ');
    expect(lettersOf(TopicKind).toSorted()).toEqual(listed);
    const letters = Array.from({ length: 26 }, (_, i) => String.fromCharCode(0x61 + i));
    expect([...(free ?? '').split(' '), ...listed, ...lettersOf(SessionKind)].toSorted()).toEqual(letters);
  });

  it('of holdfast-trunk.v1 are those of the table', () => {
    const rows = table(/^\| kind +\| name +\| stream/m);
    expect(rows.map(([kind, name]) => [kindOf(kind ?? ''), name])).toEqual(kindsOf(TrunkKind));
  });

  it('that pass unread are text and ack', () => {
    expect(words).toContain('Workers look at nothing else of a data frame.');
    expect([SessionKind.Text, SessionKind.Ack].every(isEndToEnd)).toBe(true);
  });
});

describe('limits', () => {
  const { ACK_AFTER, CLIENT_QUEUE, DOWN_TAIL, PARKED_TAIL } = limits;
  const documented = new Map(table(/^\| limit/m).map(([name, value]) => [name, value]));
  const bytes = (value: number): string => `${value.toLocaleString('en')} bytes`;
  const ms = (value: number): string => `${value.toLocaleString('en')} ms`;
  const bound = (value: limits.Bound): string =>
    `${value.messages.toLocaleString('en')} messages, ${bytes(value.bytes)}`;
  const ours: readonly (readonly [string, string])[] = [
    ['time for `hello`', ms(limits.HELLO_TIMEOUT_MS)],
    ['JSON frame of `holdfast.v1`', bytes(limits.MAX_CONTROL_BYTES)],
    ['duration', ms(limits.MAX_DURATION_MS)],
    ['head of a data frame', bytes(limits.MAX_DATA_HEADER_BYTES)],
    ["client's window", bound(CLIENT_QUEUE)],
    ["backend's window per session", bound(DOWN_TAIL)],
    ['parked for a session', bound(PARKED_TAIL)],
    ['application state of a session', bytes(limits.MAX_STATE_BYTES)],
    ['acknowledge after', `${bound(ACK_AFTER)}, ${ms(ACK_AFTER.ms)}`],
    ['batch', bytes(limits.MAX_BATCH_BYTES)],
    ['message on a trunk', bytes(limits.MAX_MESSAGE_BYTES)],
    ['payload of a trunk frame', bytes(limits.MAX_FRAME_BYTES)],
    ['trunk handshake', ms(limits.TRUNK_HANDSHAKE_TIMEOUT_MS)],
    ['request on a trunk', ms(limits.REQUEST_TIMEOUT_MS)],
    ['open requests of one end', limits.MAX_OPEN_REQUESTS.toLocaleString('en')],
    ["payload of a trunk's ping", bytes(limits.MAX_PING_BYTES)],
    ['`hello`', bytes(limits.MAX_HELLO_BYTES)],
    ['name of a topic', bytes(limits.MAX_TOPIC_BYTES)],
    ["head of a topic's message", bytes(limits.MAX_TOPIC_HEADER_BYTES)],
    ['message of a topic', bytes(limits.MAX_TOPIC_MESSAGE_BYTES)],
    ['topics of a session', limits.MAX_SESSION_TOPICS.toLocaleString('en')],
    ['messages of a page', limits.MAX_HISTORY_MESSAGES.toLocaleString('en')],
    ['messages of a page, unasked', limits.DEFAULT_HISTORY_MESSAGES.toLocaleString('en')],
    ['payloads of a page; members', bytes(limits.MAX_TOPIC_RESULT_BYTES)],
    ['`info` of a member', bytes(limits.MAX_PRESENCE_INFO_BYTES)],
    ['key of a publish', bytes(limits.MAX_IDEMPOTENCY_KEY_BYTES)],
  ];

  it.each(ours)('%s: %s', (name, value) => {
    expect(documented.get(name)).toBe(value);
  });

  it('are all in the table, and none besides', () => {
    expect([...documented.keys()].toSorted()).toEqual(ours.map(([name]) => name).toSorted());
    const numeric = Object.entries(limits).filter(
      ([name, value]) => typeof value !== 'string' && name !== 'PROTOCOL_VERSION',
    );
    expect(numeric).toHaveLength(ours.length);
  });

  const { SESSION_SUBPROTOCOL, TRUNK_SUBPROTOCOL, TRUNK_PATH } = limits;
  it.each([
    `\`${SESSION_SUBPROTOCOL}\` between a client and a worker`,
    `\`${TRUNK_SUBPROTOCOL}\` between a worker and a backend`,
    `\`ws(s)://backend${TRUNK_PATH}\``,
    `"v":${limits.PROTOCOL_VERSION},`,
    `first frame, within ${limits.HELLO_TIMEOUT_MS / 1000} s`,
    `A JSON frame of a client is at most ${limits.MAX_CONTROL_BYTES / 1024} KiB, its \`hello\` ${limits.MAX_HELLO_BYTES / 1024} KiB`,
    `after ${ACK_AFTER.messages} messages, ${ACK_AFTER.bytes / 1024} KiB or ${ACK_AFTER.ms / 1000} s`,
    `a client keeps at most ${CLIENT_QUEUE.messages.toLocaleString('en')} messages or ${CLIENT_QUEUE.bytes / 2 ** 20} MiB`,
    `a backend ${DOWN_TAIL.messages.toLocaleString('en')} messages or ${DOWN_TAIL.bytes / 1024} KiB per session`,
    `at most ${PARKED_TAIL.messages.toLocaleString('en')} messages or ${PARKED_TAIL.bytes / 2 ** 20} MiB are parked`,
    `\`state\` is at most ${limits.MAX_STATE_BYTES / 1024} KiB`,
    `A batch is at most ${limits.MAX_BATCH_BYTES / 2 ** 20} MiB`,
    `A payload is at most ${limits.MAX_FRAME_BYTES / 2 ** 20} MiB, the largest message ${limits.MAX_MESSAGE_BYTES / 2 ** 20} MiB`,
    `\`ready\`, within ${limits.TRUNK_HANDSHAKE_TIMEOUT_MS / 1000} s`,
    `A request is answered within ${limits.REQUEST_TIMEOUT_MS / 1000} s`,
    `at most ${limits.MAX_OPEN_REQUESTS.toLocaleString('en')} of one end are open per trunk`,
    `up to ${limits.MAX_PING_BYTES} bytes`,
    `A name is 1 to ${limits.MAX_TOPIC_BYTES} bytes of UTF-8`,
    `at most ${limits.MAX_SESSION_TOPICS} of \`[topic, epoch, offset, flags?]\``,
    `At most \`limit\`, 1 to ${limits.MAX_HISTORY_MESSAGES.toLocaleString('en')} (${limits.DEFAULT_HISTORY_MESSAGES})`,
    `A page ends after ${limits.MAX_TOPIC_RESULT_BYTES / 2 ** 20} MiB of payload`,
    `an object of at most ${limits.MAX_PRESENCE_INFO_BYTES / 1024} KiB of JSON`,
    `the same \`key\` (up to ${limits.MAX_IDEMPOTENCY_KEY_BYTES} bytes)`,
    `at most ${limits.MAX_SESSION_TOPICS} asks`,
  ])('are the same in the prose: %s', (sentence) => {
    expect(words).toContain(sentence);
  });
});

it('has the error code in the README', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  expect(readme).toContain(`| \`${new ProtocolError('x').code}\` |`);
});

describe('reconnecting', () => {
  const [, least, most] = /`U\(0, clamp\(w, (\d+) ms, (\d+) s\)\)`/.exec(words) ?? [];
  const [, cap, base, factor] = /`U\(0, max\(w, min\((\d+) s, (\d+) s × ([\d.]+)\^k\)\)\)`/.exec(words) ?? [];
  const [, prompt] = /`U\(0, min\(w, (\d+) s\)\)`/.exec(words) ?? [];
  const seconds = (value: string | undefined): number => Number(value) * 1000;

  it.each([0, 1, 249, 5000, 119_000, 500_000])('waits as the formulas say with w = %i ms', (w) => {
    const window = Math.min(w, seconds(most));
    expect(firstDelayMs(w, 0.5) * 2).toBe(Math.max(Number(least), window));
    expect(promptDelayMs(w, 0.5) * 2).toBe(Math.min(w, seconds(prompt)));
    for (let k = 1; k < 12; k += 1) {
      const backoff = Math.min(seconds(cap), seconds(base) * Number(factor) ** k);
      expect(retryDelayMs(k, w, 0.5) * 2).toBeCloseTo(Math.max(window, backoff));
    }
  });

  it('calls a connection stable after as long as we do', () => {
    expect(words).toContain(`only after ${STABLE_AFTER_MS / 1000} s of a stable connection`);
  });
});

/** Cells of the table whose head matches. */
function table(head: RegExp): string[][] {
  const start = text.search(head);
  expect(start, `a table with the head ${head}`).toBeGreaterThan(-1);
  const lines = text.slice(start).split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|'));
  return lines.slice(2, end).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

/** `m` in backquotes is its character code, 0x01 itself. */
function kindOf(cell: string): number {
  return cell.startsWith('0x') ? Number(cell) : cell.replaceAll('`', '').charCodeAt(0);
}

function kindsOf(kinds: Readonly<Record<string, number>>): (readonly [number, string])[] {
  return Object.entries(kinds)
    .map(([name, kind]) => [kind, name.toLowerCase()] as const)
    .toSorted(byKind);
}

function byKind(a: readonly unknown[], b: readonly unknown[]): number {
  return Number(a[0]) - Number(b[0]);
}
