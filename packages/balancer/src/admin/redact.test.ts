import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { redactConfig } from './redact.js';

it('shows what is no secret as it is', () => {
  const config = {
    worker: {
      listen: [{ host: '::', port: 0, tls: { certificate: '/c.pem', key: '/k.pem' } }],
      routes: [
        { match: { host: 'a.example', headers: { 'x-user': '*' }, query: {} }, auth: { jwt: { issuer: 'me' } } },
      ],
      pools: { web: { backends: ['http://127.0.0.1:1'], sticky: { by: 'cookie', name: 'sid', ttlMs: 0 } } },
      state: { engine: 'redis', url: 'redis://host:6379/1' },
    },
    workers: 2,
    admin: undefined,
  };
  expect(redactConfig(config)).toEqual(config);
});

it('leaves out passwords where they stand in a URL', () => {
  const shown = (url: string): unknown => redactConfig({ url });
  expect(shown('redis://user:hunter2!@host:1/0')).toEqual({ url: 'redis://user:[redacted]@host:1/0' });
  expect(shown('redis://:p%40ss@host')).toEqual({ url: 'redis://:[redacted]@host' });
  expect(shown('redis+sentinel://u:a:b@h1,h2/m')).toEqual({ url: 'redis+sentinel://u:[redacted]@h1,h2/m' });
  expect(shown('socks5://justatoken@host')).toEqual({ url: 'socks5://[redacted]@host' });
  expect(shown('https://host/keys?api_key=abc&x=1')).toEqual({ url: 'https://host/keys?api_key=[redacted]&x=1' });
});

it('leaves out a private key, whatever it is called', () => {
  const pem = '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n';
  expect(redactConfig({ material: pem })).toEqual({ material: '[redacted]' });
});

it('shows no secret anywhere, wherever it is repeated', () => {
  // None is a word that a configuration has for other reasons.
  const secret = fc.stringMatching(/^[A-Za-z0-9+/"'\\ %$]{4,30}$/).map((text) => `~${text}~~`);
  fc.assert(
    fc.property(fc.array(secret, { minLength: 8, maxLength: 8 }), ([a, b, c, d, e, f, g, h]) => {
      const config = {
        worker: {
          secrets: [a, b],
          routes: [
            {
              match: { headers: { 'x-internal': c, other: '*' }, query: { t: d }, path: `/${a}` },
              auth: { jwt: { key: { type: 'secret', secret: e } } },
            },
          ],
          state: { engine: 'redis', url: `redis://user:${encodeURIComponent(f!)}@host`, prefix: f },
          pools: { [`pool ${a}`]: { proxy: { url: 'socks5://h', username: 'u', password: g } } },
        },
        admin: { host: '::1', port: 1, token: h },
      };
      const text = JSON.stringify(redactConfig(config));
      for (const it of [a, b, c, d, e, f, g, h]) {
        expect(text).not.toContain(JSON.stringify(it).slice(1, -1));
        expect(text).not.toContain(encodeURIComponent(it!));
      }
      expect(text).toContain('"host":"::1"');
    }),
  );
});
