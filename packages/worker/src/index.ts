// Configuration, resolved
export type * from './config.js';
export type * from './config-capacity.js';
export { DEFAULT_ADMISSION, DEFAULT_OVERLOAD, DEFAULT_REBALANCE } from './config-capacity.js';
export { DEFAULT_TOPIC_RULE } from './config.js';

// How backends are connected to, for health checks
export { tlsOptionsOf, type TlsTarget, type UpstreamTlsOptions } from './pool/upstream-tls.js';

// How a backend is reached
export { handOver, type OnConnection, openConnection } from './pool/connect-options.js';
export { LOCAL_HEADER } from './proxy-protocol/write-header.js';

// What every process tells of itself
export { addProcessMetrics } from './observe/process-metrics.js';

// What the supervisor and its workers say to each other
export type * from './control/messages.js';
export type * from './control/operator-questions.js';
export type * from './control/topic-questions.js';
export type { DrainOrders } from './drain/orders.js';
