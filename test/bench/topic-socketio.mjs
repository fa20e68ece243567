/**
 * A Socket.IO server with its Redis adapter, for the topic benchmark: whoever connects is in one room, and what is published when the
 * parent says so goes to the room through Redis. Two of them run: one that clients are connected to, and one that publishes. Only
 * over WebSockets. Its Redis client is the one that shared state uses. Tells its parent the port.
 */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { createAdapter } from '@socket.io/redis-adapter';
import { Server } from 'socket.io';
import { startPace } from './topic-pace.mjs';

const { Redis } = createRequire(new URL('../../packages/state/package.json', import.meta.url))('ioredis');
const redis = () => new Redis(process.argv[2]);

const server = createServer();
const io = new Server(server, { adapter: createAdapter(redis(), redis()), transports: ['websocket'] });
io.on('connection', (socket) => socket.join('bench'));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));

startPace((payload) => void io.to('bench').emit('m', payload));
