/**
 * A Socket.IO application with every option at its default, as people write it first: a chat room and an echo. Each
 * server has its own room: sharing one between servers is the application's business and would hide who serves whom.
 */
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { type Listening, listen } from './listening.js';

export interface SocketIoBackend extends Listening {
  readonly id: string;
  readonly io: Server;
  /** Messages of refused requests, such as "Session ID unknown". */
  readonly connectionErrors: string[];
}

export async function startSocketIo(id: string): Promise<SocketIoBackend> {
  const http = createServer();
  const io = new Server(http);
  const connectionErrors: string[] = [];
  io.engine.on('connection_error', (error: { message: string }) => connectionErrors.push(error.message));
  io.on('connection', (socket) => {
    socket.emit('hello', id);
    socket.on('say', (text: string) => io.emit('said', { id, text }));
    socket.on('echo', (text: string, answer: (reply: string) => void) => answer(`${id}:${text}`));
  });
  const listening = await listen(http);
  const stop = async (): Promise<void> => {
    io.disconnectSockets(true);
    await listening.die();
  };
  return Object.assign(listening, { id, io, connectionErrors, [Symbol.asyncDispose]: stop });
}
