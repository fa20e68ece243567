// Configuration, resolved
export type * from './config.js';

// What the supervisor and its workers say to each other
export type * from './control/messages.js';
