import { describe, expect, it, vi } from 'vitest';
import type { LoadResult } from '../config/types.js';
import { type LogLine, openStage, type Stage, testConfig } from './testing/stage.js';

const SOON = { timeout: 8000, interval: 20 };

describe('a start', () => {
  it('is ready once all workers listen, and not before', async () => {
    await using stage = openStage({ workers: 2 });
    await stage.supervisor.start();
    expect(stage.supervisor.report().lifecycle).toBe('starting');
    await whenReady(stage);
    expect(stage.ready[0]).toMatchObject({ workers: 2, configVersion: 1, listen: [{ host: '127.0.0.1' }] });
    expect(stage.supervisor.report()).toMatchObject({ lifecycle: 'running', workers: [{ id: 1 }, { id: 2 }] });
  });

  it('ends with exit code 1 and the reason when no worker can listen', async () => {
    await using stage = openStage({ workers: 2, script: () => 'fail' });
    await stage.supervisor.start();
    const exit = await stage.supervisor.done;
    expect(exit.code).toBe(1);
    expect(exit.reason).toContain('expected a free port, got 8080 in use (exit code 1)');
  });

  it('goes on with the workers that listen when another cannot', async () => {
    await using stage = openStage({ workers: 2, script: (id) => (id === 2 ? 'fail' : 'serve') });
    await stage.supervisor.start();
    await vi.waitFor(() => expect(stage.supervisor.report().lifecycle).toBe('running'), SOON);
    expect(stage.ready).toEqual([]);
    expect(stage.supervisor.report().workers[1]?.lastExit).toContain('8080 in use');
  });

  it('can be stopped before any worker is there', async () => {
    await using stage = openStage();
    stage.supervisor.stop('SIGTERM');
    await stage.supervisor.start();
    expect(await stage.supervisor.done).toEqual({ code: 0, reason: 'drained' });
  });

  it('can be stopped while the workers start', async () => {
    await using stage = openStage({ workers: 2, script: () => 'mute' });
    await stage.supervisor.start();
    stage.supervisor.stop('SIGTERM');
    expect((await stage.supervisor.done).code).toBe(0);
  });
});

describe('a worker that dies', () => {
  it('is replaced, and the others do not notice', async () => {
    await using stage = openStage({ workers: 2 });
    const [first, second] = await readyPids(stage);
    process.kill(first!, 'SIGKILL');
    await vi.waitFor(() => expect(stage.supervisor.report().workers[0]?.restarts).toBe(1), SOON);
    await vi.waitFor(() => expect(stage.supervisor.report().workers[0]?.state).toBe('listening'), SOON);
    const [replaced, other] = pids(stage);
    expect(replaced).not.toBe(first);
    expect(other).toBe(second);
    expect(stage.supervisor.report().workers[0]?.lastExit).toBe('signal SIGKILL');
  });

  it('takes its counts along', async () => {
    await using stage = openStage({ workers: 2 });
    const [first] = await readyPids(stage);
    await vi.waitFor(() => expect(stage.supervisor.report().backends[0]?.load).toBe(3), SOON);
    await vi.waitFor(() => expect(sentLoads(stage, 1)).toEqual([{ web: { a: 2 } }]), SOON);
    process.kill(first!, 'SIGSTOP');
    process.kill(first!, 'SIGKILL');
    await vi.waitFor(() => expect(stage.supervisor.report().backends[0]?.load).toBe(2), SOON);
  });

  it('that keeps dying is told once as an error and tried on, more slowly', { timeout: 25_000 }, async () => {
    await using stage = openStage({ workers: 2, script: (id) => (id === 2 ? 'die' : 'serve') });
    await stage.supervisor.start();
    await vi.waitFor(() => expect(stage.supervisor.report().workers[1]?.isOverBudget).toBe(true), { timeout: 20_000 });
    const worker = stage.supervisor.report().workers[1]!;
    expect(worker.retryInMs).toBeGreaterThan(25_000);
    expect(linesWith(stage, 'worker keeps dying')).toMatchObject([
      { level: 'error', deaths: 11, reason: 'exit code 3' },
    ]);
    expect(stage.supervisor.report().workers[0]?.restarts).toBe(0);
  });
});

describe('a worker that is blocked', () => {
  it.each(['SIGUSR2', 'SIGSTOP'] as const)(
    'is told once, then killed and replaced (%s)',
    { timeout: 25_000 },
    async (signal) => {
      await using stage = openStage({ workers: 2, watchIntervalMs: 200 });
      const [first, second] = await readyPids(stage);
      process.kill(first!, signal);
      await vi.waitFor(() => expect(stage.supervisor.report().workers[0]?.isBlocked).toBe(true), SOON);
      expect(stage.supervisor.report().blocks).toBe(1);
      await vi.waitFor(() => expect(stage.supervisor.report().workers[0]?.restarts).toBe(1), SOON);
      expect(linesWith(stage, 'worker blocked')).toHaveLength(1);
      expect(linesWith(stage, 'worker killed')).toHaveLength(1);
      expect(pids(stage)[1]).toBe(second);
    },
  );

  it('counts as one again when it answers', async () => {
    await using stage = openStage({ watchIntervalMs: 200 });
    const [pid] = await readyPids(stage);
    process.kill(pid!, 'SIGSTOP');
    await vi.waitFor(() => expect(stage.supervisor.report().workers[0]?.isBlocked).toBe(true), SOON);
    process.kill(pid!, 'SIGCONT');
    await vi.waitFor(() => expect(stage.supervisor.report().workers[0]?.isBlocked).toBe(false), SOON);
    expect(pids(stage)).toEqual([pid]);
  });

  it('is killed as well when it never comes to listen', { timeout: 25_000 }, async () => {
    await using stage = openStage({ watchIntervalMs: 100, script: () => 'hang' });
    await stage.supervisor.start();
    expect(await stage.supervisor.done).toMatchObject({ code: 1, reason: expect.stringContaining('signal SIGKILL') });
  });
});

describe('a stop', () => {
  it('drains the workers and ends with exit code 0', async () => {
    await using stage = openStage({ workers: 2 });
    await readyPids(stage);
    stage.supervisor.stop('SIGTERM');
    expect(stage.supervisor.report().lifecycle).toBe('draining');
    expect(await stage.supervisor.done).toEqual({ code: 0, reason: 'drained' });
    expect(stage.sent.get(1)?.filter(({ type }) => type === 'drain')).toEqual([
      { type: 'drain', deadlineMs: 1000, windowMs: undefined, closesPerSecond: 0, hasSuccessors: false },
    ]);
    expect(linesWith(stage, 'worker died')).toEqual([]);
  });

  it('leaves them be until its grace is over, and stops at once when asked again in it', async () => {
    await using stage = openStage({ drainTimeoutMs: 60_000, drainGraceMs: 30_000 });
    await readyPids(stage);
    stage.supervisor.stop('SIGTERM');
    expect(stage.supervisor.report()).toMatchObject({ lifecycle: 'draining', drain: { phase: 'grace' } });
    expect(stage.sent.get(1)?.filter(({ type }) => type === 'drain')).toEqual([]);
    stage.supervisor.stop('SIGTERM');
    expect((await stage.supervisor.done).code).toBe(0);
  });

  it('closes when its grace is over', async () => {
    await using stage = openStage({ drainTimeoutMs: 1000, drainGraceMs: 50 });
    await readyPids(stage);
    stage.supervisor.stop('SIGTERM');
    expect((await stage.supervisor.done).code).toBe(0);
    expect(stage.sent.get(1)?.filter(({ type }) => type === 'drain')).toMatchObject([{ deadlineMs: 950 }]);
  });

  it('kills workers that miss the deadline, and still ends with exit code 0', async () => {
    await using stage = openStage({ drainTimeoutMs: 100, script: () => 'ignore-drain' });
    await readyPids(stage);
    stage.supervisor.stop('SIGTERM');
    expect((await stage.supervisor.done).code).toBe(0);
    expect(linesWith(stage, 'workers missed the deadline')).toMatchObject([{ level: 'warn', workers: 1 }]);
  });

  it('stops at once when it is asked a second time', async () => {
    await using stage = openStage({ drainTimeoutMs: 60_000, script: () => 'ignore-drain' });
    await readyPids(stage);
    stage.supervisor.stop('SIGTERM');
    stage.supervisor.stop('SIGINT');
    expect(await stage.supervisor.done).toEqual({ code: 0, reason: 'stopped at once: SIGINT' });
  });

  it('does not hang on a worker that the kernel has stopped', async () => {
    await using stage = openStage({ drainTimeoutMs: 100 });
    const [pid] = await readyPids(stage);
    process.kill(pid!, 'SIGSTOP');
    stage.supervisor.stop('SIGTERM');
    expect((await stage.supervisor.done).code).toBe(0);
  });
});

describe('replacing workers', () => {
  it('puts a new process in each place, which listens before the old one stops', async () => {
    await using stage = openStage({ workers: 2 });
    const before = await readyPids(stage);
    expect(stage.supervisor.replaceWorkers('a test')).toBe('started');
    expect(stage.supervisor.replaceWorkers('a test')).toBe('running');
    await vi.waitFor(
      () => expect(stage.supervisor.report().replacement).toMatchObject({ state: 'done', replaced: 2 }),
      SOON,
    );
    const { workers } = stage.supervisor.report();
    expect(workers.map(({ part, state }) => [part, state])).toEqual([
      ['member', 'listening'],
      ['member', 'listening'],
    ]);
    // The lowest that nobody had at that time.
    expect(workers.map(({ id }) => id)).toEqual([3, 1]);
    expect(workers.filter(({ pid }) => before.includes(pid))).toEqual([]);
    expect(linesWith(stage, 'worker died')).toEqual([]);
  });

  it('stops at the first that does not come up, and keeps the old one', async () => {
    const script = (workerId: number) => (workerId > 2 ? 'fail' : 'serve');
    await using stage = openStage({ workers: 2, script });
    const before = await readyPids(stage);
    stage.supervisor.replaceWorkers('a test');
    await vi.waitFor(() => expect(stage.supervisor.report().replacement).toMatchObject({ state: 'failed' }), SOON);
    const { replacement, workers } = stage.supervisor.report();
    expect(replacement?.problem).toContain('worker 1 was not replaced and goes on: expected a free port');
    expect(workers.map(({ pid }) => pid)).toEqual(before);
    expect(workers.every(({ state }) => state === 'listening')).toBe(true);
  });

  it('ends with the balancer, and is not begun while it stops', async () => {
    await using stage = openStage({ workers: 2, drainTimeoutMs: 500, script: () => 'ignore-drain' });
    await readyPids(stage);
    stage.supervisor.replaceWorkers('a test');
    await vi.waitFor(() => expect(stage.supervisor.report().workers).toHaveLength(3), SOON);
    stage.supervisor.stop('SIGTERM');
    expect(stage.supervisor.replaceWorkers('a test')).toBe('stopping');
    expect((await stage.supervisor.done).code).toBe(0);
  });
});

describe('a reload', () => {
  it('gives all workers the new config and waits for them', async () => {
    const config = testConfig({ workers: 2 });
    const next: LoadResult = {
      ok: true,
      config: { ...config, workers: 7, worker: { ...config.worker, drain: { ...config.worker.drain, timeoutMs: 5 } } },
      warnings: [],
    };
    await using stage = openStage({ workers: 2, load: () => Promise.resolve(next) });
    await readyPids(stage);
    expect(await stage.supervisor.reload()).toMatchObject({ ok: true, configVersion: 2, needsRestart: ['workers'] });
    const reloads = [...stage.sent.values()].flat().filter((message) => message.type === 'reload');
    expect(reloads).toMatchObject([{ configVersion: 2, config: { drain: { timeoutMs: 5 } } }, { configVersion: 2 }]);
  });

  it('is not taken any more while draining', async () => {
    await using stage = openStage({ script: () => 'ignore-drain' });
    await readyPids(stage);
    stage.supervisor.stop('SIGTERM');
    expect(await stage.supervisor.reload()).toBeUndefined();
  });
});

describe('what workers say', () => {
  it('is ignored when it is nonsense, and bad calls are answered', async () => {
    await using stage = openStage({ script: () => 'babble' });
    await readyPids(stage);
    await vi.waitFor(() => {
      const replies = stage.sent.get(1)?.filter(({ type }) => type === 'reply');
      expect(replies).toMatchObject([
        { id: 1, ok: false, error: expect.stringContaining('method: expected one of') },
        { id: 2, ok: true, value: -1 },
      ]);
    }, SOON);
    expect(linesWith(stage, 'message of a worker ignored')).toHaveLength(7);
    expect(stage.supervisor.report().workers[0]?.restarts).toBe(0);
  });

  it('about the shared state makes it degraded', async () => {
    await using stage = openStage({ watchIntervalMs: 200, script: () => 'degraded' });
    await readyPids(stage);
    const degraded = { status: 'degraded', detail: 'redis does not answer' };
    await vi.waitFor(() => expect(stage.supervisor.report().stateHealth).toEqual(degraded), SOON);
  });

  it('gives its metrics when asked, and a worker that does not answer is left out', async () => {
    await using stage = openStage({ workers: 2 });
    const [first] = await readyPids(stage);
    process.kill(first!, 'SIGSTOP');
    const [silent, other] = stage.supervisor.askMetrics('all');
    expect(await silent?.metrics).toBeUndefined();
    expect(await other?.metrics).toMatchObject([{ name: 'holdfast_test_total' }]);
  });
});

async function readyPids(stage: Stage): Promise<(number | undefined)[]> {
  await stage.supervisor.start();
  await whenReady(stage);
  return pids(stage);
}

function whenReady(stage: Stage): Promise<void> {
  return vi.waitFor(() => expect(stage.ready).toHaveLength(1), SOON);
}

function pids(stage: Stage): (number | undefined)[] {
  return stage.supervisor.report().workers.map(({ pid }) => pid);
}

function sentLoads(stage: Stage, workerId: number): object[] {
  const messages = stage.sent.get(workerId) ?? [];
  return messages.flatMap((message) => (message.type === 'loads' ? [message.loads] : []));
}

function linesWith({ logs }: Stage, text: string): LogLine[] {
  return logs.filter(({ msg }) => msg.includes(text));
}
