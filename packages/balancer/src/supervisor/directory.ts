/**
 * What the supervisor and the admin API need of the pools: the part of PoolDirectory that they use, so that a test
 * of either passes in a directory that checks nobody's health.
 */
import type { PoolDirectory } from '../pools/directory.js';

export type Directory = Pick<
  PoolDirectory,
  'configure' | 'start' | 'snapshot' | 'onChange' | 'recordOutcomes' | 'setOverride' | 'report' | 'stop'
>;
