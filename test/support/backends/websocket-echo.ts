/**
 * A `ws` echo application that does what its client tells it: closes with a code, pings, vanishes, stops reading. A
 * text that starts with `!` is an order, everything else comes back as it was. Handshakes are kept for inspection,
 * and a test can have them answered in its own way.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { type Listening, listen } from './listening.js';

export interface EchoOptions {
  /** Told to clients that ask `!who`. */
  readonly id?: string;
  /** @default 127.0.0.1 */
  readonly host?: string;
  /** The subprotocol to choose; false for none. @default the first offered */
  readonly protocol?: (offered: ReadonlySet<string>) => string | false;
  /** Header lines added to the 101. */
  readonly headers?: readonly string[];
  /** Takes the connection instead of the handshake; gives true when it did. */
  readonly refuse?: (request: IncomingMessage, socket: Duplex) => boolean;
  /** Answer to plain requests. @default 200 */
  readonly status?: () => number;
  readonly compression?: boolean;
  readonly maxPayload?: number;
  /** Called for every connection once it is open. */
  readonly onOpen?: (socket: WebSocket, request: IncomingMessage) => void;
}

export interface EchoBackend extends Listening {
  readonly id: string;
  readonly server: WebSocketServer;
  /** Handshakes that arrived, oldest first. */
  readonly handshakes: IncomingMessage[];
  /** Plain requests that arrived. */
  readonly requests: IncomingMessage[];
  /** Closes seen, as this side got them. */
  readonly closes: { readonly code: number; readonly reason: string }[];
  /** What the other side did against the protocol, as `ws` names it. */
  readonly violations: string[];
  /** Pongs and pings that came from the other side. */
  readonly pings: string[];
  readonly pongs: string[];
  readonly open: ReadonlySet<WebSocket>;
}

export async function startEcho(options: EchoOptions = {}): Promise<EchoBackend> {
  const id = options.id ?? 'echo';
  const seen = { handshakes: [], requests: [], closes: [], violations: [], pings: [], pongs: [] } as Seen;
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: options.compression ?? false,
    maxPayload: options.maxPayload ?? 128 * 1024 * 1024,
    ...(options.protocol === undefined ? {} : { handleProtocols: options.protocol }),
  });
  if (options.headers !== undefined) server.on('headers', (lines) => lines.push(...(options.headers ?? [])));
  const http = createServer((request, response) => {
    seen.requests.push(request);
    response.writeHead(options.status?.() ?? 200, { 'content-type': 'text/plain' }).end(id);
  });
  http.on('upgrade', (request, socket, head) => {
    seen.handshakes.push(request);
    socket.on('error', () => undefined);
    if (options.refuse?.(request, socket) === true) return;
    server.handleUpgrade(request, socket, head, (ws) => {
      serve(ws, id, seen);
      options.onOpen?.(ws, request);
    });
  });
  const listening = await listen(http, 0, options.host);
  // Assigned, not spread: `accepted` is a getter and must stay one.
  return Object.assign(listening, { id, server, ...seen, open: server.clients });
}

interface Seen {
  readonly handshakes: IncomingMessage[];
  readonly requests: IncomingMessage[];
  readonly closes: { code: number; reason: string }[];
  readonly violations: string[];
  readonly pings: string[];
  readonly pongs: string[];
}

function serve(ws: WebSocket, id: string, seen: Seen): void {
  ws.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code?.startsWith('WS_ERR') === true) seen.violations.push(error.code);
  });
  ws.on('close', (code, reason) => seen.closes.push({ code, reason: reason.toString() }));
  ws.on('ping', (data: Buffer) => seen.pings.push(data.toString()));
  ws.on('pong', (data: Buffer) => seen.pongs.push(data.toString()));
  ws.on('message', (data: Buffer, isBinary) => {
    const text = isBinary ? '' : data.toString('utf8', 0, 200);
    if (text.startsWith('!')) obey(ws, text.slice(1).split(' '), id);
    else ws.send(data, { binary: isBinary });
  });
}

function obey(ws: WebSocket, [order, ...args]: readonly string[], id: string): void {
  switch (order) {
    case 'who':
      return ws.send(id);
    case 'close':
      return args.length === 0 ? ws.close() : ws.close(Number(args[0]), args.slice(1).join(' '));
    case 'ping':
      return ws.ping(args.join(' '));
    case 'fragments':
      for (const part of args) ws.send(part, { fin: part === args.at(-1) });
      return undefined;
    case 'size':
      return ws.send('x'.repeat(Number(args[0])));
    case 'terminate':
      return ws.terminate();
    default:
      return ws.send(`unknown order ${order}`);
  }
}

/** Answers a handshake with something else than 101 and ends the connection. */
export function refuseWith(socket: Duplex, status: string, { headers = [], body = '' }: RefusalShape = {}): true {
  const length = `Content-Length: ${Buffer.byteLength(body)}`;
  socket.end([`HTTP/1.1 ${status}`, length, ...headers, '', body].join('\r\n'));
  return true;
}

export interface RefusalShape {
  readonly headers?: readonly string[];
  readonly body?: string;
}
