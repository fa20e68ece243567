import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { drain, type Drainable } from './drain.js';

describe('drain', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('closes every connection with 1001 and waits for all of them and for requests', async () => {
    const closes: number[] = [];
    const links = new Set<Drainable>();
    const closing = new Set<Drainable>();
    let requests = 1;
    for (let i = 0; i < 3; i += 1) {
      const link: Drainable = {
        close: (code) => {
          if (closing.has(link)) return;
          closing.add(link);
          closes.push(code);
          setTimeout(() => links.delete(link), 100);
        },
      };
      links.add(link);
    }
    setTimeout(() => (requests = 0), 500);
    const report = drain(links, () => requests, 5000);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await report).toEqual({ closed: 4, cut: 0 });
    expect(closes).toEqual([1001, 1001, 1001]);
  });

  it('closes a connection whose handshake ends meanwhile', async () => {
    const links = new Set<Drainable>();
    let pending = 1;
    let code = 0;
    const late: Drainable = {
      close: (given) => {
        code = given;
        links.delete(late);
      },
    };
    setTimeout(() => {
      pending = 0;
      links.add(late);
    }, 200);
    const report = drain(links, () => pending, 5000);
    await vi.advanceTimersByTimeAsync(1000);
    expect([await report, code]).toEqual([{ closed: 1, cut: 0 }, 1001]);
  });

  it('gives up at the deadline and says how many it cut', async () => {
    const report = drain(new Set([{ close: () => undefined }]), () => 2, 1000);
    await vi.advanceTimersByTimeAsync(1100);
    expect(await report).toEqual({ closed: 0, cut: 3 });
  });
});
