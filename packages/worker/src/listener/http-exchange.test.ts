import type { HttpResponse } from 'uWebSockets.js';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { requestWith } from '../testing/requests.js';
import { HttpExchange } from './http-exchange.js';

/** A native response that takes what the test lets it take. */
class FakeResponse {
  hasRoom = true;
  readonly calls: string[] = [];
  #written = 0;
  aborted: () => void = () => undefined;
  writable: (offset: number) => boolean = () => true;

  onAborted(handler: () => void): void {
    this.aborted = handler;
  }
  onWritable(handler: (offset: number) => boolean): void {
    this.writable = handler;
  }
  cork(work: () => void): void {
    work();
  }
  writeStatus(): void {}
  writeHeader(): void {}
  getWriteOffset(): number {
    return this.#written;
  }
  write(): boolean {
    return this.hasRoom;
  }
  tryEnd(chunk: Uint8Array | string, total: number): [boolean, boolean] {
    if (this.hasRoom) this.#written += chunk.length;
    return [this.hasRoom, this.#written >= total];
  }
  end(): void {
    this.calls.push('end');
  }
  close(): void {
    this.calls.push('close');
  }
}

function begun(contentLength: number | undefined): { native: FakeResponse; exchange: HttpExchange; done: () => void } {
  const native = new FakeResponse();
  const exchange = new HttpExchange(native as unknown as HttpResponse, requestWith());
  const done = vi.fn();
  exchange.onDone = done;
  exchange.start({ status: 200, headers: [], contentLength, hasBody: true });
  return { native, exchange, done };
}

describe.each([
  ['of known length', 4],
  ['in chunks', undefined],
])('an answer %s', (_name, contentLength) => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('is over at once for a client that reads', () => {
    const { exchange } = begun(contentLength);
    exchange.write(Buffer.from('body'));
    exchange.finish();
    expect(exchange.isOver).toBe(true);
  });

  it('is not over before a slow client has taken it', () => {
    const { native, exchange, done } = begun(contentLength);
    native.hasRoom = false;
    expect(exchange.write(Buffer.from('body'))).toBe(false);
    exchange.finish();
    expect([exchange.isOver, native.calls]).toEqual([false, []]);
    native.hasRoom = true;
    native.writable(0);
    expect(exchange.isOver).toBe(true);
    expect(native.calls).not.toContain('close');
    expect(done).toHaveBeenCalledOnce();
  });

  it.each([
    [10_000, true],
    [1000, false],
  ])('knows whether a client that goes after %i ms without reading was cut for that: %s', (ms, isStalled) => {
    const { native, exchange, done } = begun(contentLength);
    native.hasRoom = false;
    exchange.write(Buffer.from('body'));
    exchange.finish();
    vi.advanceTimersByTime(ms);
    native.aborted();
    expect(exchange.isStalled).toBe(isStalled);
    expect(done).not.toHaveBeenCalled();
  });

  it('is not stalled by a backend that is silent', () => {
    const { native, exchange } = begun(contentLength);
    exchange.write(Buffer.from('b'));
    vi.advanceTimersByTime(60_000);
    native.aborted();
    expect(exchange.isStalled).toBe(false);
  });
});
