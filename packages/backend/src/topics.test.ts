/** History and presence: questions that any worker answers. And publishing, as far as one worker is enough for it. */
import { describe, expect, it } from 'vitest';
import type { BackendError } from './errors.js';
import type { FakeRequest, FakeWorker } from './testing/fake-worker.js';
import { pass, useStage } from './testing/stage.js';

const own = useStage();
const EPOCH = 'Zm9vYmFyYmF6';

/** As it settles: a value, or an error. */
async function settled(promise: Promise<unknown>): Promise<unknown> {
  const result = promise.catch((error: unknown) => error);
  await pass(20_000);
  return Promise.race([result, Promise.resolve('pending')]);
}

function requestsOf({ requests }: FakeWorker): readonly FakeRequest[] {
  return requests.filter(({ op }) => ['publish', 'history', 'presence'].includes(op));
}

describe('publish', () => {
  it('answers where the message is', async () => {
    const worker = own.stage.worker({ onRequest: () => ({ epoch: EPOCH, offset: 42, other: 1 }) });
    expect(await settled(own.stage.backend.publish('room', 'hello 世界'))).toEqual({ epoch: EPOCH, offset: 42 });
    const [request] = requestsOf(worker);
    expect(request?.body).toMatchObject({ op: 'publish', topic: 'room' });
    expect(request?.tail).toEqual([{ n: 1, isBinary: false, data: new Uint8Array(Buffer.from('hello 世界')) }]);
  });

  it('takes bytes of any kind, and copies them', async () => {
    const worker = own.stage.worker();
    const bytes = Uint8Array.of(0, 1, 2, 3);
    void own.stage.backend.publish('room', bytes).catch(() => undefined);
    void own.stage.backend.publish('room', bytes.buffer).catch(() => undefined);
    void own.stage.backend.publish('room', new DataView(bytes.buffer, 1, 2)).catch(() => undefined);
    void own.stage.backend.publish('room', Buffer.from([9])).catch(() => undefined);
    bytes.fill(7);
    await pass(1);
    expect(requestsOf(worker).map(({ tail }) => [tail[0]?.isBinary, ...(tail[0]?.data ?? [])])).toEqual([
      [true, 0, 1, 2, 3],
      [true, 0, 1, 2, 3],
      [true, 1, 2],
      [true, 9],
    ]);
  });

  it('sends the key that it was given, and another one for each message otherwise', async () => {
    const worker = own.stage.worker({ onRequest: () => ({ epoch: EPOCH, offset: 1 }) });
    const { backend } = own.stage;
    await settled(
      Promise.all([
        backend.publish('a', '1', { idempotencyKey: 'order-7' }),
        backend.publish('a', '2'),
        backend.publish('a', '3'),
      ]),
    );
    const keys = requestsOf(worker).map(({ body }) => body['key']);
    expect(keys[0]).toBe('order-7');
    expect(new Set(keys).size).toBe(3);
    const incarnation = worker.of('ready')[0]?.body?.['incarnation'];
    expect(keys[1]).toBe(`${String(incarnation)}:1`);
  });

  it.each<[string, unknown, object | undefined, string]>([
    ['', 'x', undefined, 'BACKEND_BAD_TOPIC'],
    ['a\n', 'x', undefined, 'BACKEND_BAD_TOPIC'],
    ['a', 7, undefined, 'BACKEND_BAD_DATA'],
    ['a', { text: 'x' }, undefined, 'BACKEND_BAD_DATA'],
    ['a', 'é'.repeat(524_289), undefined, 'BACKEND_MESSAGE_TOO_BIG'],
    ['a', 'x', { idempotencyKey: '' }, 'BACKEND_BAD_OPTION'],
    ['a', 'x', { idempotencyKey: 'é'.repeat(65) }, 'BACKEND_BAD_OPTION'],
    ['a', 'x', { idempotencyKey: 7 }, 'BACKEND_BAD_OPTION'],
  ])('of topic %j, %o, %o is a mistake: %s', (topic, data, options, code) => {
    const worker = own.stage.worker();
    expect(() => own.stage.backend.publish(topic, data as string, options)).toThrow(expect.objectContaining({ code }));
    expect(requestsOf(worker)).toEqual([]);
  });

  it.each([
    ['unavailable', true, 'BACKEND_TOPIC_UNAVAILABLE'],
    ['size', false, 'BACKEND_TOPIC_REFUSED'],
  ])('that is answered %s is not repeated', async (answer, retryable, code) => {
    const worker = own.stage.worker();
    const published = settled(own.stage.backend.publish('room', 'x'));
    await pass(1);
    worker.fail(requestsOf(worker)[0]!, answer, retryable);
    expect(await published).toMatchObject({ code, retryable });
    expect(requestsOf(worker)).toHaveLength(1);
  });

  it('with an answer that cannot be read fails, and the trunk goes on', async () => {
    const worker = own.stage.worker({ onRequest: () => ({ epoch: 'short', offset: 1 }) });
    expect(await settled(own.stage.backend.publish('room', 'x'))).toMatchObject({ code: 'BACKEND_TOPIC_REFUSED' });
    expect(worker.transport.end).toBeUndefined();
  });

  it('without an answer fails after 5 s, and says that nobody knows', async () => {
    own.stage.worker();
    const published = own.stage.backend.publish('room', 'x').catch((error: unknown) => error as BackendError);
    await pass(4700);
    expect(await Promise.race([published, 'pending'])).toBe('pending');
    await pass(600);
    const error = await published;
    expect(error).toMatchObject({ code: 'BACKEND_NO_ANSWER', retryable: true });
    expect((error as BackendError).message).toContain('nobody knows');
  });

  it('waits 5 s for a worker, then fails as never asked', async () => {
    const published = own.stage.backend.publish('room', 'x').catch((error: unknown) => error);
    await pass(4700);
    expect(await Promise.race([published, 'pending'])).toBe('pending');
    await pass(600);
    expect(await published).toMatchObject({ code: 'BACKEND_NO_WORKER', retryable: true });
  });

  it('is refused above 10,000 that wait, or 64 MiB', async () => {
    const { backend } = own.stage;
    own.stage.worker();
    const outcomes: unknown[] = [];
    const publish = (data: string): void => {
      void backend.publish('room', data).catch(({ code }: BackendError) => outcomes.push(code));
    };
    for (let i = 0; i < 10_001; i += 1) publish('');
    await pass(1);
    expect(outcomes).toEqual(['BACKEND_BUSY']);
    await pass(6000);
    expect(outcomes.filter((code) => code === 'BACKEND_NO_ANSWER')).toHaveLength(10_000);
    const mebibyte = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 65; i += 1) publish(mebibyte);
    await pass(1);
    expect(outcomes.filter((code) => code === 'BACKEND_BUSY')).toHaveLength(2);
  });

  it('ends with the backend', async () => {
    own.stage.worker();
    const published = own.stage.backend.publish('room', 'x').catch((error: unknown) => error);
    await own.stage.backend.close();
    expect(await published).toMatchObject({ code: 'BACKEND_CLOSED' });
    const late = own.stage.backend.publish('room', 'x').catch((error: unknown) => error);
    expect(await late).toMatchObject({ code: 'BACKEND_CLOSED' });
  });
});

describe('history', () => {
  const page = {
    epoch: EPOCH,
    top: 9,
    messages: [
      { offset: 8, data: 'a', atMs: 5 },
      { offset: 9, base64: 'AP8=', atMs: 6 },
    ],
    more: true,
  };

  it('asks, and reads text and bytes', async () => {
    const worker = own.stage.worker({ onRequest: () => page });
    const { backend } = own.stage;
    expect(await settled(backend.history('room', { since: 7, limit: 2, reverse: true }))).toEqual({
      epoch: EPOCH,
      top: 9,
      messages: [
        { offset: 8, data: 'a', atMs: 5 },
        { offset: 9, data: Uint8Array.of(0, 255), atMs: 6 },
      ],
      more: true,
    });
    expect(requestsOf(worker)[0]?.body).toMatchObject({
      op: 'history',
      topic: 'room',
      since: 7,
      limit: 2,
      reverse: true,
    });
  });

  it.each([{ limit: 0 }, { limit: 1001 }, { limit: 1.5 }, { since: -1 }])('refuses %o', (options) => {
    own.stage.worker();
    expect(() => own.stage.backend.history('room', options)).toThrow(
      expect.objectContaining({ code: 'BACKEND_BAD_OPTION' }),
    );
    expect(() => own.stage.backend.history('')).toThrow(expect.objectContaining({ code: 'BACKEND_BAD_TOPIC' }));
  });

  it('asks another worker when the one that was asked is lost', async () => {
    const first = own.stage.worker({ name: '1'.repeat(16) });
    const second = own.stage.worker({ name: '2'.repeat(16) });
    const asked = own.stage.backend.history('room');
    await pass(1);
    const [lost, other] = requestsOf(first).length > 0 ? [first, second] : [second, first];
    lost.transport.lose();
    await pass(1);
    other.answer(requestsOf(other)[0]!, page);
    expect(await settled(asked)).toMatchObject({ top: 9 });
  });

  it('fails at once without a worker', async () => {
    const error = await own.stage.backend.history('room').catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'BACKEND_NO_WORKER', retryable: true });
  });
});

describe('presence', () => {
  it('answers who is there', async () => {
    const members = [{ id: 'a', info: { name: 'Zoë' } }, { id: 'b' }];
    const worker = own.stage.worker({ onRequest: () => ({ members, total: 3 }) });
    expect(await settled(own.stage.backend.presence('room'))).toEqual({
      members: [members[0], { id: 'b', info: undefined }],
      total: 3,
    });
    expect(requestsOf(worker)[0]?.body).toMatchObject({ op: 'presence', topic: 'room' });
    expect(() => own.stage.backend.presence('')).toThrow(expect.objectContaining({ code: 'BACKEND_BAD_TOPIC' }));
  });

  it('fails when shared state is away', async () => {
    const worker = own.stage.worker();
    const asked = own.stage.backend.presence('room').catch((error: unknown) => error);
    await pass(1);
    worker.fail(requestsOf(worker)[0]!, 'unavailable', true);
    expect(await settled(asked)).toMatchObject({ code: 'BACKEND_TOPIC_UNAVAILABLE', retryable: true });
  });
});
