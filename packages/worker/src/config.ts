/**
 * The resolved configuration that a worker runs on: plain readonly data, every default filled in, every
 * duration in milliseconds, every size in bytes. The balancer package owns the file format and produces this;
 * the worker never sees YAML, environment variables or optional keys. It crosses a process border by
 * structured clone, so it holds no functions, classes or regular expressions.
 */
import type { AdmissionConfig, OverloadConfig, RebalanceConfig } from './config-capacity.js';

export interface WorkerConfig {
  readonly listen: readonly ListenConfig[];
  /** Keys for everything that Holdfast signs: the first signs, all verify. Never empty. */
  readonly secrets: readonly string[];
  /** Addresses and CIDR blocks whose X-Forwarded-* and Forwarded headers are believed. */
  readonly trustedProxies: readonly string[];
  /** In order: the first match wins. */
  readonly routes: readonly RouteConfig[];
  /** By pool name; every `RouteConfig.pool` is a key here. */
  readonly pools: Readonly<Record<string, PoolConfig>>;
  /** In order: the first match wins; a topic that none matches has DEFAULT_TOPIC_RULE. */
  readonly topics: readonly TopicRule[];
  readonly state: StateConfig;
  readonly logs: LogConfig;
  readonly admission: AdmissionConfig;
  readonly overload: OverloadConfig;
  readonly rebalance: RebalanceConfig;
  readonly drain: DrainConfig;
}

/** How a balancer stops: first grace, then the window; hard stop at the timeout. */
export interface DrainConfig {
  /** Readiness fails, and everything is served as before: until those in front have noticed. */
  readonly graceMs: number;
  /** Over how long connections are closed; undefined: about 50 per second and worker, at most 4/5 of what is left of the timeout. */
  readonly windowMs: number | undefined;
  /** From the start, grace included, until what is left is closed at once. */
  readonly timeoutMs: number;
  /** Of all workers together. 0: whatever the window needs. */
  readonly closesPerSecond: number;
}

export interface ListenConfig {
  /** Host or IP to bind: `0.0.0.0`, `::`, `127.0.0.1`. */
  readonly host: string;
  /** 0 only in tests with a single worker: each worker would get its own. */
  readonly port: number;
  readonly tls: TlsConfig | undefined;
  /** undefined: a PROXY header is refused, whoever sends it. */
  readonly proxyProtocol: ProxyProtocolConfig | undefined;
}

/** A PROXY header (version 1 or 2) is believed from these peers, and demanded of them; of others it is refused. */
export interface ProxyProtocolConfig {
  /** Addresses and CIDR blocks; never empty. */
  readonly from: readonly string[];
}

/** Paths are absolute by the time they arrive here: the native library reads the files itself. */
export interface CertificateConfig {
  readonly certificate: string;
  readonly key: string;
  /** Of what both files held when the configuration was loaded: a renewed certificate is a change. */
  readonly digest: string;
  readonly expiresAtMs: number;
}

export interface TlsConfig extends CertificateConfig {
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** Further certificates by server name (SNI); `*.example.com` allowed. */
  readonly names: Readonly<Record<string, CertificateConfig>>;
  /** undefined: clients are not asked for a certificate. */
  readonly clientCertificates: ClientCertificatesConfig | undefined;
}

export interface ClientCertificatesConfig {
  readonly ca: string;
  readonly digest: string;
  /** optional: a client without one is served too; one with a wrong one never is. */
  readonly mode: 'required' | 'optional';
}

export type StateConfig =
  | { readonly engine: 'embedded' }
  | {
      readonly engine: 'redis';
      /** redis:// or rediss://; Sentinel and Cluster use their own schemes (redis+sentinel://, redis+cluster://). */
      readonly url: string;
      /** Put before every key, so that several fleets can share one server. */
      readonly prefix: string;
      /** A command that takes longer has failed: the worker goes on without the answer. */
      readonly commandTimeoutMs: number;
    };

export interface LogConfig {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** One line per connection or request, at its end. */
  readonly access: boolean;
}

export interface RouteConfig {
  /** Metric label and log field; unique. Defaults to the pool's name, numbered when it repeats (`chat`, `chat-2`). */
  readonly name: string;
  readonly match: RouteMatch;
  readonly pool: string;
  readonly rewrite: RewriteConfig;
  readonly access: AccessConfig;
  /** Allowed Origin values of WebSocket handshakes (scheme://host[:port]); undefined allows all, also none. */
  readonly origins: readonly string[] | undefined;
  /** Offer permessage-deflate to clients (RFC 7692). Off by default: it costs memory and CPU for every connection. */
  readonly compression: boolean;
  /** Who may come in; undefined: whoever the backend takes. */
  readonly auth: AuthConfig | undefined;
  readonly limits: RouteLimits;
}

/** Client addresses and CIDR blocks; `deny` wins over `allow`. */
export interface AccessConfig {
  /** Empty: all that are not denied. */
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

/** At least one of `jwt` and `forward`; of both, both have to agree. */
export interface AuthConfig {
  readonly jwt: JwtConfig | undefined;
  readonly forward: ForwardAuthConfig | undefined;
  /** Lower-case header that tells a relay's backend who the client is; never the client's own. undefined: it is not told. */
  readonly principalHeader: string | undefined;
  /** The backend does not get the token, wherever it was looked for. */
  readonly stripToken: boolean;
}

/**
 * A JWT, in the `hello` of a client with the SDK, in the Authorization header of any other, or where a browser can put one;
 * its `sub` is the principal.
 */
export interface JwtConfig {
  /** A shared secret (HS…), a public key in PEM (RS…, PS…, ES…, EdDSA), or the URL of the issuer's public keys (RFC 7517). */
  readonly key:
    | { readonly type: 'secret'; readonly secret: string }
    | { readonly type: 'publicKey'; readonly pem: string }
    | { readonly type: 'jwks'; readonly url: string; readonly cooldownMs: number };
  /** Never empty: an algorithm that the token chooses is no check. */
  readonly algorithms: readonly string[];
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** Query parameter that may hold it; undefined: none. */
  readonly query: string | undefined;
  /** Cookie that may hold it; undefined: none. */
  readonly cookie: string | undefined;
  /** A token without `exp` is refused. */
  readonly isExpiryRequired: boolean;
  /** The connection ends when its token runs out and was not refreshed. */
  readonly isEndedAtExpiry: boolean;
  /** By how much the clocks of issuer and worker may differ. */
  readonly toleranceMs: number;
}

/** A service that is asked about every client: 2xx lets it in, 401 and 403 do not, anything else is no answer. */
export interface ForwardAuthConfig {
  readonly url: string;
  readonly timeoutMs: number;
  /** Lower-case headers of the client's request that the service sees. */
  readonly headers: readonly string[];
  /** Lower-case headers of the service's answer that the backend gets; never the client's own. */
  readonly copy: readonly string[];
  /** Lower-case header of the service's answer that names the principal; undefined: nobody in particular. */
  readonly principal: string | undefined;
}

/** All given conditions must hold. */
export interface RouteMatch {
  /** Lower case, without port: `chat.example.com` or `*.example.com` (any depth below, not the name itself). */
  readonly host: string | undefined;
  /** Prefix on segment boundaries: `/chat` matches `/chat` and `/chat/x`, not `/chatter`. `/` matches everything. */
  readonly path: string;
  /** Lower-case header name → required value, or `*` for "present". */
  readonly headers: Readonly<Record<string, string>>;
  /** Query parameter → required value, or `*` for "present". */
  readonly query: Readonly<Record<string, string>>;
  /** true: WebSocket upgrades only; false: everything else only. */
  readonly upgrade: boolean | undefined;
}

export interface RewriteConfig {
  /** Path prefix to remove, on a segment boundary; the path never becomes empty. */
  readonly stripPrefix: string | undefined;
  /** Put in place of `stripPrefix`, or of the matched path when that is absent. */
  readonly replacePrefix: string | undefined;
  /** Host header sent to the backend; undefined passes the client's on. */
  readonly host: string | undefined;
}

export interface RouteLimits {
  /** Largest WebSocket message from either side; a larger one closes the connection with 1009. */
  readonly messageBytes: number;
  /** Messages per second from one client, with one second's worth of burst; more closes with 1008. 0: no limit. */
  readonly messagesPerSecond: number;
  /** Bytes of messages per second from one client, with one second's worth of burst; more closes with 1008. 0: no limit. */
  readonly bytesPerSecond: number;
  /** The same of all clients of one address together, in one worker; `bytes…`: of their bytes. 0: no limit. */
  readonly messagesPerSecondPerAddress: number;
  readonly bytesPerSecondPerAddress: number;
  /** Of all clients of one principal. */
  readonly messagesPerSecondPerPrincipal: number;
  readonly bytesPerSecondPerPrincipal: number;
  /** Of all clients of the route. */
  readonly messagesPerSecondPerRoute: number;
  readonly bytesPerSecondPerRoute: number;
  /** Bits of an IPv6 address that limits per address go by. */
  readonly ipv6Prefix: number;
  /** Open connections of the route on this machine; one more is refused with 429. 0: no limit. */
  readonly connections: number;
  /** The same, per client address. */
  readonly connectionsPerAddress: number;
  /** The same, per principal of an authenticated client. */
  readonly connectionsPerPrincipal: number;
  /** Handshakes and HTTP requests per second on this machine, with one second's worth of burst; more get 429. 0: no limit. */
  readonly newPerSecond: number;
  /** The same, per client address. */
  readonly newPerSecondPerAddress: number;
  /** The same, per principal. */
  readonly newPerSecondPerPrincipal: number;
  /** A client that stays silent this long, pongs included, is closed; pinged at half of it. */
  readonly idleMs: number;
  /** A WebSocket is closed with 1001 after this long, ±10 % jitter. 0: never. */
  readonly lifetimeMs: number;
  /**
   * Bytes waiting for a slow peer, per connection and direction. A backend is paused at this many; a client, which cannot
   * be paused, is closed with 1013 when its backend is this many and one largest message behind.
   */
  readonly bufferBytes: number;
}

export interface PoolConfig {
  readonly name: string;
  /** For pools whose backends speak the trunk protocol; undefined: they are relayed to as they are. */
  readonly session: SessionPoolConfig | undefined;
  readonly backends: BackendsConfig;
  /** Its backends are reached through this one, health checks and trunks included; undefined: directly. */
  readonly proxy: SocksProxy | undefined;
  /** Relay pools: every connection to a backend begins with a PROXY header that names its client; undefined: none does. */
  readonly proxyProtocol: 'v2' | undefined;
  readonly balance: BalanceStrategy;
  readonly sticky: StickyConfig | undefined;
  readonly health: HealthConfig | undefined;
  readonly outlier: OutlierConfig;
  /** For backends with https: and wss:; undefined: their certificates are checked against the well-known CAs. */
  readonly tls: PoolTlsConfig | undefined;
  /** A backend that comes (back) into service takes a rising share of new connections for this long. 0: at once. */
  readonly slowStartMs: number;
  /**
   * Percent. When fewer backends than this are healthy, health is taken to be a false alarm and all that an
   * operator has not taken out are used (Envoy's panic mode). 0: never.
   */
  readonly panicThreshold: number;
  readonly timeouts: PoolTimeouts;
  /** Further backends tried when one cannot be connected, before the client is answered. */
  readonly retries: number;
}

export interface SessionPoolConfig {
  /** Where the backend's SDK takes trunks: `/.holdfast/trunk`. */
  readonly trunkPath: string;
  /** rehome: the client's connection stays and another backend gets the session. close: it is closed with 1012. */
  readonly onBackendLoss: 'rehome' | 'close';
  /** How long a session outlives its client's connection. */
  readonly resumeWindowMs: number;
  /** A client hears something at least this often. */
  readonly heartbeatMs: number;
  /** Largest number of sessions that are handed over at once when a backend drains. */
  readonly maxHandoffs: number;
}

/** PEM texts, no paths: what was checked when the configuration was loaded is what is used. */
export interface PoolTlsConfig {
  /** CAs that sign the backends' certificates; undefined: the well-known ones. */
  readonly ca: string | undefined;
  /** Shown to backends that ask for a certificate (mTLS). */
  readonly client: { readonly certificate: string; readonly key: string; readonly expiresAtMs: number } | undefined;
  /** What the backends' certificates have to be for, and SNI; undefined: the host of each backend's URL. */
  readonly serverName: string | undefined;
  /** false: any certificate will do. */
  readonly verify: boolean;
  /** Of all the above: connections that were made with something else serve no new requests. */
  readonly digest: string;
}

/** A SOCKS5 proxy (RFC 1928), which resolves the names of backends itself. Never logged: it may hold credentials. */
export interface SocksProxy {
  /** Name or address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** RFC 1929; undefined: none. */
  readonly username: string | undefined;
  readonly password: string | undefined;
}

export type BalanceStrategy = 'round-robin' | 'least-connections' | 'two-choices' | 'source-hash' | 'consistent-hash';

export type BackendsConfig =
  | { readonly type: 'static'; readonly backends: readonly StaticBackend[] }
  | {
      readonly type: 'dns';
      /** Name of A/AAAA records (`dns`) or of SRV records (`srv`, whose ports and weights are used). */
      readonly record: 'dns' | 'srv';
      readonly name: string;
      readonly scheme: 'http' | 'https';
      /** Ignored for `srv`. */
      readonly port: number;
      readonly refreshMs: number;
    };

export interface StaticBackend {
  readonly id: string;
  /** Origin only: `http://127.0.0.1:3001` or `https://…`; WebSockets use the same. */
  readonly url: string;
  /** Relative share of new connections, 0–1000; 0 takes none. */
  readonly weight: number;
}

export type StickyConfig =
  | { readonly by: 'query'; readonly name: string; readonly ttlMs: number }
  | { readonly by: 'header'; readonly name: string; readonly ttlMs: number }
  /** Segment counted from 0: of `/rooms/42`, 1 is `42`. */
  | { readonly by: 'path'; readonly segment: number; readonly ttlMs: number }
  | { readonly by: 'address'; readonly ttlMs: number }
  /** A cookie that Holdfast issues and signs; needs no shared state. `ttlMs` 0: a session cookie. */
  | { readonly by: 'cookie'; readonly name: string; readonly ttlMs: number }
  /** Socket.IO and engine.io: the sid that the server hands out in its first answer is learned. */
  | { readonly by: 'engine.io'; readonly ttlMs: number };

export interface HealthConfig {
  readonly type: 'tcp' | 'http' | 'websocket';
  readonly path: string;
  /** `http` only: statuses that pass, inclusive. */
  readonly expect: { readonly min: number; readonly max: number };
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that take a backend out of service. */
  readonly fall: number;
  /** Successes in a row that bring it back. */
  readonly rise: number;
}

/** Passive ejection: what real traffic tells about a backend. */
export interface OutlierConfig {
  /** Connect, handshake or gateway failures in a row that eject a backend. 0: off. */
  readonly consecutiveFailures: number;
  /** First ejection; doubles with each further one. */
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  /** Percent of a pool's backends that may be ejected at once (at least one may be, if there is more than one). */
  readonly maxEjectedPercent: number;
}

export interface PoolTimeouts {
  /** TCP (and TLS) connect to a backend. */
  readonly connectMs: number;
  /** From the connect to the backend's answer to a WebSocket handshake. */
  readonly handshakeMs: number;
  /** Longest time without any data in either direction on an open connection. */
  readonly idleMs: number;
  /** From a sent HTTP request to the head of its response. */
  readonly responseMs: number;
  /** Relay pools: from when a backend drains until its open WebSockets are closed with 1012. 0: never. */
  readonly drainMs: number;
}

/** What holds for the topics that it matches, of all routes and pools: topics are one namespace of the whole fleet. */
export interface TopicRule {
  /** A topic's name, or a prefix of it followed by `*`. */
  readonly match: string;
  /** What can be caught up on and asked for again; `messages` 0: nothing is kept, and whoever misses something has missed it. */
  readonly history: TopicHistory;
  /** Sessions on the topic are its members, whom others are told of. */
  readonly presence: boolean;
  /** Of one client, with one second's worth of burst; more is refused. 0: no limit. */
  readonly publishesPerSecond: number;
  /** Of one message, whoever publishes it; a larger one is refused. */
  readonly messageBytes: number;
}

export interface TopicHistory {
  readonly messages: number;
  readonly ageMs: number;
}

export const DEFAULT_TOPIC_RULE: TopicRule = Object.freeze({
  match: '*',
  history: Object.freeze({ messages: 256, ageMs: 300_000 }),
  presence: false,
  publishesPerSecond: 10,
  messageBytes: 65_536,
});
