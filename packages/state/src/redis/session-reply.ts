/**
 * Turns the replies of the session scripts into what session-values.ts reads: a HASH is a flat list of texts, a STREAM
 * a list of ids with fields. Nothing is believed here yet; what makes no sense is passed on as it is, and refused there.
 */
import { invalid } from '../arguments.js';
import type { Fields } from '../session-arguments.js';

/** The parts of a script's answer: how it went, and what goes with that. */
export function readParts(reply: unknown): readonly [outcome: unknown, detail: unknown, hash: unknown] {
  if (!Array.isArray(reply)) throw invalid('reply of the script', 'an array', reply);
  if (reply[0] === 'invalid') throw invalid('session record', 'numbers where numbers belong', 'something else');
  return [reply[0], reply[1], reply[2]];
}

/** undefined for a HASH that does not exist. */
export function recordOfHash(reply: unknown): Fields | undefined {
  const hash = hashOf(reply);
  if (hash.size === 0) return undefined;
  return {
    pool: hash.get('pool'),
    principal: hash.get('principal'),
    backendId: hash.get('backend'),
    backendIncarnation: hash.get('incarnation'),
    workerId: hash.get('worker'),
    generation: numberOf(hash.get('generation')),
    checkpoint: hash.has('checkpointHandled') ? checkpointOf(hash) : undefined,
    parked: hash.has('parkedGeneration') ? parkedOf(hash) : undefined,
  };
}

/** `reply`: of XRANGE, as buffers. */
export function entriesOfStream(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw invalid('tail', 'a stream', reply);
  return Array.from(reply, entryOf);
}

/** Texts that are no decimal number stay what they are. */
export function numberOf(text: unknown): unknown {
  return typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : text;
}

type Hash = ReadonlyMap<unknown, unknown>;

function hashOf(reply: unknown): Hash {
  if (!Array.isArray(reply)) throw invalid('session record', 'a hash', reply);
  const hash = new Map<unknown, unknown>();
  for (let i = 0; i < reply.length; i += 2) hash.set(reply[i], reply[i + 1]);
  return hash;
}

function checkpointOf(hash: Hash): Fields {
  return { handled: numberOf(hash.get('checkpointHandled')), state: hash.get('checkpointState') };
}

function parkedOf(hash: Hash): Fields {
  return {
    generation: numberOf(hash.get('parkedGeneration')),
    handled: numberOf(hash.get('parkedHandled')),
    received: numberOf(hash.get('parkedReceived')),
    lastDown: numberOf(hash.get('parkedLastDown')),
    ackedDown: numberOf(hash.get('parkedAckedDown')),
    isComplete: FLAGS.get(hash.get('parkedComplete')),
    state: hash.get('parkedState'),
  };
}

const FLAGS: ReadonlyMap<unknown, boolean> = new Map([
  ['0', false],
  ['1', true],
]);

function entryOf(entry: unknown): Fields {
  const [id, fields] = Array.isArray(entry) ? (entry as unknown[]) : [];
  const [kind, data] = Array.isArray(fields) ? (fields as unknown[]) : [];
  const n = /^(\d{1,16})-0$/.exec(String(id))?.[1];
  return { n: n === undefined ? undefined : Number(n), isBinary: KINDS.get(String(kind)), data };
}

const KINDS: ReadonlyMap<string, boolean> = new Map([
  ['t', false],
  ['b', true],
]);
