/** What workers are told of topics, over real channels of real processes. */
import { describe, expect, it, vi } from 'vitest';
import { openStage, type Stage } from './testing/stage.js';

const SOON = { timeout: 15_000, interval: 50 };
/** What `shout` publishes. */
const SHOUTED = 1536;
/** The watchdog leaves stopped workers alone for so long. */
const PATIENT = { watchIntervalMs: 60_000 };

describe('a worker that hears a topic', { timeout: 60_000 }, () => {
  it('is told everything once, in order', async () => {
    await using stage = await ready();
    shout(stage);
    await vi.waitFor(async () => expect((await heardBy(stage, 1)).last).toBe(SHOUTED), SOON);
    expect(await heardBy(stage, 1)).toEqual({ lives: 1, messages: SHOUTED, last: SHOUTED });
  });

  it('loses messages while the kernel has stopped it, and is told that it may have when it goes on', async () => {
    await using stage = await ready();
    const pid = pidOf(stage, 1);
    process.kill(pid, 'SIGSTOP');
    shout(stage);
    await vi.waitFor(() => expect(linesWith(stage, 'worker behind with its topics')).toHaveLength(1), SOON);
    process.kill(pid, 'SIGCONT');
    await vi.waitFor(async () => expect((await heardBy(stage, 1)).lives).toBe(2), SOON);
    shout(stage);
    await vi.waitFor(async () => expect((await heardBy(stage, 1)).last).toBe(2 * SHOUTED), SOON);
    const { lives, messages } = await heardBy(stage, 1);
    expect(lives).toBe(2);
    expect(messages).toBeLessThan(2 * SHOUTED);
  });

  it('is forgotten when it dies; the process after it is told what it asks for', async () => {
    await using stage = await ready();
    process.kill(pidOf(stage, 1), 'SIGKILL');
    await vi.waitFor(() => expect(stage.supervisor.report().workers[0]?.restarts).toBe(1), SOON);
    await vi.waitFor(async () => expect((await heardBy(stage, 1)).lives).toBe(1), SOON);
    shout(stage);
    await vi.waitFor(async () => expect((await heardBy(stage, 1)).messages).toBe(SHOUTED), SOON);
    expect((await heardBy(stage, 1)).lives).toBe(1);
  });
});

interface Heard {
  readonly lives: number;
  readonly messages: number;
  /** Offset of the last message. */
  readonly last: number;
}

async function ready(): Promise<Stage> {
  const stage = openStage({ workers: 2, script: (id) => (id === 1 ? 'hear' : 'shout'), ...PATIENT });
  await stage.supervisor.start();
  await vi.waitFor(() => expect(stage.ready).toHaveLength(1), SOON);
  await vi.waitFor(async () => expect((await heardBy(stage, 1)).lives).toBe(1), SOON);
  return stage;
}

async function heardBy(stage: Stage, workerId: number): Promise<Heard> {
  const asked = stage.supervisor.askMetrics('all').find((worker) => worker.workerId === workerId);
  const [heard] = (await asked?.metrics) ?? [];
  return (heard ?? { lives: 0, messages: 0, last: 0 }) as Heard;
}

function shout(stage: Stage): void {
  process.kill(pidOf(stage, 2), 'SIGHUP');
}

function pidOf(stage: Stage, workerId: number): number {
  return stage.supervisor.report().workers[workerId - 1]?.pid as number;
}

function linesWith(stage: Stage, text: string): readonly object[] {
  return stage.logs.filter(({ msg }) => msg.includes(text));
}
