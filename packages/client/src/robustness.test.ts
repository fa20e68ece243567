/** Whatever a server sends, in whatever state: a value, an event or a close; never an exception out of a socket's handler. */
import { encodeWelcome } from '@holdfast/protocol';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { settled, Stage, WELCOME } from './testing/stage.js';

const SEED = Number(process.env['HOLDFAST_SEED'] ?? 7_031);
const number = fc.oneof(fc.nat(40), fc.constantFrom(-1, 0.5, 2 ** 31, 2 ** 53, Number.MAX_SAFE_INTEGER, null, 'x'));
const VALID = { ...WELCOME, cause: 'failover', code: 4100, reason: 'why', delayMs: 10, deadlineMs: 10 };
/** Every field that any frame has, right but for at most one. */
const fields = fc
  .tuple(
    fc.constantFrom(...Object.keys(VALID), 'lost', 'nothing'),
    fc.oneof(number, fc.string(), fc.jsonValue(), fc.record({ from: number, to: number }), fc.boolean()),
  )
  .map(([name, value]) => ({ ...VALID, [name]: value }));
const kind = fc.constantFrom(...'mahwrygpqtucbz{\u0000');
const frame = fc.oneof(
  fc.tuple(fc.nat(50), fc.nat(5), fc.string()).map(([n, ack, text]) => `m${n.toString(36)}.${ack}:${text}`),
  fc.tuple(kind, fields).map(([type, body]) => type + JSON.stringify(body)),
  fc.tuple(kind, fc.oneof(fc.string(), fc.json())).map(([type, rest]) => type + rest),
  fc.string(),
  fc.uint8Array({ maxLength: 30 }).map((bytes) => bytes.slice().buffer),
  fc.constantFrom(undefined, null, 7, -1, {}, new Blob(['x'])),
);

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('a server that sends anything', () => {
  it(`is survived (seed ${SEED})`, { timeout: 60_000 }, async () => {
    const seen = new Set<string>();
    const history = fc.array(frame, { maxLength: 12 });
    const property = fc.asyncProperty(history, fc.boolean(), async (frames, isWelcomed) => {
      const stage = new Stage();
      stage.session.send('one');
      await settled();
      stage.socket.accept();
      if (isWelcomed) stage.socket.receive(encodeWelcome(WELCOME));
      for (const data of frames) {
        stage.socket.receive(data);
        if (stage.session.state === 'suspended') await stage.dialled(stage.network.sockets.length + 1);
        stage.socket.accept();
      }
      for (const { type } of stage.events) seen.add(type);
      expect(stage.of('close').length).toBe(stage.session.state === 'closed' ? 1 : 0);
      stage.session.close();
      expect(vi.getTimerCount()).toBe(0);
      expect(stage.network.live).toEqual([]);
    });
    await fc.assert(property, { seed: SEED, numRuns: 700 });
    expect([...seen].sort()).toEqual(expect.arrayContaining(['close', 'error', 'message', 'rehomed', 'statechange']));
  });
});
