/** The same application on `ws`: what people write today. Started as a process; tells its parent the port. */
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  socket.on('error', () => undefined);
});
server.on('listening', () => process.send?.({ port: server.address().port }));
process.on('disconnect', () => process.exit(0));
