/**
 * What delivering a topic costs at least: a bare uWebSockets.js server whose clients are all on one topic, and that publishes to
 * it by itself. Nothing numbers, remembers, or decides here. Started as a process; tells its parent the port.
 */
import * as uws from 'uWebSockets.js';
import { startPace } from './topic-pace.mjs';

const app = uws.App();
app.ws('/*', {
  idleTimeout: 0,
  open: (ws) => void ws.subscribe('bench'),
  message: () => undefined,
});
app.listen('127.0.0.1', 0, (socket) => {
  if (!socket) throw new Error('bench: expected a free port on 127.0.0.1, got none');
  process.send({ port: uws.us_socket_local_port(socket) });
});

let n = 0;
startPace((payload) => {
  n += 1;
  // As long as the frame of a topic's message.
  app.publish('bench', `d5.${n.toString(36)}:bench${payload}`, false);
});
