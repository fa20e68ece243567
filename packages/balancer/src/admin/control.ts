/**
 * What the admin API needs of the rest: to ask and to be answered. Narrow, so that the routes can be tested on a real
 * socket without a fleet behind them.
 */
import type { OperatorAnswer, OperatorQuestion, TopicAnswer, TopicQuestion } from '@holdfast/worker';
import type { BalancerConfig } from '../config/types.js';
import type { OverrideResult } from '../pools/directory.js';
import type { OverrideChange } from '../pools/override.js';
import type { ReloadResult } from '../supervisor/reload.js';
import type { WorkerAnswer } from '../supervisor/operator-questions.js';
import type { SupervisorReport } from '../supervisor/report.js';

export interface AdminControl {
  report(): SupervisorReport;
  setOverride(backendId: string, change: OverrideChange): OverrideResult;
  /** undefined: not while this balancer stops. */
  reload(): Promise<ReloadResult | undefined>;
  drain(why: string): void;
  /** running: another one is under way. */
  replaceWorkers(why: string): 'started' | 'running' | 'stopping';
  /** Of every worker that serves, in their order. */
  askAll(question: OperatorQuestion): Promise<readonly WorkerAnswer[]>;
  /** Of whichever worker answers first; undefined: none does. */
  askAny(question: OperatorQuestion): Promise<OperatorAnswer | undefined>;
  /** In force. */
  config(): BalancerConfig;
  topics(question: TopicQuestion): Promise<TopicAnswer>;
  /** The text for Prometheus. */
  metrics(): Promise<string>;
}

export interface AdminIdentity {
  readonly version: string;
  /** The configuration file. */
  readonly file: string;
}
