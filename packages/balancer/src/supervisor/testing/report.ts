/** A report that was made up, for tests of what reads one. */
import type { SupervisorReport } from '../report.js';
import { StillDirectory } from './stage.js';

/** What a supervisor says of itself when all is well. */
export function wellReport(): SupervisorReport {
  return {
    lifecycle: 'running',
    listen: [{ host: '127.0.0.1', port: 8080 }],
    reload: { configVersion: 1, accepted: 0, rejected: 0, last: undefined },
    stateEngine: 'embedded',
    stateHealth: { status: 'ok', detail: undefined },
    workers: [
      {
        id: 1,
        pid: 7,
        state: 'listening',
        part: 'member',
        forMs: 1000,
        restarts: 0,
        isOverBudget: false,
        isBlocked: false,
        connections: 3,
        eventLoopLagMs: 0.5,
        topics: undefined,
        lastExit: undefined,
        retryInMs: undefined,
      },
    ],
    backends: new StillDirectory().report().map((backend) => ({ ...backend, load: 3 })),
    certificates: [],
    blocks: 0,
    drain: { phase: 'none', deadlineInMs: undefined, left: 0, closed: 0, cut: 0 },
    replacement: undefined,
    replacements: { replaced: 0, failed: 0 },
  };
}
