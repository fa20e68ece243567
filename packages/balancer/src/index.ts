// Run a balancer inside a program
export { Balancer } from './supervisor/balancer.js';

// Configuration
export { formatMistake, loadConfig } from './config/load.js';

// The command line
export { main } from './commands/index.js';

// Types
export type { BalancerOptions } from './supervisor/balancer.js';
export type { CommandIo } from './commands/index.js';
export type { AdminConfig, BalancerConfig, LoadResult, Mistake } from './config/types.js';
export type { Exit } from './supervisor/lifecycle.js';
