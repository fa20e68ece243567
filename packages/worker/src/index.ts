// Configuration, resolved
export type * from './config.js';
export { DEFAULT_TOPIC_RULE } from './config.js';

// What the supervisor and its workers say to each other
export type * from './control/messages.js';
export type * from './control/topic-questions.js';
