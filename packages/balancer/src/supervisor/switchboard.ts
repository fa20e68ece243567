/**
 * What workers say, and who hears it: loads go to the other workers, outcomes to the directory, pongs to the watchdog,
 * calls to the services, answers to whoever asked. It also forgets in one place everything that a process which is gone had said. Decides nothing.
 */
import type { BackendOutcome, FromWorker, StateHealthReport, TopicLoad } from '@holdfast/worker';
import type { Logger } from 'pino';
import type { DrainProgress } from './drain-progress.js';
import type { LoadExchange } from './loads.js';
import type { MetricsRequests } from './metrics-requests.js';
import type { OperatorQuestions } from './operator-questions.js';
import type { ReloadAcks } from './reload-acks.js';
import type { Services } from './services.js';
import type { TopicQuestions } from './topic-questions.js';
import type { Watchdog } from './watchdog.js';
import type { WorkerProcess } from './worker-process.js';

export interface Pulse {
  readonly eventLoopLagMs: number;
  readonly stateHealth: StateHealthReport;
  /** Absent while no client is on any topic. */
  readonly topics: TopicLoad | undefined;
}

export interface SwitchboardParts {
  readonly loads: LoadExchange;
  readonly services: Services;
  readonly watchdog: Watchdog;
  readonly metrics: MetricsRequests;
  readonly operator: OperatorQuestions;
  readonly topics: TopicQuestions;
  readonly reloads: ReloadAcks;
  readonly drains: DrainProgress;
  readonly recordOutcomes: (outcomes: readonly BackendOutcome[]) => void;
  readonly log: Logger;
}

const HEALTHY: StateHealthReport = { status: 'ok', detail: undefined };

export class Switchboard {
  readonly #parts: SwitchboardParts;
  readonly #pulses = new Map<number, Pulse>();

  constructor(parts: SwitchboardParts) {
    this.#parts = parts;
  }

  onMessage(worker: WorkerProcess, message: FromWorker): void {
    try {
      this.#dispatch(worker, message);
    } catch (error) {
      this.#parts.log.error({ err: error, workerId: worker.id, type: message.type }, 'message of a worker not handled');
    }
  }

  /** As of the worker's last pong. */
  pulseOf(workerId: number): Pulse | undefined {
    return this.#pulses.get(workerId);
  }

  /** Degraded as soon as one worker says so: its clients already feel it. */
  get stateHealth(): StateHealthReport {
    const pulses = [...this.#pulses.values()];
    return pulses.find(({ stateHealth }) => stateHealth.status === 'degraded')?.stateHealth ?? HEALTHY;
  }

  forget(workerId: number): void {
    const { loads, services, watchdog, metrics, operator, topics, reloads, drains } = this.#parts;
    this.#pulses.delete(workerId);
    loads.forget(workerId);
    services.forget(workerId);
    watchdog.forget(workerId);
    metrics.forget(workerId);
    operator.forget(workerId);
    topics.forget(workerId);
    reloads.forget(workerId);
    drains.forget(workerId);
  }

  #dispatch(worker: WorkerProcess, message: FromWorker): void {
    const { loads, services, watchdog, metrics, operator, topics, reloads, drains, recordOutcomes } = this.#parts;
    switch (message.type) {
      case 'loads':
        return loads.report(worker.id, message.loads);
      case 'outcomes':
        return recordOutcomes(message.outcomes);
      case 'pong':
        this.#pulses.set(worker.id, pulseFrom(message));
        return watchdog.onPong(worker.id);
      case 'metrics':
        return metrics.onAnswer(worker.id, message.id, message.metrics);
      case 'answer':
        return operator.onAnswer(worker.id, message.id, message.answer);
      case 'topics':
        return topics.onAnswer(worker.id, message.id, message.answer);
      case 'reloaded':
        return reloads.onReloaded(worker.id, message.configVersion);
      case 'draining':
        return drains.onLeft(worker.id, message.left);
      case 'drained':
        return drains.onDrained(worker.id, message);
      case 'call':
        worker.send(services.answer(worker.id, message));
        return;
      case 'hello':
      case 'listening':
      case 'failed':
        // The worker's own slot has taken these.
        return;
    }
  }
}

function pulseFrom({ eventLoopLagMs, stateHealth, topics }: Extract<FromWorker, { type: 'pong' }>): Pulse {
  return { eventLoopLagMs, stateHealth, topics };
}
