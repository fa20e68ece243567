import { randomBytes } from 'node:crypto';
import type { TopicAnswer, TopicQuestion } from '@holdfast/worker';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import type { AdminControl } from './control.js';
import { type AdminServer, startAdminServer } from './server.js';

const PUBLISHED: TopicAnswer = { what: 'published', epoch: 'AAAAAAAAAAAA', offset: 7, isRepeat: false };
const servers: AdminServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

describe('POST /v1/publish', () => {
  it('publishes text, and answers where it is', async () => {
    const { publish, asked } = await open(PUBLISHED);
    const answer = await publish({ topic: 'room:1', data: 'hällo', idempotencyKey: 'k1' });
    expect(answer).toEqual({ status: 200, body: { epoch: 'AAAAAAAAAAAA', offset: 7 } });
    expect(asked).toEqual([
      {
        what: 'publish',
        topic: 'room:1',
        isBinary: false,
        data: Buffer.from('hällo'),
        idempotencyKey: 'k1',
      },
    ]);
  });

  it('publishes bytes', async () => {
    const { publish, asked } = await open(PUBLISHED);
    const bytes = randomBytes(1_048_576);
    expect(await publish({ topic: 'a', base64: bytes.toString('base64') })).toMatchObject({ status: 200 });
    expect(asked).toMatchObject([{ isBinary: true }]);
    expect(bytes.equals((asked[0] as { data: Uint8Array }).data)).toBe(true);
  });

  it('says that it was published before', async () => {
    const { publish } = await open({ ...PUBLISHED, isRepeat: true });
    expect(await publish({ topic: 'a', data: '', idempotencyKey: 'k' })).toMatchObject({ body: { repeated: true } });
  });

  it('makes up a key for each publish that has none', async () => {
    const { publish, asked } = await open(PUBLISHED);
    await publish({ topic: 'a', data: 'x' });
    await publish({ topic: 'a', data: 'x' });
    const keys = asked.map((question) => (question.what === 'publish' ? question.idempotencyKey : ''));
    expect(keys[0]).toMatch(/^admin:[\w-]{16}$/);
    expect(keys[1]).not.toBe(keys[0]);
  });

  it.each<[string, unknown, string]>([
    ['a list', [], 'expected a JSON object, got []'],
    ['no topic', { data: 'x' }, 'expected topic: 1 to 200 bytes of UTF-8 without control characters, got nothing'],
    ['an empty topic', { topic: '', data: 'x' }, 'expected topic: 1 to 200 bytes'],
    ['a long topic', { topic: 'ä'.repeat(101), data: 'x' }, 'expected topic: 1 to 200 bytes'],
    ['a line break in the topic', { topic: 'a\n', data: 'x' }, 'expected topic: 1 to 200 bytes'],
    ['nothing to publish', { topic: 'a' }, 'expected data (a text) or base64, got nothing'],
    ['a number', { topic: 'a', data: 1 }, 'expected data (a text) or base64, got 1'],
    ['both kinds', { topic: 'a', data: 'x', base64: 'eA==' }, 'expected either data or base64, got "both"'],
    ['half of a character', { topic: 'a', data: '\ud800' }, 'expected data: a text without lone surrogates'],
    ['no base64', { topic: 'a', base64: 'e A' }, 'expected base64: bytes in base64, with its padding, got "e A"'],
    ['base64 of a number', { topic: 'a', base64: 5 }, 'expected base64: bytes in base64, with its padding, got 5'],
    ['an unknown key', { topic: 'a', data: 'x', to: 1 }, 'expected only the keys topic, data, base64, idempotencyKey'],
    ['an empty idempotency key', { topic: 'a', data: 'x', idempotencyKey: '' }, 'expected idempotencyKey: a text of 1'],
    ['a long one', { topic: 'a', data: 'x', idempotencyKey: 'k'.repeat(129) }, 'expected idempotencyKey: a text of 1'],
  ])('refuses %s', async (_, body, message) => {
    const { publish, asked } = await open(PUBLISHED);
    const answer = await publish(body);
    expect(answer).toMatchObject({ status: 400, body: { error: { message: expect.stringContaining(message) } } });
    expect(asked).toEqual([]);
  });

  it('refuses what is larger than any message', async () => {
    const { publish } = await open(PUBLISHED);
    expect(await publish({ topic: 'a', data: 'x'.repeat(1_048_577) })).toEqual({
      status: 413,
      body: {
        error: {
          code: 'MESSAGE_TOO_LARGE',
          message: 'expected a message of at most 1048576 bytes, got 1048577 bytes',
          expected: 'a message of at most 1048576 bytes',
          got: '1048577 bytes',
        },
      },
    });
    expect(await publish({ topic: 'a', data: 'x'.repeat(3_000_000) })).toMatchObject({
      status: 413,
      body: { error: { code: 'BODY_TOO_LARGE', expected: 'a body of at most 2097152 bytes' } },
    });
  });

  it('refuses what is larger than the rule of the topic allows', async () => {
    const { publish } = await open({ what: 'tooLarge', maxBytes: 2 });
    expect(await publish({ topic: 'a', data: 'xxx' })).toMatchObject({
      status: 413,
      body: { error: { code: 'MESSAGE_TOO_LARGE', expected: 'a message of at most 2 bytes', got: '3 bytes' } },
    });
  });

  it('is 503 while the shared state does not answer', async () => {
    const { publish } = await open({ what: 'unavailable', detail: 'redis: timed out' });
    expect(await publish({ topic: 'a', data: 'x' })).toMatchObject({
      status: 503,
      body: { error: { code: 'STATE_UNAVAILABLE', got: 'redis: timed out' } },
    });
  });
});

describe('GET /v1/topics/:topic/history', () => {
  const page: TopicAnswer = {
    what: 'history',
    epoch: 'AAAAAAAAAAAA',
    top: 9,
    messages: [
      { offset: 8, isBinary: false, data: new TextEncoder().encode('ä'), publishedAtMs: 0 },
      { offset: 9, isBinary: true, data: new Uint8Array([0, 255]), publishedAtMs: 1000 },
    ],
    more: true,
  };

  it('shows what is kept', async () => {
    const { get, asked } = await open(page);
    expect(await get('/v1/topics/room:1/history')).toEqual({
      status: 200,
      body: {
        epoch: 'AAAAAAAAAAAA',
        top: 9,
        messages: [
          { offset: 8, data: 'ä', at: '1970-01-01T00:00:00.000Z' },
          { offset: 9, base64: 'AP8=', at: '1970-01-01T00:00:01.000Z' },
        ],
        more: true,
      },
    });
    await get('/v1/topics/room:1/history?since=7&limit=1000&reverse=true');
    expect(asked).toEqual([
      { what: 'history', topic: 'room:1', since: undefined, limit: 100, isReverse: false },
      { what: 'history', topic: 'room:1', since: 7, limit: 1000, isReverse: true },
    ]);
  });

  it.each(['a/b c', '☃'.repeat(66), '%', 'x'.repeat(200), '?since=1'])('takes any topic: %j', async (topic) => {
    const { get, asked } = await open(page);
    expect(await get(`/v1/topics/${encodeURIComponent(topic)}/history`)).toMatchObject({ status: 200 });
    expect(asked).toMatchObject([{ topic }]);
  });

  it.each([
    ['since=-1', 'expected since: the offset of a message, got "-1"'],
    ['since=1&since=2', 'expected since: the offset of a message, got ["1","2"]'],
    ['limit=0', 'expected limit: a whole number from 1 to 1000, got "0"'],
    ['limit=1001', 'expected limit: a whole number from 1 to 1000, got "1001"'],
    ['reverse=yes', 'expected reverse: true or false, got "yes"'],
  ])('refuses ?%s', async (query, message) => {
    const { get } = await open(page);
    expect(await get(`/v1/topics/a/history?${query}`)).toMatchObject({
      status: 400,
      body: { error: { code: 'INVALID_QUERY', message } },
    });
  });

  it('refuses what is no topic', async () => {
    const { get } = await open(page);
    for (const topic of ['%0A', 'x'.repeat(201)]) {
      expect(await get(`/v1/topics/${topic}/history`)).toMatchObject({
        status: 400,
        body: { error: { code: 'INVALID_TOPIC' } },
      });
    }
  });
});

describe('GET /v1/topics/:topic/presence', () => {
  it('shows who is there', async () => {
    const { get, asked } = await open({
      what: 'presence',
      members: [
        { id: 's1', info: '{"name":"Ada"}', owner: 'w1' },
        { id: 's2', info: '', owner: '' },
      ],
      total: 5,
    });
    expect(await get('/v1/topics/lobby/presence?limit=2')).toEqual({
      status: 200,
      body: {
        members: [
          { id: 's1', info: { name: 'Ada' }, worker: 'w1' },
          { id: 's2', info: null, worker: null },
        ],
        total: 5,
      },
    });
    expect(asked).toEqual([{ what: 'presence', topic: 'lobby', limit: 2 }]);
  });

  it('refuses a limit that nobody could read', async () => {
    const { get } = await open({ what: 'presence', members: [], total: 0 });
    expect(await get('/v1/topics/a/presence?limit=10001')).toMatchObject({ status: 400 });
  });
});

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

interface OpenAdmin {
  readonly asked: TopicQuestion[];
  readonly get: (path: string) => Promise<Answer>;
  readonly publish: (body: unknown) => Promise<Answer>;
}

async function open(answer: TopicAnswer): Promise<OpenAdmin> {
  const asked: TopicQuestion[] = [];
  const topics: AdminControl['topics'] = (question) => {
    asked.push(question);
    return Promise.resolve(answer);
  };
  const server = await startAdminServer(
    { host: '127.0.0.1', port: 0, token: undefined },
    // The routes of topics ask nothing else.
    { control: { topics } as AdminControl, identity: { version: '1.2.3', file: 'f' }, log: pino({ level: 'silent' }) },
  );
  servers.push(server);
  const ask = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
    return { status: response.status, body: await response.json() };
  };
  return {
    asked,
    get: (path) => ask(path, {}),
    publish: (body) => ask('/v1/publish', { method: 'POST', body: JSON.stringify(body) }),
  };
}
