import { describe, expect, it } from 'vitest';
import * as formats from './formats.js';

type Case = readonly [input: string | number, value: unknown];

function table(parse: (input: never) => unknown, cases: readonly Case[]): void {
  it.each(cases)('%j', (input, value) => {
    expect((parse as (input: string | number) => unknown)(input)).toEqual(value);
  });
}

describe('parseAddress', () => {
  table(formats.parseAddress, [
    ['127.0.0.1:8080', { host: '127.0.0.1', port: 8080 }],
    ['LocalHost:0', { host: 'localhost', port: 0 }],
    ['[::1]:8080', { host: '::1', port: 8080 }],
    [':8080', { host: '0.0.0.0', port: 8080 }],
    ['*:8080', { host: '0.0.0.0', port: 8080 }],
    ['8080', { host: '0.0.0.0', port: 8080 }],
    [8080, { host: '0.0.0.0', port: 8080 }],
    ...[
      '',
      ':',
      'host',
      '::1:80',
      '[::1]',
      '[::g]:80',
      '1.2.3.256:80',
      'a b:80',
      'http://a:80',
      '1.2.3.4:65536',
      -1,
      1.5,
    ].map((bad) => [bad, undefined] as const),
  ]);
});

describe('parseHostPattern', () => {
  table(formats.parseHostPattern, [
    ['Chat.Example.com', 'chat.example.com'],
    ['*.example.com', '*.example.com'],
    ['127.0.0.1', '127.0.0.1'],
    ['a_b', 'a_b'],
    ...['', '*', '*.', 'a..b', 'a.com:80', 'http://a', '*.*.a', 'a.*', '-a', 'ä.de', '*.1.2.3.4', 'a'.repeat(64)].map(
      (bad) => [bad, undefined] as const,
    ),
  ]);
});

describe('parseCidr', () => {
  table(formats.parseCidr, [
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['::1', '::1'],
    ['fd00::/128', 'fd00::/128'],
    ...['', '10.0.0.0/33', '10.0.0.0/', '10/8', 'fd00::/129', 'a/8', '10.0.0.0/8/8', 'fe80::1%eth0', '10.0.0.0/-1'].map(
      (bad) => [bad, undefined] as const,
    ),
  ]);
});

describe('parseOrigin', () => {
  table(formats.parseOrigin, [
    ['https://Example.com', 'https://example.com'],
    ['https://example.com:443', 'https://example.com'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['http://[::1]:3000', 'http://[::1]:3000'],
    ['capacitor://localhost', 'capacitor://localhost'],
    ...['', '*', 'example.com', 'https://', 'https://a/', 'https://a/b', 'https://a:99999', 'https://u@a'].map(
      (bad) => [bad, undefined] as const,
    ),
  ]);
});

describe('parsePath', () => {
  table(formats.parsePath, [
    ['/', '/'],
    ['/chat/', '/chat'],
    ['//', '/'],
    ['/a%20b', '/a%20b'],
    ...['', 'chat', '/a b', '/a?b', '/a#b', '/ä', '/a\n'].map((bad) => [bad, undefined] as const),
  ]);
});

describe('parseBackendUrl', () => {
  table(formats.parseBackendUrl, [
    ['http://127.0.0.1:3001', { url: 'http://127.0.0.1:3001', id: '127.0.0.1:3001' }],
    ['http://App/', { url: 'http://app', id: 'app:80' }],
    ['ws://app:80', { url: 'http://app', id: 'app:80' }],
    ['wss://app', { url: 'https://app', id: 'app:443' }],
    ['https://[::1]:9', { url: 'https://[::1]:9', id: '[::1]:9' }],
    ...[
      '',
      'app:80',
      'http:app',
      'http://',
      'ftp://a',
      'http://a/b',
      'http://a?b',
      'http://a/?',
      'http://u:p@a',
      'http://a:0',
      'http://a:99999',
    ].map((bad) => [bad, undefined] as const),
  ]);
});

describe('parseStatusRange', () => {
  table(formats.parseStatusRange, [
    [204, { min: 204, max: 204 }],
    ['200-399', { min: 200, max: 399 }],
    ...['', '99', '600', '300-200', '2xx', '200-', 200.5].map((bad) => [bad, undefined] as const),
  ]);
});

describe('parseRedisUrl', () => {
  table(formats.parseRedisUrl, [
    ['redis://h:6379', 'redis://h:6379'],
    ['rediss://u:p@h/3', 'rediss://u:p@h/3'],
    ['redis+sentinel://h,i:1/main/3', 'redis+sentinel://h,i:1/main/3'],
    ['rediss+cluster://u:p@h,i:1', 'rediss+cluster://u:p@h,i:1'],
    ...['redis://', 'redis:h', 'redis+sentinel://h', 'redis+cluster://h/1', 'http://h', 'redis://h/x'].map(
      (bad) => [bad, undefined] as const,
    ),
  ]);
});

describe('names', () => {
  it('lower-cases header names and refuses what is no token', () => {
    expect(formats.parseHeaderName('X-Tenant')).toBe('x-tenant');
    expect(formats.parseHeaderName('x tenant')).toBeUndefined();
    expect(formats.parseCookieName('a=b')).toBeUndefined();
  });
  it.each(['', '-a', '.a', '__proto__', 'a b', 'a/b', 'a'.repeat(65)])('refuses %j', (name) => {
    expect(formats.parseName(name)).toBeUndefined();
  });
  it.each(['localhost', '127.0.0.1', '127.9.9.9', '::1'])('takes %s for loopback', (host) => {
    expect(formats.isLoopback(host)).toBe(true);
  });
  it.each(['0.0.0.0', '::', '10.0.0.1', 'example.com', '127.example.com'])('does not take %s for loopback', (host) => {
    expect(formats.isLoopback(host)).toBe(false);
  });
});
