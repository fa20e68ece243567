import { describe, expect, it } from 'vitest';
import { mistakesIn } from './testing/files.js';

/** Lines 1–3 and 4–9 of every case; `route`, `pool` and `top` add to them. */
interface Parts {
  readonly top?: string;
  readonly listen?: string;
  readonly secret?: string;
  readonly route?: string;
  readonly pool?: string;
  readonly backends?: string;
}

function file({
  top = '',
  listen = '127.0.0.1:8080',
  secret = '0123456789abcdef',
  route = 'pool: web',
  pool = '',
  backends = '[ http://a ]',
}: Parts): string {
  const lines = [
    `listen: [ { address: ${listen} } ]`,
    `secret: ${secret}`,
    'routes:',
    `  - ${route}`,
    'pools:',
    '  web:',
    `    backends: ${backends}`,
  ];
  if (pool !== '') lines.push(`    ${pool}`);
  if (top !== '') lines.push(top);
  return `${lines.join('\n')}\n`;
}

const URL_EXPECTED = 'expected the origin of a backend (http, https, ws or wss, no path) such as http://127.0.0.1:3000';
const REDIS_URL =
  'redis://host:6379, redis+sentinel://host:26379/master-name or redis+cluster://host:6379 (rediss for TLS)';
const DURATION = 'a duration with its unit (250ms, 30s, 5m, 1h, 1d)';

const CASES: readonly (readonly [name: string, parts: Parts, mistakes: readonly string[]])[] = [
  [
    'an unknown key',
    { pool: 'bakends: 1' },
    [
      '8:5: pools.web.bakends: expected one of kind, backends, proxy, proxyProtocol, balance, sticky, health, outlier, tls, slowStart, panicThreshold, timeouts, retries, onBackendLoss, resumeWindow, heartbeat, trunkPath, maxHandoffs, got "bakends" (did you mean "backends"?)',
    ],
  ],
  [
    'an unknown key that is like no other',
    { pool: 'health: { frobnicate: 1 }' },
    [
      '8:15: pools.web.health.frobnicate: expected one of type, path, expect, interval, timeout, fall, rise, got "frobnicate"',
    ],
  ],
  [
    'a key of a later version',
    { top: 'advertise: wss://lb-1.example.com' },
    [
      '8:1: advertise: expected one of $schema, listen, admin, workers, state, secret, trustedProxies, drain, logs, admission, overload, rebalance, routes, pools, topics, got "advertise"',
    ],
  ],
  [
    'a missing key',
    { route: '{ compression: true }' },
    ['4:5: routes[0].pool: expected the name of a pool, got nothing'],
  ],
  ['an empty value', { pool: 'timeouts:' }, ['8:14: pools.web.timeouts: expected a map, got nothing']],
  [
    'a wrong word',
    { pool: 'balance: round-robbin' },
    [
      '8:14: pools.web.balance: expected one of round-robin, least-connections, two-choices, source-hash, consistent-hash, got "round-robbin" (did you mean "round-robin"?)',
    ],
  ],
  [
    'a wrong kind',
    { pool: 'sticky: [ 1 ]' },
    [
      '8:13: pools.web.sticky: expected engine.io, or a map with exactly one of query, header, path, cookie, address, got a list of 1',
    ],
  ],
  [
    'a duration without unit',
    { pool: 'slowStart: 30' },
    [`8:16: pools.web.slowStart: expected ${DURATION} up to 24d, or 0, got 30`],
  ],
  [
    'a duration beyond what timers do',
    { route: '{ pool: web, limits: { lifetime: 30d } }' },
    [`4:38: routes[0].limits.lifetime: expected ${DURATION} up to 24d, or 0, got "30d"`],
  ],
  [
    'a duration that may not be 0',
    { route: '{ pool: web, limits: { idle: 0 } }' },
    [`4:34: routes[0].limits.idle: expected ${DURATION} from 1ms to 24d, got 0`],
  ],
  [
    'a wrong size',
    { route: '{ pool: web, limits: { messageBytes: 1mb } }' },
    ['4:42: routes[0].limits.messageBytes: expected a size (65536, 64KiB, 1MiB) from 1B to 1GiB, got "1mb"'],
  ],
  [
    'a negative size',
    { route: '{ pool: web, limits: { buffer: -1 } }' },
    ['4:36: routes[0].limits.buffer: expected a size (65536, 64KiB, 1MiB) from 1KiB to 1GiB, got -1'],
  ],
  [
    'a number out of range',
    { pool: 'retries: 11' },
    ['8:14: pools.web.retries: expected a whole number from 0 to 10, got 11'],
  ],
  ['a fraction', { pool: 'retries: 1.5' }, ['8:14: pools.web.retries: expected a whole number from 0 to 10, got 1.5']],
  [
    'a number in quotes',
    { pool: 'retries: "1"' },
    ['8:14: pools.web.retries: expected a whole number from 0 to 10, got "1"'],
  ],
  [
    'a boolean of YAML 1.1',
    { route: '{ pool: web, compression: yes }' },
    ['4:31: routes[0].compression: expected true or false, got "yes"'],
  ],
  [
    'workers',
    { top: 'workers: atuo' },
    ['8:10: workers: expected auto or a whole number from 1 to 256, got "atuo" (did you mean "auto"?)'],
  ],
  ['too many workers', { top: 'workers: 257' }, ['8:10: workers: expected a whole number from 1 to 256, got 257']],
  [
    'a kind of pool',
    { pool: 'kind: sesion' },
    ['8:11: pools.web.kind: expected one of relay, session, got "sesion" (did you mean "session"?)'],
  ],
  [
    'an address',
    { listen: 'localhost' },
    ['1:22: listen[0].address: expected an address such as 127.0.0.1:8080, [::1]:8080, :8080 or 8080, got "localhost"'],
  ],
  [
    'a port',
    { listen: '70000' },
    ['1:22: listen[0].address: expected an address such as 127.0.0.1:8080, [::1]:8080, :8080 or 8080, got 70000'],
  ],
  [
    'a CIDR block',
    { top: 'trustedProxies: [ 10.0.0.0/8, 10.0.0.0/33 ]' },
    ['8:31: trustedProxies[1]: expected an IP address or a CIDR block such as 10.0.0.0/8, got "10.0.0.0/33"'],
  ],
  [
    'a host pattern',
    { route: '{ pool: web, match: { host: "*.*.com" } }' },
    [
      '4:33: routes[0].match.host: expected a host such as chat.example.com or *.example.com, without port, got "*.*.com"',
    ],
  ],
  [
    'a header name',
    { route: '{ pool: web, match: { header: { "x y": true } } }' },
    ['4:37: routes[0].match.header["x y"]: expected the name of a header (letters, digits and -), got "x y"'],
  ],
  [
    'a header twice',
    { route: '{ pool: web, match: { header: { X-A: a, x-a: b } } }' },
    ['4:45: routes[0].match.header.x-a: expected every header once, got "x-a", as routes[0].match.header.X-A has it'],
  ],
  [
    'a condition',
    { route: '{ pool: web, match: { query: { v: 2 } } }' },
    ['4:39: routes[0].match.query.v: expected true (present) or a text in quotes, got 2'],
  ],
  [
    'a cookie name',
    { pool: 'sticky: { cookie: "a b" }' },
    ['8:23: pools.web.sticky.cookie: expected the name of a cookie (letters, digits, - and _), got "a b"'],
  ],
  [
    'two kinds of stickiness',
    { pool: 'sticky: { cookie: a, query: b }' },
    [
      '8:13: pools.web.sticky: expected exactly one of query, header, path, cookie, address, got a map with cookie, query',
    ],
  ],
  [
    'a stickiness without end',
    { pool: 'sticky: { query: b, ttl: 0 }' },
    ['8:13: pools.web.sticky: expected a ttl above 0 (0 is for cookies only), got ttl 0'],
  ],
  [
    'a backend',
    { backends: '[ 127.0.0.1:3000, { url: "http://a/x" } ]' },
    [
      `7:17: pools.web.backends[0]: ${URL_EXPECTED}, got "127.0.0.1:3000"`,
      `7:40: pools.web.backends[1].url: ${URL_EXPECTED}, got "http://a/x"`,
    ],
  ],
  [
    'neither dns nor srv',
    { backends: '{ port: 80 }' },
    ['7:15: pools.web.backends: expected exactly one of dns and srv, got a map with port'],
  ],
  [
    'dns without port',
    { backends: '{ dns: a }' },
    ['7:15: pools.web.backends: expected a port with dns, got a map with dns'],
  ],
  [
    'srv with port',
    { backends: '{ srv: a, port: 1 }' },
    ['7:15: pools.web.backends: expected no port with srv: its records carry it, got a map with srv, port'],
  ],
  [
    'a status range',
    { pool: 'health: { type: http, expect: 2xx }' },
    ['8:35: pools.web.health.expect: expected a status such as 204, or a range such as 200-399, got "2xx"'],
  ],
  [
    'a pool that is not there',
    { route: 'pool: wbe' },
    ['4:11: routes[0].pool: expected a pool: web, got "wbe" (did you mean "web"?)'],
  ],
  [
    'a pool named like what objects have',
    { route: 'pool: constructor' },
    ['4:11: routes[0].pool: expected a pool: web, got "constructor"'],
  ],
  [
    'the name of a pool',
    { top: '  "a b": { backends: [ http://a ] }' },
    ['8:3: pools["a b"]: expected a name of letters, digits, ., _ and -, at most 64 long, got "a b"'],
  ],
  [
    'backends with the same id',
    { backends: '[ http://a, http://A:80, { url: http://b, id: "a:80" } ]' },
    [
      '7:27: pools.web.backends[1]: expected an id that no other backend of the pool has, got "a:80", as pools.web.backends[0] has it',
      '7:61: pools.web.backends[2].id: expected an id that no other backend of the pool has, got "a:80", as pools.web.backends[0] has it',
    ],
  ],
  [
    'routes with the same name',
    { route: '{ name: r, pool: web }\n  - { name: r, pool: web }' },
    ['5:13: routes[1].name: expected a name that no other route has, got "r", as routes[0].name has it'],
  ],
  [
    'addresses that are the same',
    { listen: '":80" }, { address: 80', top: 'admin: { address: "*:80", token: t }' },
    [
      '1:42: listen[1].address: expected an address that nothing else listens on, got "0.0.0.0:80", as listen[0].address has it',
      '8:19: admin.address: expected an address that nothing else listens on, got "0.0.0.0:80", as listen[0].address has it',
    ],
  ],
  [
    'an open admin API',
    { top: 'admin: { address: ":81", token: "${T:-}" }' },
    [
      '8:19: admin.address: expected a loopback address such as 127.0.0.1:8081, or a token beside it, got "0.0.0.0:81" without a token',
    ],
  ],
  [
    'a token, without showing it',
    { top: 'admin: { address: 127.0.0.1:81, token: "a b" }' },
    [
      '8:40: admin.token: expected a token of visible ASCII characters without spaces, or an empty text for none, got a text of 3 characters',
    ],
  ],
  [
    'a short secret, without showing it',
    { secret: 'hunter2' },
    ['2:9: secret: expected a secret of at least 16 characters, got a text of 7 characters'],
  ],
  [
    'a short secret in a list',
    { secret: '[ 0123456789abcdef, x ]' },
    ['2:29: secret[1]: expected a secret of at least 16 characters, got a text of 1 characters'],
  ],
  [
    'a Sentinel without a master, and without showing its password',
    { top: 'state: redis+sentinel://u:pw@h' },
    [`8:8: state: expected embedded, or ${REDIS_URL}, got "redis+sentinel://…@h"`],
  ],
  [
    'a Cluster with a database',
    { top: 'state: { url: "redis+cluster://h/1" }' },
    [`8:15: state.url: expected ${REDIS_URL}, got "redis+cluster://h/1"`],
  ],
  [
    'an unset variable',
    { secret: '"${NOPE}"' },
    ['2:9: secret: expected the environment variable NOPE, or a default (${NOPE:-…}), got NOPE unset'],
  ],
  [
    'a broken reference',
    { listen: '"${PORT"' },
    ['1:22: listen[0].address: expected ${NAME} or ${NAME:-default} ($${ for a literal ${), got "${PORT"'],
  ],
  [
    'a key twice',
    { pool: 'retries: 1\n    retries: 2' },
    ['9:5: pools.web.retries: expected every key once, got a second one (the first is on line 8)'],
  ],
  [
    'an alias without anchor',
    { pool: 'health: *none' },
    ['8:13: pools.web.health: expected an anchor &none above, got *none without one'],
  ],
  [
    'an off switch turned on',
    { pool: 'outlier: true' },
    ['8:14: pools.web.outlier: expected a map of settings, or false for off, got true'],
  ],
  [
    'a long value, cut',
    { pool: `balance: ${'x'.repeat(100)}` },
    [
      `8:14: pools.web.balance: expected one of round-robin, least-connections, two-choices, source-hash, consistent-hash, got "${'x'.repeat(58)}…`,
    ],
  ],
];

describe('mistakes', () => {
  it('has none in what the cases start from', async () => {
    expect(await mistakesIn(file({}))).toEqual([]);
  });

  it.each(CASES)('tells %s', async (_, parts, mistakes) => {
    expect(await mistakesIn(file(parts))).toEqual(mistakes);
  });

  it('tells all at once, in the order of the file', async () => {
    const all = await mistakesIn(
      file({ listen: 'x', secret: 'short', route: 'pool: nope', pool: 'retries: x', top: 'wrokers: 2' }),
    );
    expect(all.map((mistake) => mistake.split(': expected')[0])).toEqual([
      '1:22: listen[0].address',
      '2:9: secret',
      '4:11: routes[0].pool',
      '8:14: pools.web.retries',
      '9:1: wrokers',
    ]);
  });

  it('tells what stands under an anchor once', async () => {
    const text = file({ pool: 'health: &h { fall: x }', top: '  b: { backends: [ http://a ], health: *h }' });
    expect(await mistakesIn(text)).toEqual([
      '8:24: pools.web.health.fall: expected a whole number from 1 to 100, got "x"',
    ]);
  });
});
