/**
 * One uWebSockets.js app with its TLS settings, which it has for life: a renewed certificate, another oldest version or other
 * CAs need a new app, while the open sockets stay with the one that accepted them. Replacing certificates in place
 * (`addServerName`) was rejected: it leaves out the clients that name no server, and what is asked of them.
 */
import * as uws from 'uWebSockets.js';
import type { AppOptions, TemplatedApp, us_listen_socket } from 'uWebSockets.js';
import type { CertificateConfig, ListenConfig, TlsConfig } from '../config.js';

/**
 * What BoringSSL takes for the ciphers of TLS 1.2 and then never negotiates, since it has no pre-shared key: TLS 1.3, whose
 * ciphers are fixed, is all that is left. The library has no option for the oldest version, and its own is TLS 1.2.
 */
const NO_TLS_1_2 = 'ECDHE-PSK-CHACHA20-POLY1305';

export class NativeApp {
  readonly tls: TlsConfig | undefined;
  readonly native: TemplatedApp;
  readonly #names: readonly string[];
  #listening: us_listen_socket | undefined;
  #sockets = 0;

  /** Throws when the TLS files cannot be taken. */
  constructor({ tls }: Pick<ListenConfig, 'tls'>) {
    this.tls = tls;
    this.native = tls === undefined ? uws.App() : createTlsApp(tls);
    this.#names = Object.keys(tls?.names ?? {});
    // One socket is told of twice: it came, and it is gone or has become a WebSocket.
    this.native.filter((_res, change) => this.count(change > 0 ? 1 : -1));
  }

  get hasSockets(): boolean {
    return this.#sockets > 0;
  }

  /** The filter tells of the upgrade of a socket as of its end: its WebSocket is counted by whoever has the handlers. */
  count(change: 1 | -1): void {
    this.#sockets += change;
  }

  /** Each certificate by name has a router of its own, and a request that its router does not know is cut. */
  route(register: (app: TemplatedApp) => void): void {
    if (this.#names.length > 0) this.native.domain('');
    register(this.native);
    for (const name of this.#names) register(this.native.domain(name));
  }

  /** Gives the bound port. */
  listen(host: string, port: number): number {
    this.native.listen(host, port, (socket) => {
      this.#listening = socket === false ? undefined : socket;
    });
    // The callback has run by now.
    if (this.#listening !== undefined) return uws.us_socket_local_port(this.#listening);
    throw new Error(`expected to listen on ${host}:${port}, got refused: is the port taken, or not yours?`);
  }

  publish(channel: string, data: Uint8Array | string, isBinary: boolean): void {
    this.native.publish(channel, data, isBinary, false);
  }

  /** No new connections; open ones stay. */
  stopListening(): void {
    if (this.#listening !== undefined) uws.us_listen_socket_close(this.#listening);
    this.#listening = undefined;
  }

  /** Cuts every connection. */
  close(): void {
    this.#listening = undefined;
    this.native.close();
  }
}

function createTlsApp(tls: TlsConfig): TemplatedApp {
  const app = constructApp(tls);
  for (const [name, files] of Object.entries(tls.names)) app.addServerName(name, nativeOptions(files, tls));
  return app;
}

/** The native library does not say which file it stumbled over, nor why. */
function constructApp(tls: TlsConfig): TemplatedApp {
  try {
    return uws.SSLApp(nativeOptions(tls, tls));
  } catch (error) {
    const expected = `expected a certificate and its key that OpenSSL takes in ${tls.certificate} and ${tls.key}`;
    throw new Error(`${expected}, got them refused: \`openssl x509 -noout -text -in\` says what is wrong`, {
      cause: error,
    });
  }
}

/** The same for every name but the files: a name must not be a way around what is asked of clients. */
function nativeOptions(
  { certificate, key }: CertificateConfig,
  { minVersion, clientCertificates }: TlsConfig,
): AppOptions {
  return {
    cert_file_name: certificate,
    key_file_name: key,
    ...(minVersion === 'TLSv1.3' ? { ssl_ciphers: NO_TLS_1_2 } : {}),
    // Clients are asked for a certificate; one that these CAs have not signed ends the handshake, none does not.
    ...(clientCertificates === undefined ? {} : { ca_file_name: clientCertificates.ca }),
  };
}
