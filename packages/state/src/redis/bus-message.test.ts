import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseBusMessage, parsePresenceEvent } from './bus-message.js';

const EPOCH = 'abcDEF-_0123';

it('reads a message, and copies none of its bytes', () => {
  const payload = Buffer.concat([Buffer.from(`m${EPOCH}:17:1700000000000:b:`), Buffer.of(0, 255, 58)]);
  const parsed = parseBusMessage(payload);
  const message = { offset: 17, isBinary: true, data: Buffer.of(0, 255, 58), publishedAtMs: 1_700_000_000_000 };
  expect(parsed).toEqual({ epoch: EPOCH, message });
  expect(parsed?.message.data.buffer).toBe(payload.buffer);
});

it('reads whatever a publish writes', () => {
  const any = fc.record({
    offset: fc.maxSafeNat(),
    ms: fc.maxSafeNat(),
    isBinary: fc.boolean(),
    data: fc.uint8Array(),
  });
  const check = ({
    offset,
    ms,
    isBinary,
    data,
  }: {
    offset: number;
    ms: number;
    isBinary: boolean;
    data: Uint8Array;
  }): void => {
    const head = Buffer.from(`m${EPOCH}:${offset + 1}:${ms}:${isBinary ? 'b' : 't'}:`);
    const message = { offset: offset + 1, isBinary, data: Buffer.from(data), publishedAtMs: ms };
    expect(parseBusMessage(Buffer.concat([head, data]))).toEqual({ epoch: EPOCH, message });
  };
  fc.assert(
    fc.property(
      any.filter(({ offset }) => offset < Number.MAX_SAFE_INTEGER),
      check,
    ),
  );
});

it.each([
  '',
  'm',
  'hello',
  `m${EPOCH}`,
  `m${EPOCH}:`,
  `m${EPOCH}:1`,
  `m${EPOCH}:1:2`,
  `m${EPOCH}:1:2:t`,
  `m${EPOCH}:1:2:x:a`,
  `m${EPOCH}:0:2:t:a`,
  `m${EPOCH}:-1:2:t:a`,
  `m${EPOCH}:1e3:2:t:a`,
  `m${EPOCH}:12345678901234567:2:t:a`,
  `m${EPOCH}:9999999999999999:2:t:a`,
  `m${EPOCH}-:1:2:t:a`,
])('takes %j for no message', (text) => {
  expect(parseBusMessage(Buffer.from(text))).toBeUndefined();
});

it('reads changes of presence, and nothing else', () => {
  const read = (text: string): unknown => parsePresenceEvent(Buffer.from(text));
  expect(read('p{"info":"{\\"a\\":\\"ž\\"}","type":"join","id":"1\\/2"}')).toEqual({
    type: 'join',
    member: { id: '1/2', info: '{"a":"ž"}' },
  });
  for (const text of [
    '',
    'p',
    'p{',
    'p{}',
    'pnull',
    'p{"type":"jump","id":"a","info":""}',
    'p{"type":"join","id":1,"info":""}',
  ])
    expect(read(text)).toBeUndefined();
});

it('never throws, whatever is published there', () => {
  const check = (data: Uint8Array): void => {
    for (const start of ['', 'm', 'p', `m${EPOCH}:`]) {
      const payload = Buffer.concat([Buffer.from(start), data]);
      parseBusMessage(payload);
      parsePresenceEvent(payload);
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), check));
});
