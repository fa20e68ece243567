/**
 * One backend of the demo. Most of it is an ordinary application server that knows nothing of Holdfast: it serves the page,
 * a plain WebSocket echo (`ws`, path /echo) and a Socket.IO chat with all default options. With HOLDFAST_SECRET it also
 * takes sessions, on the same HTTP server: session-chat.mjs.
 *
 *   BACKEND_NAME=a PORT=3001 [HOST=127.0.0.1] [HOLDFAST_SECRET=…] node backend.mjs
 *
 * Started by the demo it has a parent process, which carries chat lines to the other backend, so that both
 * show one room. Started by itself (docker compose) there is no such link: the room is this backend's own, and
 * the page says which of the two it is. Socket.IO's Redis adapter would be the answer for an application.
 */
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { Server } from 'socket.io';
import { WebSocketServer } from 'ws';
import { serveSessionChat } from './session-chat.mjs';

const MAX_LINE_CHARACTERS = 500;
const MAX_MESSAGE_BYTES = 64 * 1024;

const name = process.env.BACKEND_NAME ?? 'a';
const host = process.env.HOST ?? '127.0.0.1';
const clientScript = new URL('./socket.io.min.js', import.meta.resolve('socket.io-client/dist/socket.io.js'));
const files = {
  '/': { path: new URL('./page/index.html', import.meta.url), type: 'text/html; charset=utf-8' },
  '/session-chat.mjs': {
    path: new URL('./page/session-chat.mjs', import.meta.url),
    type: 'text/javascript; charset=utf-8',
  },
  '/topic-room.mjs': {
    path: new URL('./page/topic-room.mjs', import.meta.url),
    type: 'text/javascript; charset=utf-8',
  },
  '/client.min.js': {
    path: new URL(import.meta.resolve('@holdfast/client/client.min.js')),
    type: 'text/javascript; charset=utf-8',
  },
  '/socket.io.min.js': { path: clientScript, type: 'text/javascript; charset=utf-8' },
};

const server = createServer((request, response) => {
  void serveFile(request, response);
});
const chat = new Server(server);
const echo = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });

server.on('upgrade', (request, socket, head) => {
  // Socket.IO listens to the same event and takes what is under /socket.io/.
  if (pathOf(request) !== '/echo') return;
  echo.handleUpgrade(request, socket, head, (ws) => serveEcho(ws, request));
});
chat.on('connection', (socket) => serveChat(socket));
const secret = process.env.HOLDFAST_SECRET;
const sessions = secret
  ? serveSessionChat({ server, secret, name, onSaid: (said) => tellParent('session', said) })
  : undefined;
process.on('message', ({ room, said }) => (room === 'session' ? sessions?.hear(said) : chat.emit('said', said)));
// The parent is gone: a demo leaves no process behind.
process.on('disconnect', () => process.exit(0));
// Sessions are handed to the other backend first.
process.on('SIGTERM', () => void Promise.resolve(sessions?.drain()).finally(() => process.exit(0)));
server.on('error', (error) => {
  process.stderr.write(`backend ${name}: cannot listen on ${host}: ${error.message}\n`);
  process.exit(1);
});
server.listen(Number(process.env.PORT ?? 3001), host, () => {
  process.send?.({ type: 'listening', port: server.address().port });
});

async function serveFile(request, response) {
  if (pathOf(request) === '/healthz') return response.end('ok\n');
  const file = files[pathOf(request)];
  if (file === undefined) return response.writeHead(404).end(`backend ${name} has no ${pathOf(request)}\n`);
  try {
    const body = await readFile(file.path);
    response.writeHead(200, { 'content-type': file.type, 'cache-control': 'no-cache' }).end(body);
  } catch (error) {
    process.stderr.write(`backend ${name}: ${error.message}\n`);
    response.writeHead(500).end();
  }
}

function serveEcho(ws, request) {
  ws.on('error', () => ws.terminate());
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
  ws.send(JSON.stringify({ kind: 'hello', ...introduction(request) }));
}

function serveChat(socket) {
  socket.emit('hello', introduction(socket.request));
  socket.on('say', (text) => {
    const said = { text: String(text).slice(0, MAX_LINE_CHARACTERS), backend: name, from: socket.id.slice(0, 4) };
    chat.emit('said', said);
    tellParent('chat', said);
  });
}

function tellParent(room, said) {
  process.send?.({ type: 'said', room, said });
}

/** What the page shows of this connection: who answers, and the socket on which Holdfast reaches us. */
function introduction(request) {
  return {
    backend: name,
    pid: process.pid,
    connection: `${request.socket.remoteAddress}:${request.socket.remotePort}`,
    client: request.headers['x-forwarded-for'] ?? 'not said',
    room: process.send ? 'shared' : 'own',
  };
}

function pathOf(request) {
  return request.url.split('?', 1)[0];
}
