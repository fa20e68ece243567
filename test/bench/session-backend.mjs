/** The application of the session benchmark: an echo on the backend SDK. Started as a process; tells its parent the port. */
import { createServer } from 'node:http';
import { createBackend } from '@holdfast/backend';

const backend = createBackend({ secret: 'only for the benchmark' });
backend.on('session', (session) => {
  session.on('message', (data) => void session.send(data));
});
const server = createServer();
backend.attach(server);
server.listen(0, '127.0.0.1', () => process.send?.({ port: server.address().port }));
process.on('disconnect', () => process.exit(0));
