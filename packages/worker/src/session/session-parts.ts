/** What the ways into a session (connect.ts, resume.ts, rehome.ts) work with, made once per worker. */
import type { Logger } from 'pino';
import type { EntryLimits } from '../access/entry-limits.js';
import type { Verifier } from '../access/verifier.js';
import type { Trunks } from '../trunk/trunks.js';
import type { Greeter } from './greeter.js';
import type { SessionRecords } from './records.js';
import type { Session } from './session.js';
import type { SessionStats } from './stats.js';

export type SessionLog = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

export interface SessionParts {
  readonly trunks: Trunks;
  readonly verifier: Pick<Verifier, 'verify'>;
  readonly limits: Pick<EntryLimits, 'principal'>;
  readonly records: SessionRecords;
  readonly greeter: Greeter;
  readonly stats: SessionStats;
  readonly log: SessionLog;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly newSessionId: () => string;
  /** It has a backend; told in the call that opened it. */
  readonly onSettled: (session: Session) => void;
}
