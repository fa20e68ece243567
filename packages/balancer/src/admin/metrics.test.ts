import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { wellReport } from '../supervisor/testing/report.js';
import { Metrics } from './metrics.js';

const open: Metrics[] = [];
afterEach(() => {
  for (const metrics of open.splice(0)) metrics.stop();
});

describe('metrics of workers', () => {
  it('are one picture: counters and histograms summed, gauges kept apart by worker', async () => {
    const { metrics, workers } = stage(2);
    workers[0]!.count(3);
    workers[1]!.count(4);
    const text = await metrics.render();
    expect(lines(text, 'holdfast_connections_total')).toEqual(['holdfast_connections_total{route="web"} 7']);
    expect(lines(text, 'holdfast_open')).toEqual(['holdfast_open{worker="1"} 3', 'holdfast_open{worker="2"} 4']);
    expect(lines(text, 'holdfast_took_seconds_count')).toEqual(['holdfast_took_seconds_count{route="web"} 7']);
    expect(lines(text, 'holdfast_took_seconds_bucket')).toContain('holdfast_took_seconds_bucket{le="1",route="web"} 7');
  });

  it('do not fall when a worker dies, and go on from there', async () => {
    const { metrics, workers } = stage(2);
    workers[0]!.count(3);
    workers[1]!.count(4);
    await metrics.render();
    workers[0] = new ScriptedWorker(1);
    metrics.onWorkerGone(1);
    expect(lines(await metrics.render(), 'holdfast_connections_total')).toEqual([
      'holdfast_connections_total{route="web"} 7',
    ]);
    workers[0].count(10);
    const text = await metrics.render();
    expect(lines(text, 'holdfast_connections_total')).toEqual(['holdfast_connections_total{route="web"} 17']);
    expect(lines(text, 'holdfast_took_seconds_count')).toEqual(['holdfast_took_seconds_count{route="web"} 17']);
    expect(lines(text, 'holdfast_open')).toEqual(['holdfast_open{worker="1"} 10', 'holdfast_open{worker="2"} 4']);
  });

  it('do not fall when a worker forgets a series that another still tells, and end with the last one', async () => {
    const { metrics, workers } = stage(3);
    const totalAfterRender = async (): Promise<readonly string[]> =>
      lines(await metrics.render(), 'holdfast_connections_total');
    workers.forEach((worker) => worker.count(1));
    await metrics.render();
    workers[2] = new ScriptedWorker(3);
    metrics.onWorkerGone(3);
    workers[0]!.forget();
    expect(await totalAfterRender()).toEqual(['holdfast_connections_total{route="web"} 3']);
    workers[0]!.count(10);
    expect(await totalAfterRender()).toEqual(['holdfast_connections_total{route="web"} 13']);
    for (const worker of workers) worker.forget();
    expect(await totalAfterRender()).toEqual([]);
    workers[1]!.count(1);
    expect(await totalAfterRender()).toEqual(['holdfast_connections_total{route="web"} 1']);
  });

  it('leave out a worker that does not answer, but not what it had counted', async () => {
    const { metrics, workers } = stage(2);
    workers[0]!.count(3);
    workers[1]!.count(4);
    await metrics.render();
    workers[0]!.isSilent = true;
    const text = await metrics.render();
    expect(lines(text, 'holdfast_connections_total')).toEqual(['holdfast_connections_total{route="web"} 7']);
    expect(lines(text, 'holdfast_open')).toEqual(['holdfast_open{worker="2"} 4']);
    expect(lines(text, 'holdfast_worker_metrics_unanswered_total')).toEqual([
      'holdfast_worker_metrics_unanswered_total 1',
    ]);
  });

  it('are not counted twice when a worker dies while another is waited for', async () => {
    const { metrics, workers } = stage(2);
    workers[0]!.count(3);
    workers[1]!.count(4);
    let release: () => void = () => undefined;
    workers[1]!.waitFor = new Promise((resolve) => {
      release = () => resolve();
    });
    const rendering = metrics.render();
    await new Promise((resolve) => setImmediate(resolve));
    metrics.onWorkerGone(1);
    release();
    expect(lines(await rendering, 'holdfast_connections_total')).toEqual(['holdfast_connections_total{route="web"} 7']);
  });

  it('that are no metrics cost nobody anything', async () => {
    const { metrics, workers } = stage(1);
    workers[0]!.count(1);
    workers[0]!.extra = [
      {},
      { name: 'x' },
      { name: 'bad name', help: '', type: 'gauge', aggregator: 'sum', values: [] },
    ];
    expect(lines(await metrics.render(), 'holdfast_connections_total')).toHaveLength(1);
  });
});

describe('metrics of the supervisor', () => {
  it('tell about workers, config and backends', async () => {
    const text = await stage(1).metrics.render();
    expect(text.split('\n')).toEqual(
      expect.arrayContaining([
        'holdfast_workers{state="listening"} 1',
        'holdfast_worker_restarts_total{worker="1"} 0',
        'holdfast_worker_blocked_total 0',
        'holdfast_config_reloads_total{result="ok"} 0',
        'holdfast_config_version 1',
        'holdfast_backend_up{pool="web",backend="a"} 1',
        'holdfast_backend_state{pool="web",backend="a",state="ready"} 1',
        'holdfast_backend_state{pool="web",backend="a",state="down"} 0',
        'holdfast_backend_weight{pool="web",backend="a"} 1',
        'holdfast_health_check_rtt_seconds{pool="web",backend="a"} 0.002',
        'holdfast_health_checks_total{pool="web",backend="a",result="failed"} 1',
        'holdfast_backend_ejections_total{pool="web",backend="a"} 0',
        'holdfast_shared_state_up 1',
        'holdfast_build_info{version="1.2.3",node="v20"} 1',
      ]),
    );
    expect(lines(text, 'holdfast_supervisor_process_cpu_seconds_total')).toHaveLength(1);
  });
});

class ScriptedWorker {
  readonly id: number;
  isSilent = false;
  extra: object[] = [];
  waitFor: Promise<void> | undefined;
  readonly #registry = new Registry();
  readonly #total: Counter;
  readonly #open: Gauge;
  readonly #took: Histogram;

  constructor(id: number) {
    this.id = id;
    const registers = [this.#registry];
    const common = { help: 'h', registers };
    this.#total = new Counter({ ...common, name: 'holdfast_connections_total', labelNames: ['route'] });
    this.#open = new Gauge({ ...common, name: 'holdfast_open', labelNames: ['worker'] });
    this.#took = new Histogram({ ...common, name: 'holdfast_took_seconds', labelNames: ['route'], buckets: [1, 5] });
  }

  count(times: number): void {
    this.#total.inc({ route: 'web' }, times);
    this.#open.inc({ worker: String(this.id) }, times);
    for (let n = 0; n < times; n += 1) this.#took.observe({ route: 'web' }, 0.5);
  }

  forget(): void {
    this.#total.reset();
  }

  async metrics(): Promise<object[] | undefined> {
    await this.waitFor;
    if (this.isSilent) return undefined;
    return [...structuredClone(await this.#registry.getMetricsAsJSON().then(withoutFunctions)), ...this.extra];
  }
}

/** As the IPC channel carries them. */
function withoutFunctions(metrics: object[]): object[] {
  return JSON.parse(JSON.stringify(metrics)) as object[];
}

function stage(count: number): { metrics: Metrics; workers: ScriptedWorker[] } {
  const workers = Array.from({ length: count }, (_, index) => new ScriptedWorker(index + 1));
  const metrics = new Metrics({
    source: {
      report: wellReport,
      askMetrics: () => workers.map((worker) => ({ workerId: worker.id, metrics: worker.metrics() })),
    },
    build: { version: '1.2.3', node: 'v20' },
    log: pino({ level: 'silent' }),
  });
  open.push(metrics);
  return { metrics, workers };
}

function lines(text: string, name: string): string[] {
  return text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}
