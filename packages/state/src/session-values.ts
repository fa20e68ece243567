/**
 * Reads what an engine answered about sessions and leases: from the supervisor or from Redis, either of which may hold
 * something that this version does not write. The checks are those of the arguments, since what is stored was an argument
 * once; what fails them becomes STATE_INVALID_VALUE.
 */
import { checkStored, checkText, describeValue, invalid } from './arguments.js';
import { StateError } from './errors.js';
import { MAX_LEASES, type LiveLease } from './lease-store.js';
import {
  checkBackend,
  checkCounters,
  checkEntries,
  checkGeneration,
  checkLiveLease,
  checkNumber,
  checkPrincipal,
  checkState,
  checkWorker,
  fieldsOf,
  type Fields,
} from './session-arguments.js';
import {
  MAX_TAIL_BYTES,
  type Checkpoint,
  type Parked,
  type RebindOutcome,
  type ResumeOutcome,
  type SessionRecord,
  type TailEntry,
} from './session-store.js';
import { MAX_POOL_BYTES } from './shared-state.js';

/** `advice` tells a person what to do about it. */
export function believed<T>(read: () => T, { source, advice }: { source: string; advice: string }): T {
  try {
    return read();
  } catch (error) {
    throw new StateError('STATE_INVALID_VALUE', `${source}: ${(error as StateError).message}; ${advice}`, {
      cause: error,
    });
  }
}

export function readOutcome<const T extends string>(value: unknown, expected: readonly T[]): T {
  if (expected.includes(value as T)) return value as T;
  throw invalid('outcome', expected.join(' or '), value);
}

export function readResumeOutcome(value: unknown, sessionId: string): ResumeOutcome {
  const { kind, generation, previousGeneration, record } = fieldsOf(value, 'outcome');
  if (kind === 'unknown' || kind === 'forbidden') return { kind };
  return {
    kind: readOutcome(kind, ['resumed']),
    generation: checkGeneration(generation),
    previousGeneration: checkGeneration(previousGeneration, 'previous generation'),
    record: readRecord(record, sessionId),
  };
}

export function readRebindOutcome(value: unknown, sessionId: string): RebindOutcome {
  const { kind, generation, record } = fieldsOf(value, 'outcome');
  if (kind === 'unknown') return { kind };
  if (kind === 'fenced') return { kind, generation: checkGeneration(generation) };
  return {
    kind: readOutcome(kind, ['rebound']),
    generation: checkGeneration(generation),
    record: readRecord(record, sessionId),
  };
}

export function readRecord(value: unknown, sessionId: string): SessionRecord {
  const fields = fieldsOf(value, 'session record');
  return {
    sessionId,
    pool: checkStored(checkText(fields['pool'], 'pool name', MAX_POOL_BYTES), 'pool name'),
    principal: checkPrincipal(fields['principal']),
    ...checkBackend(fields),
    ...checkWorker(fields),
    generation: checkGeneration(fields['generation']),
    checkpoint: isAbsent(fields['checkpoint']) ? undefined : readCheckpoint(fields['checkpoint']),
    parked: isAbsent(fields['parked']) ? undefined : readParked(fields['parked']),
  };
}

/** Only numbers above `after` were asked for. */
export function readTailEntries(value: unknown, after: number): readonly TailEntry[] {
  const entries = checkEntries(value);
  const first = entries[0];
  if (first !== undefined && first.n <= after) throw invalid('entry number', `more than ${after}`, first.n);
  const bytes = entries.reduce((sum, { data }) => sum + data.length, 0);
  if (bytes > MAX_TAIL_BYTES) throw invalid('tail', `at most ${MAX_TAIL_BYTES} bytes`, bytes);
  return entries;
}

export function readLiveLeases(value: unknown): readonly LiveLease[] {
  if (!Array.isArray(value) || value.length > MAX_LEASES) {
    throw invalid('leases', `an array of at most ${MAX_LEASES}`, Array.isArray(value) ? value.length : value);
  }
  return Array.from(value, checkLiveLease);
}

/** JSON, the default serialization of IPC, has no undefined: it may arrive as null. */
export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** A park whose entries do not follow those that are parked: both engines answer it with this. */
export function tailHasHole(sessionId: string): StateError {
  const who = `entries of session ${describeValue(sessionId)}`;
  const got = 'some that are missing before the first new one';
  return new StateError(
    'STATE_INVALID_ARGUMENT',
    `${who}: expected them to follow the parked ones, got ${got}; park them in order, each until it is answered`,
  );
}

function readCheckpoint(value: unknown): Checkpoint {
  const { handled, state }: Fields = fieldsOf(value, 'checkpoint');
  return { handled: checkNumber(handled, 'checkpoint.handled'), state: checkState(state) };
}

function readParked(value: unknown): Parked {
  const { generation, state, ...counters }: Fields = fieldsOf(value, 'parked');
  return {
    ...checkCounters({ ...counters, state: state ?? undefined }),
    generation: checkGeneration(generation, 'parked.generation'),
  };
}
