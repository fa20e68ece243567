/**
 * From the name in the configuration to the strategy. A strategy sees only what it needs of a backend, does no I/O
 * and takes its randomness as an argument, so that all of them are tested with plain objects. The pool leaves out
 * whoever may not take new work before a strategy sees the list; a strategy only weighs.
 */
import type { BalanceStrategy } from '../../config.js';
import { ConsistentHash } from './consistent-hash.js';
import { LeastConnections } from './least-connections.js';
import { RoundRobin } from './round-robin.js';
import { SourceHash } from './source-hash.js';
import { TwoChoices } from './two-choices.js';
import type { Candidate, Strategy } from './candidate.js';

export function createStrategy<C extends Candidate>(balance: BalanceStrategy, random: () => number): Strategy<C> {
  switch (balance) {
    case 'round-robin':
      return new RoundRobin<C>(random);
    case 'least-connections':
      return new LeastConnections<C>(random);
    case 'two-choices':
      return new TwoChoices<C>(random);
    case 'source-hash':
      return new SourceHash<C>(random);
    case 'consistent-hash':
      return new ConsistentHash<C>(random);
  }
}
