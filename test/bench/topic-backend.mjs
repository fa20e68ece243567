/** The application of the topic benchmark: allows every topic, and publishes when told. Tells its parent the port. */
import { createServer } from 'node:http';
import { createBackend } from '@holdfast/backend';
import { startPace } from './topic-pace.mjs';

const backend = createBackend({ secret: 'only for the benchmark' });
backend.authorize(() => true);
const server = createServer();
backend.attach(server);
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));

startPace((payload) => {
  backend.publish('bench', payload).catch((error) => {
    console.error(`bench: expected a publish to be taken, got ${error.message}`);
    process.exit(1);
  });
});
