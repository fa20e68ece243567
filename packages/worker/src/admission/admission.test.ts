import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Admission, type Entrant } from './admission.js';

class Knocking implements Entrant {
  readonly isResume: boolean;
  hasLeft = false;
  enteredAtMs: number | undefined;
  delayMs: number | undefined;

  constructor(isResume = false) {
    this.isResume = isResume;
  }

  isGone(): boolean {
    return this.hasLeft;
  }

  enter(): void {
    this.enteredAtMs = performance.now();
  }

  refuse(delayMs: number): void {
    this.delayMs = delayMs;
  }
}

describe('Admission', () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: 0 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  function admissionOf(perSecond: number): { admission: Admission; knock: (isResume?: boolean) => Knocking } {
    const admission = new Admission(
      { perSecond, fleetPerSecond: 0 },
      { random: () => 0.5, onRefused: () => undefined },
    );
    const knock = (isResume = false): Knocking => {
      const entrant = new Knocking(isResume);
      admission.ask(entrant);
      return entrant;
    };
    return { admission, knock };
  }

  it('has those wait who are early, and lets them in at its rate', async () => {
    const { knock } = admissionOf(100);
    const all = Array.from({ length: 60 }, () => knock());
    expect(all.filter(({ enteredAtMs }) => enteredAtMs !== undefined)).toHaveLength(10);
    await vi.advanceTimersByTimeAsync(250);
    const letIn = all.filter(({ enteredAtMs }) => enteredAtMs !== undefined).length;
    expect(letIn).toBeGreaterThanOrEqual(33);
    expect(letIn).toBeLessThanOrEqual(36);
    await vi.advanceTimersByTimeAsync(1000);
    expect(all.every(({ enteredAtMs }) => enteredAtMs !== undefined)).toBe(true);
  });

  it('promises a slot of its own to each for whom the line is too long, and has room for it then', async () => {
    const { knock } = admissionOf(100);
    const all = Array.from({ length: 400 }, () => knock());
    const refused = all.filter(({ delayMs }) => delayMs !== undefined);
    expect(refused).toHaveLength(290);
    let tries = 0;
    const again = refused.map(
      ({ delayMs }) =>
        new Promise<Knocking>((resolve) => {
          setTimeout(() => {
            tries += 1;
            resolve(knock());
          }, delayMs);
        }),
    );
    await vi.advanceTimersByTimeAsync(10_000);
    const second = await Promise.all(again);
    expect(tries).toBe(290);
    expect(second.every(({ enteredAtMs }) => enteredAtMs !== undefined)).toBe(true);
  });

  it('lets those in first who resume', async () => {
    const { knock } = admissionOf(10);
    knock();
    const young = knock();
    const resumes = Array.from({ length: 9 }, () => knock(true));
    await vi.advanceTimersByTimeAsync(920);
    expect(resumes.every(({ enteredAtMs }) => enteredAtMs !== undefined)).toBe(true);
    expect(young.enteredAtMs).toBeUndefined();
    await vi.advanceTimersByTimeAsync(200);
    expect(young.enteredAtMs).toBeDefined();
  });

  it('does not pass anybody over for ever', async () => {
    const { knock } = admissionOf(10);
    knock();
    const young = knock();
    for (let i = 0; i < 50 && young.delayMs === undefined; i += 1) {
      knock(true);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(young.delayMs).toBeGreaterThanOrEqual(1000);
  });

  it('spends nothing on those who have left', async () => {
    const { knock } = admissionOf(10);
    knock();
    for (let i = 0; i < 8; i += 1) knock().hasLeft = true;
    const last = knock();
    await vi.advanceTimersByTimeAsync(101);
    expect(last.enteredAtMs).toBeDefined();
  });

  it('under pressure lets in only those who resume', () => {
    const { admission, knock } = admissionOf(100);
    admission.isClosedToNew = true;
    expect(knock().delayMs).toBeGreaterThan(1000);
    expect(knock(true).enteredAtMs).toBeDefined();
    expect(admission.counts).toEqual({ resumesIn: 1, resumesRefused: 0, newIn: 0, newRefused: 1 });
  });

  it('sends away whoever still waits when it closes', () => {
    const { admission, knock } = admissionOf(1);
    knock();
    const waits = knock();
    admission.close();
    expect(waits.delayMs).toBeGreaterThan(0);
  });
});
