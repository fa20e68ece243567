/** What the supervisor is told of a worker: some of it regularly, the rest when it, or an operator through it, asks. */
import type { SharedState } from '@holdfast/state';
import { answerOperator } from './answer-operator.js';
import type { SupervisorChannel, ToWorkerOf } from './control/supervisor-channel.js';
import type { WorkerMetrics } from './observe/metrics.js';
import type { Pools } from './pool/pools.js';
import type { ConnectionReports } from './relay/connection-reports.js';
import type { Sessions } from './session/sessions.js';

export interface ReportedParts {
  readonly channel: SupervisorChannel;
  readonly pools: Pools;
  readonly state: SharedState;
  readonly metrics: WorkerMetrics;
  readonly sessions: Sessions;
  readonly connections: ConnectionReports;
}

/** In-flight counts and traffic outcomes go to the supervisor this often, when there is something to say. */
const REPORT_EVERY_MS = 100;

export class WorkerReports {
  readonly #parts: ReportedParts;
  readonly #timer: NodeJS.Timeout;
  #lastLoads = '{}';
  #lagMs = 0;

  constructor(parts: ReportedParts) {
    this.#parts = parts;
    this.#timer = setInterval(() => this.#report(), REPORT_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Of the event loop, as the supervisor was last told. */
  get lagMs(): number {
    return this.#lagMs;
  }

  sayPong(id: number): void {
    const { channel, state, metrics, sessions } = this.#parts;
    const { status, detail } = state.health;
    const eventLoopLagMs = metrics.eventLoopLagMs();
    this.#lagMs = eventLoopLagMs;
    const { size, subscriptions } = sessions.topics;
    const topics = size > 0 ? { topics: { topics: size, subscriptions } } : {};
    channel.send({ type: 'pong', id, eventLoopLagMs, stateHealth: { status, detail }, ...topics });
  }

  sayDraining(left: number): void {
    this.#parts.channel.send({ type: 'draining', left });
  }

  async sendMetrics({ id, asked }: ToWorkerOf<'collectMetrics'>): Promise<void> {
    const { channel, metrics } = this.#parts;
    channel.send({ type: 'metrics', id, metrics: await metrics.collect(asked) });
  }

  async answerOperator({ id, question }: ToWorkerOf<'ask'>): Promise<void> {
    this.#parts.channel.send({ type: 'answer', id, answer: await answerOperator(this.#parts, question) });
  }

  async answerAboutTopics({ id, question }: ToWorkerOf<'askTopics'>): Promise<void> {
    const { channel, sessions } = this.#parts;
    channel.send({ type: 'topics', id, answer: await sessions.topics.answer(question) });
  }

  #report(): void {
    const { channel, pools } = this.#parts;
    const outcomes = pools.takeOutcomes();
    if (outcomes.length > 0) channel.send({ type: 'outcomes', outcomes });
    const loads = pools.loads();
    const text = JSON.stringify(loads);
    if (text === this.#lastLoads) return;
    this.#lastLoads = text;
    channel.send({ type: 'loads', loads });
  }
}
