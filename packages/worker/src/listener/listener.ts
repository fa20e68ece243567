/**
 * One address that clients reach, on uWebSockets.js. Every worker binds the same address (SO_REUSEPORT) and the
 * kernel spreads the connections. Turns native callbacks into HttpExchange, UpgradeExchange and DownstreamSocket;
 * decides nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import * as uws from 'uWebSockets.js';
import type { HttpRequest, HttpResponse, TemplatedApp, us_listen_socket, us_socket_context_t } from 'uWebSockets.js';
import { setNativeSwitch, SHARED_COMPRESSOR } from './native.js';
import type { ListenConfig } from '../config.js';
import { copyRequest } from './downstream-request.js';
import type { SocketData } from './downstream-socket.js';
import { HttpExchange } from './http-exchange.js';
import { UpgradeExchange } from './upgrade-exchange.js';
import { isWebSocketUpgrade } from './upgrade-request.js';

export interface ListenerHandler {
  onRequest(exchange: HttpExchange): void;
  onUpgrade(exchange: UpgradeExchange): void;
  /** A WebSocket handshake that cannot be accepted whatever the route: `status` says why. */
  onBadUpgrade(exchange: HttpExchange, reason: 'version' | 'key' | 'body'): void;
}

export interface SocketBounds {
  /** No larger message is read, whatever the route allows. */
  readonly maxMessageBytes: number;
  /** No more is buffered for one client. */
  readonly maxBufferedBytes: number;
  /** A connection on which nothing moves is cut after this; above every route's own limit. 0: never. */
  readonly idleTimeoutSeconds: number;
}

export class Listener {
  readonly #config: ListenConfig;
  readonly #handler: ListenerHandler;
  readonly #app: TemplatedApp;
  #socket: us_listen_socket | undefined;
  #bounds: SocketBounds | undefined;

  constructor(config: ListenConfig, handler: ListenerHandler) {
    // uWebSockets.js' own switch for its `uWebSockets` response header, which is nobody's business.
    setNativeSwitch('999999990007');
    this.#config = config;
    this.#handler = handler;
    this.#app = createApp(config);
    this.#app.any('/*', (res, req) => this.#onRequest(res, req, undefined));
  }

  /**
   * Bounds of connections that come from now on. They belong to the native context of a pattern: registering the
   * pattern again makes a new context for new sockets and leaves open ones in theirs.
   */
  setBounds(bounds: SocketBounds): void {
    const { maxMessageBytes, maxBufferedBytes, idleTimeoutSeconds } = bounds;
    if (isDeepStrictEqual(this.#bounds, bounds)) return;
    this.#bounds = bounds;
    this.#app.ws<SocketData>('/*', {
      maxPayloadLength: maxMessageBytes,
      maxBackpressure: maxBufferedBytes,
      // Liveness is kept per route by KeepAlive. This one is for connections that we have ended and can no longer
      // touch, whose client does not read what is left for it.
      idleTimeout: idleTimeoutSeconds,
      sendPingsAutomatically: false,
      compression: SHARED_COMPRESSOR,
      upgrade: (res, req, context) => this.#onRequest(res, req, context),
      open: (ws) => {
        ws.getUserData().socket.attach(ws);
      },
      message: (ws, data, isBinary) => ws.getUserData().socket.handler.onMessage(data, isBinary),
      dropped: (ws) => ws.getUserData().socket.handler.onDropped?.(),
      drain: (ws) => ws.getUserData().socket.handler.onWritable(),
      ping: (ws, data) => ws.getUserData().socket.handler.onPing(data),
      pong: (ws, data) => ws.getUserData().socket.handler.onPong(data),
      close: (ws, code, reason) => ws.getUserData().socket.detach(code, Buffer.from(reason).toString()),
    });
  }

  /** Resolves with the bound port; rejects when the address cannot be bound. */
  listen(): Promise<number> {
    const { host, port } = this.#config;
    return new Promise((resolve, reject) => {
      this.#app.listen(host, port, (socket) => {
        if (socket === false) {
          reject(new Error(`expected to listen on ${host}:${port}, got refused: is the port taken, or not yours?`));
          return;
        }
        this.#socket = socket;
        resolve(uws.us_socket_local_port(socket));
      });
    });
  }

  /**
   * To all connections that listen on the channel, encoded and copied once. It leaves at the end of this turn of the event loop,
   * or in front of whatever else a connection is sent in it (topic/native-publish.test.ts).
   */
  publish(channel: string, data: Uint8Array | string, isBinary: boolean): void {
    this.#app.publish(channel, data, isBinary, false);
  }

  /** No new connections; open ones stay. */
  stopListening(): void {
    if (this.#socket === undefined) return;
    uws.us_listen_socket_close(this.#socket);
    this.#socket = undefined;
  }

  /** Cuts every connection. */
  close(): void {
    this.#socket = undefined;
    this.#app.close();
  }

  #onRequest(res: HttpResponse, req: HttpRequest, context: us_socket_context_t | undefined): void {
    const request = copyRequest(req, res, this.#config.tls !== undefined);
    const upgrade = isWebSocketUpgrade(request);
    if (upgrade === 'no') this.#handler.onRequest(new HttpExchange(res, request));
    else if (upgrade !== 'yes') this.#handler.onBadUpgrade(new HttpExchange(res, request), upgrade);
    // uWebSockets.js takes a key by its length alone; ours is stricter, so a context is always there.
    else if (context === undefined) this.#handler.onBadUpgrade(new HttpExchange(res, request), 'key');
    else this.#handler.onUpgrade(new UpgradeExchange(res, request, context));
  }
}

function createApp(config: ListenConfig): TemplatedApp {
  if (config.tls === undefined) return uws.App();
  const { certificate, key, names } = config.tls;
  const app = createTlsApp(certificate, key);
  for (const [name, files] of Object.entries(names)) {
    app.addServerName(name, { cert_file_name: files.certificate, key_file_name: files.key });
  }
  return app;
}

/** The native library does not say which file it stumbled over, nor why. */
function createTlsApp(certificate: string, key: string): TemplatedApp {
  try {
    return uws.SSLApp({ cert_file_name: certificate, key_file_name: key });
  } catch (error) {
    const expected = `expected a certificate and its key that OpenSSL takes in ${certificate} and ${key}`;
    throw new Error(`${expected}, got them refused: \`openssl x509 -noout -text -in\` says what is wrong`, {
      cause: error,
    });
  }
}
