/**
 * A backend that is told of its clients by PROXY headers of version 2, read here from the specification and not with the
 * product's own reader: each connection begins with one, then TLS if asked for, then HTTP and WebSockets. Answers say what it
 * was told.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { Certificate } from '../certificate.js';
import { type Listening, listen } from './listening.js';

/** What it says to requests, and as the first message to WebSockets. */
export interface Told {
  /** `LOCAL`, or `PROXY` with an address family. */
  readonly command: string;
  /** `address port`, IPv6 as eight groups in hex. */
  readonly from: string;
  readonly to: string;
  readonly isSecure: boolean;
}

type Header = Omit<Told, 'isSecure'>;

export interface ToldApp extends Listening {
  /** Whoever sent something else. */
  readonly refused: number;
}

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');
const FIXED_BYTES = 16;
const COMMANDS: Readonly<Record<string, string>> = { 2000: 'LOCAL', 2111: 'PROXY TCP4', 2121: 'PROXY TCP6' };

export async function startToldApp({
  host = '127.0.0.1',
  tls,
}: { readonly host?: string; readonly tls?: Certificate } = {}): Promise<ToldApp> {
  // By port: of a TLS server `request.socket` is another one than the header came on.
  const told = new Map<number | undefined, Header>();
  const answerOf = ({ remotePort }: Socket): string =>
    JSON.stringify({ ...told.get(remotePort), isSecure: tls !== undefined });
  const onRequest: RequestListener = (request, response) => response.end(answerOf(request.socket));
  const http: Server =
    tls === undefined
      ? createServer(onRequest)
      : createSecureServer({ cert: tls.certificate, key: tls.key }, onRequest);
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket, request) => {
    socket.on('message', (data) => socket.send(String(data)));
    socket.send(answerOf(request.socket));
  });
  let refused = 0;
  const server = createTcpServer((socket) => {
    readHeader(socket, (header) => {
      if (header === undefined) {
        refused += 1;
        socket.destroy();
        return;
      }
      told.set(socket.remotePort, header);
      http.emit('connection', socket);
    });
  });
  const listening = await listen(server, 0, host);
  return Object.assign(listening, {
    get refused() {
      return refused;
    },
  });
}

function readHeader(socket: Socket, done: (header: Header | undefined) => void): void {
  let fixed: Buffer | null = null;
  const onReadable = (): void => {
    fixed ??= socket.read(FIXED_BYTES) as Buffer | null;
    if (fixed === null) return;
    const length = fixed.readUInt16BE(14);
    const block = length === 0 ? Buffer.alloc(0) : (socket.read(length) as Buffer | null);
    if (block === null) return;
    socket.removeListener('readable', onReadable);
    const command = COMMANDS[fixed.toString('hex', 12, 14)];
    done(fixed.subarray(0, 12).equals(SIGNATURE) && command !== undefined ? pairOf(command, block) : undefined);
  };
  socket.on('readable', onReadable);
}

function pairOf(command: string, block: Buffer): Header {
  if (command === 'LOCAL') return { command, from: '', to: '' };
  const size = command.endsWith('6') ? 16 : 4;
  const end = (at: number, port: number): string =>
    `${addressOf(block.subarray(at, at + size))} ${block.readUInt16BE(port)}`;
  return { command, from: end(0, size * 2), to: end(size, size * 2 + 2) };
}

function addressOf(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(group * 2).toString(16)).join(':');
}
