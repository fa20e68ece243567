/**
 * How much this fleet takes on, and what it does when that was too much: who comes in how fast, what a worker gives up under
 * pressure, and how sessions spread again after a balancer or a backend was added. Part of WorkerConfig (config.ts).
 */

/** New connections of relayed WebSockets, and beginnings of sessions; requests are not counted. */
export interface AdmissionConfig {
  /** Of each worker. What comes faster waits up to a second, then is told when to come back. */
  readonly perSecond: number;
  /** Of all workers that share state, divided by what they ask for. 0: no cap but their own. */
  readonly fleetPerSecond: number;
}

/** Levels of pressure: see overload/level.ts. */
export interface OverloadConfig {
  /** Bytes of memory that this worker may have. 0: its share of the limit of its control group; without one, no limit. */
  readonly memoryBytes: number;
  /** Longest delay of the event loop within a second that is still fine. 0: it is not looked at. */
  readonly eventLoopLagMs: number;
}

/** Whether sessions are moved so that no balancer, or backend, has more than 1.1 times its share. */
export interface RebalanceConfig {
  readonly balancers: boolean;
  readonly backends: boolean;
  /** Sessions that a worker sends away, for each of the two. */
  readonly perSecond: number;
}

export const DEFAULT_ADMISSION: AdmissionConfig = Object.freeze({ perSecond: 1000, fleetPerSecond: 0 });
export const DEFAULT_OVERLOAD: OverloadConfig = Object.freeze({ memoryBytes: 0, eventLoopLagMs: 1000 });
export const DEFAULT_REBALANCE: RebalanceConfig = Object.freeze({ balancers: true, backends: true, perSecond: 10 });
