import { describe, expect, it } from 'vitest';
import { load } from './testing/files.js';
import { covers } from './warnings.js';

const NONE = { host: undefined, path: '/', headers: {}, query: {}, upgrade: undefined };

async function warningsFor(text: string): Promise<string[]> {
  const result = await load(text);
  if (!result.ok) return ['not ok'];
  return result.warnings.map((warning) => warning.replace(/^.*?\.yaml:/, ''));
}

describe('warnings', () => {
  it('says that a made-up secret does not last', async () => {
    const text = 'listen: [ { address: 80 } ]\nroutes: [ { pool: p } ]\npools: { p: { backends: [ http://a ] } }\n';
    expect(await warningsFor(text)).toEqual([
      '1:1: secret: no secret, so one was made up: signed cookies will not survive a restart nor work on a second balancer',
    ]);
  });

  it('tells what is never used, and where', async () => {
    const text = `listen: [ { address: ":0" } ]
secret: 0123456789abcdef
routes:
  - pool: p
  - pool: p
    match: { path: /x }
pools:
  p: { backends: [ http://a ], health: { path: /up } }
  q: { backends: [ http://a ] }
`;
    expect(await warningsFor(`${text}workers: 2\n`)).toEqual([
      '1:13: listen[0].address: port 0 gives every worker another port',
      '5:5: routes[1]: never reached: routes[0] matches all of it before',
      '9:3: pools.q: no route uses this pool',
      '8:32: pools.p.health: path and expect do nothing here: see `type` (tcp only connects)',
    ]);
  });

  it('tells a route that a session pool serves nothing on', async () => {
    const text = `listen: [ { address: 80 } ]
secret: 0123456789abcdef
routes:
  - { pool: s, match: { path: /s, upgrade: false } }
  - { pool: r, match: { path: /r, upgrade: false } }
  - { pool: s }
pools:
  s: { kind: session, backends: [ http://a ] }
  r: { backends: [ http://a ] }
`;
    expect(await warningsFor(text)).toEqual([
      '4:35: routes[0].match.upgrade: lets no WebSocket through, and a session pool serves nothing else',
    ]);
  });
});

describe('warnings on topics', () => {
  it('tells rules that are never reached', async () => {
    const text = `listen: [ { address: 80 } ]
secret: 0123456789abcdef
routes: [ { pool: s } ]
pools: { s: { kind: session, backends: [ http://a ] } }
topics:
  - match: "room:*"
  - match: room:1
  - match: "room:2*"
  - match: "*"
  - match: lobby
`;
    expect(await warningsFor(text)).toEqual([
      '7:5: topics[1]: never reached: topics[0] matches all of it before',
      '8:5: topics[2]: never reached: topics[0] matches all of it before',
      '10:5: topics[4]: never reached: topics[3] matches all of it before',
    ]);
  });

  it('tells a cookie with a token that any page can use', async () => {
    const text = `listen: [ { address: 80 } ]
secret: 0123456789abcdef
routes:
  - { pool: r, match: { path: /a }, auth: { jwt: { secret: 0123456789abcdef, cookie: c } }, origins: [ https://a ] }
  - { pool: r, auth: { jwt: { secret: 0123456789abcdef, cookie: c } } }
pools: { r: { backends: [ http://a ] } }
`;
    expect(await warningsFor(text)).toEqual([
      '5:57: routes[1].auth.jwt.cookie: without `origins`, any page can open WebSockets in the name of whoever visits it',
    ]);
  });

  it('tells topics that no client can be on', async () => {
    const text = `listen: [ { address: 80 } ]
secret: 0123456789abcdef
routes: [ { pool: r } ]
pools: { r: { backends: [ http://a ] } }
topics: [ { match: lobby } ]
`;
    expect(await warningsFor(text)).toEqual([
      '5:1: topics: no pool has `kind: session`, and no other clients can be on a topic',
    ]);
  });
});

describe('covers', () => {
  it.each([
    ['no conditions, anything', {}, { host: 'a', path: '/x', upgrade: true }, true],
    ['a host, another', { host: 'a' }, { host: 'b' }, false],
    ['a host, any', { host: 'a' }, {}, false],
    ['a suffix, a host below', { host: '*.a' }, { host: 'x.y.a' }, true],
    ['a suffix, a suffix below', { host: '*.a' }, { host: '*.b.a' }, true],
    ['a suffix, the name itself', { host: '*.a' }, { host: 'a' }, false],
    ['a suffix, a name that ends alike', { host: '*.a' }, { host: 'xa' }, false],
    ['a path, one below', { path: '/a' }, { path: '/a/b' }, true],
    ['a path, one that begins alike', { path: '/a' }, { path: '/ab' }, false],
    ['a path below, a path', { path: '/a/b' }, { path: '/a' }, false],
    ['a header present, a value of it', { headers: { x: '*' } }, { headers: { x: '1' } }, true],
    ['a header value, present', { headers: { x: '1' } }, { headers: { x: '*' } }, false],
    ['a query, none', { query: { x: '*' } }, {}, false],
    ['upgrades, both', { upgrade: true }, {}, false],
    ['upgrades, upgrades', { upgrade: true }, { upgrade: true }, true],
  ])('%s: %o before %o', (_, earlier, later, expected) => {
    expect(covers({ ...NONE, ...earlier }, { ...NONE, ...later })).toBe(expected);
  });
});
