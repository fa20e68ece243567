/**
 * The backend of the benchmark: a bare uWebSockets.js echo, so that what is measured in front of it is not waiting
 * for it. Started as a process of its own; tells its parent the port.
 */
import * as uws from 'uWebSockets.js';

const app = uws.App();
app.ws('/*', {
  maxPayloadLength: 1024 * 1024,
  idleTimeout: 0,
  message: (ws, data, isBinary) => void ws.send(data, isBinary),
});
app.any('/*', (response) => response.end('ok'));
app.listen('127.0.0.1', 0, (socket) => {
  if (!socket) throw new Error('bench backend: expected a free port on 127.0.0.1, got none');
  process.send?.({ port: uws.us_socket_local_port(socket) });
});
process.on('disconnect', () => process.exit(0));
