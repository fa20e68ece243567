/**
 * One address that clients reach, on uWebSockets.js. Every worker binds the same address (SO_REUSEPORT) and the
 * kernel spreads the connections. Turns native callbacks into HttpExchange, UpgradeExchange and DownstreamSocket;
 * decides nothing.
 */
import { isDeepStrictEqual } from 'node:util';
import { CloseCode } from '@holdfast/protocol';
import type { HttpRequest, HttpResponse, us_socket_context_t, WebSocket, WebSocketBehavior } from 'uWebSockets.js';
import { setNativeSwitch, SHARED_COMPRESSOR } from './native.js';
import type { ListenConfig } from '../config.js';
import { INNER_HOST, ProxyFront } from '../proxy-protocol/front.js';
import { clientCertificateOf } from './client-certificate.js';
import { ClientSockets } from './client-sockets.js';
import { type ConnectionEnds, copyRequest, type Peer, peerAddressOf } from './downstream-request.js';
import type { SocketData } from './downstream-socket.js';
import { HttpExchange } from './http-exchange.js';
import { NativeApp } from './native-app.js';
import { UpgradeExchange } from './upgrade-exchange.js';
import { isWebSocketUpgrade } from './upgrade-request.js';

export interface ListenerHandler {
  onRequest(exchange: HttpExchange): void;
  onUpgrade(exchange: UpgradeExchange): void;
  /** A WebSocket handshake that cannot be accepted whatever the route: `status` says why. */
  onBadUpgrade(exchange: HttpExchange, reason: 'version' | 'key' | 'body'): void;
  /** A request that came behind a PROXY header which the native side has read, of whomever. */
  onSpoofed(exchange: HttpExchange): void;
  /** A connection that was cut for its PROXY header, or for having none. */
  onHeaderRefused(peer: string, detail: string): void;
}

export interface SocketBounds {
  /** No larger message is read, whatever the route allows. */
  readonly maxMessageBytes: number;
  /** No more is buffered for one client. */
  readonly maxBufferedBytes: number;
  /** A connection on which nothing moves is cut after this; above every route's own limit. 0: never. */
  readonly idleTimeoutSeconds: number;
}

interface NativeRequest {
  readonly res: HttpResponse;
  readonly req: HttpRequest;
  /** Of a WebSocket handshake. */
  readonly context: us_socket_context_t | undefined;
}

export class Listener {
  readonly #config: ListenConfig;
  readonly #handler: ListenerHandler;
  readonly #sockets: ClientSockets;
  #app: NativeApp;
  /** With sockets that came before TLS was changed. Bounded by those. */
  #retired: readonly NativeApp[] = [];
  #phase: 'new' | 'listening' | 'stopped' = 'new';
  /** undefined: clients come to the native listener itself. */
  readonly #front: ProxyFront | undefined;
  readonly #ends: ConnectionEnds;
  /** Of the native listener. */
  #port = 0;
  #bounds: SocketBounds | undefined;

  constructor(config: ListenConfig, handler: ListenerHandler, sockets: ClientSockets = new ClientSockets()) {
    // uWebSockets.js' own switch for its `uWebSockets` response header, which is nobody's business.
    setNativeSwitch('999999990007');
    this.#config = config;
    this.#handler = handler;
    this.#sockets = sockets;
    this.#front = this.#createFront();
    this.#ends = { remotePort: 0, localAddress: config.host, localPort: config.port };
    this.#app = this.#createApp(config);
  }

  /**
   * Bounds of connections that come from now on. They belong to the native context of a pattern: registering the
   * pattern again makes a new context for new sockets and leaves open ones in theirs.
   */
  setBounds(bounds: SocketBounds): void {
    if (isDeepStrictEqual(this.#bounds, bounds)) return;
    this.#bounds = bounds;
    this.#setBoundsOf(this.#app, bounds);
  }

  /**
   * Resolves with the port that clients come to; rejects when the address cannot be bound.
   * @param sharedFd with `proxyProtocol`: the socket that all workers accept from; absent: one of its own.
   */
  async listen(sharedFd?: number): Promise<number> {
    const { host, port } = this.#config;
    this.#phase = 'listening';
    if (this.#front === undefined) return (this.#port = this.#app.listen(host, port));
    this.#port = this.#app.listen(INNER_HOST, 0);
    return this.#front.listen(sharedFd === undefined ? { host, port } : { fd: sharedFd }, this.#port);
  }

  /**
   * Other certificates or settings of TLS, for connections that come from now on; open ones are not touched. Rejects when they
   * cannot be taken, and goes on with those of before.
   */
  async takeTls(tls: ListenConfig['tls']): Promise<void> {
    if (this.#phase === 'stopped' || isDeepStrictEqual(tls, this.#app.tls)) return;
    const next = this.#createApp({ ...this.#config, tls });
    if (this.#bounds !== undefined) this.#setBoundsOf(next, this.#bounds);
    const host = this.#front === undefined ? this.#config.host : INNER_HOST;
    if (this.#phase === 'listening') next.listen(host, this.#port);
    const last = this.#app;
    this.#app = next;
    this.#retired = [...this.#retired.filter((app) => app.hasSockets), last];
    await afterAccepting();
    last.stopListening();
  }

  /**
   * To all connections that listen on the channel, encoded and copied once. It leaves at the end of this turn of the event loop,
   * or in front of whatever else a connection is sent in it (topic/native-publish.test.ts).
   */
  publish(channel: string, data: Uint8Array | string, isBinary: boolean): void {
    for (const app of this.#apps) app.publish(channel, data, isBinary);
  }

  /** No new connections; open ones stay. */
  stopListening(): void {
    this.#phase = 'stopped';
    this.#front?.stopListening();
    for (const app of this.#apps) app.stopListening();
  }

  /** Cuts every connection. */
  close(): void {
    this.#phase = 'stopped';
    for (const app of this.#apps) app.close();
    this.#front?.close();
  }

  /** Connections with a front in it, for which the native listener is private. */
  get relayedSockets(): number {
    return this.#front?.size ?? 0;
  }

  #createFront(): ProxyFront | undefined {
    const { proxyProtocol } = this.#config;
    if (proxyProtocol === undefined) return undefined;
    const onRefused = (peer: string, detail: string): void => this.#handler.onHeaderRefused(peer, detail);
    return new ProxyFront({ from: proxyProtocol.from, onRefused });
  }

  get #apps(): readonly NativeApp[] {
    return this.#retired.length === 0 ? [this.#app] : [this.#app, ...this.#retired];
  }

  #createApp(config: ListenConfig): NativeApp {
    const app = new NativeApp(config);
    this.#sockets.watch(app.native);
    const front = this.#front;
    if (front !== undefined) {
      app.native.filter((res, change) => {
        if (change > 0 && !front.isOurs(peerAddressOf(res))) res.close();
      });
    }
    app.route((router) => router.any('/*', (res, req) => this.#onRequest(app, { res, req, context: undefined })));
    return app;
  }

  #setBoundsOf(app: NativeApp, bounds: SocketBounds): void {
    const behavior = this.#behavior(app, bounds);
    app.route((router) => router.ws('/*', behavior));
  }

  #behavior(app: NativeApp, bounds: SocketBounds): WebSocketBehavior<SocketData> {
    const { maxMessageBytes, maxBufferedBytes, idleTimeoutSeconds } = bounds;
    return {
      maxPayloadLength: maxMessageBytes,
      maxBackpressure: maxBufferedBytes,
      // Liveness is kept per route by KeepAlive. This one is for connections that we have ended and can no longer
      // touch, whose client does not read what is left for it.
      idleTimeout: idleTimeoutSeconds,
      sendPingsAutomatically: false,
      compression: SHARED_COMPRESSOR,
      upgrade: (res, req, context) => this.#onRequest(app, { res, req, context }),
      open: (ws) => {
        this.#sockets.upgraded();
        app.count(1);
        ws.getUserData().socket.attach(ws);
      },
      message: (ws, data, isBinary) => ws.getUserData().socket.handler.onMessage(data, isBinary),
      dropped: (ws) => ws.getUserData().socket.handler.onDropped?.(),
      drain: (ws) => ws.getUserData().socket.handler.onWritable(),
      ping: (ws, data) => {
        if (this.#takeControlFrame(ws)) ws.getUserData().socket.handler.onPing(data);
      },
      pong: (ws, data) => {
        if (this.#takeControlFrame(ws)) ws.getUserData().socket.handler.onPong(data);
      },
      close: (ws, code, reason) => {
        this.#sockets.webSocketClosed();
        app.count(-1);
        ws.getUserData().socket.detach(code, Buffer.from(reason).toString());
      },
    };
  }

  /** undefined: its client has gone. */
  #peerOf({ tls }: NativeApp, res: HttpResponse): Peer | undefined {
    const remoteAddress = peerAddressOf(res);
    const clientCertificate = tls?.clientCertificates && clientCertificateOf(res);
    const lacksCertificate = tls?.clientCertificates?.mode === 'required' && clientCertificate === undefined;
    const seen = { secure: tls !== undefined, clientCertificate, lacksCertificate };
    if (this.#front === undefined) return { remoteAddress, ends: this.#ends, ...seen };
    const arrival = this.#front.arrivalOf(remoteAddress);
    return arrival === undefined ? undefined : { ...arrival, ...seen };
  }

  #takeControlFrame(ws: WebSocket<SocketData>): boolean {
    const { socket } = ws.getUserData();
    if (socket.takeControlFrame(performance.now())) return true;
    this.#sockets.flooded();
    socket.end(CloseCode.PolicyViolation, 'too many pings');
    return false;
  }

  #onRequest(app: NativeApp, { res, req, context }: NativeRequest): void {
    const peer = this.#peerOf(app, res);
    if (peer === undefined) return void res.close();
    const request = copyRequest(req, peer);
    const upgrade = isWebSocketUpgrade(request);
    // It reads the header of anybody, on any listener.
    if (res.getProxiedRemoteAddress().byteLength > 0) this.#handler.onSpoofed(new HttpExchange(res, request));
    else if (upgrade === 'no') this.#handler.onRequest(new HttpExchange(res, request));
    else if (upgrade !== 'yes') this.#handler.onBadUpgrade(new HttpExchange(res, request), upgrade);
    // uWebSockets.js takes a key by its length alone; ours is stricter, so a context is always there.
    else if (context === undefined) this.#handler.onBadUpgrade(new HttpExchange(res, request), 'key');
    else this.#handler.onUpgrade(new UpgradeExchange(res, request, context));
  }
}

/**
 * What waits to be accepted is reset with its listening socket: that is closed when a poll has just taken all there was. The
 * first `setImmediate` may end a poll that began before this turn, which making an app has made a long one.
 */
async function afterAccepting(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
}
