import { describe, expect, it } from 'vitest';
import type { RouteConfig, RouteMatch } from '../config.js';
import { NO_LIMITS } from '../testing/limits.js';
import { requestWith } from '../testing/requests.js';
import { hostWithoutPort } from './match.js';
import { Router } from './router.js';

function route(name: string, match: Partial<RouteMatch>): RouteConfig {
  return {
    name,
    pool: name,
    match: { host: undefined, path: '/', headers: {}, query: {}, upgrade: undefined, ...match },
    rewrite: { stripPrefix: undefined, replacePrefix: undefined, host: undefined },
    access: { allow: [], deny: [] },
    origins: undefined,
    compression: false,
    auth: undefined,
    limits: { ...NO_LIMITS, messageBytes: 1024, idleMs: 1000, bufferBytes: 1024 },
  };
}

function find(
  routes: RouteConfig[],
  overrides: Parameters<typeof requestWith>[0],
  isUpgrade = false,
): string | undefined {
  return new Router(routes).find(requestWith(overrides), isUpgrade)?.name;
}

describe('Router', () => {
  const at = (host: string): { headers: string[] } => ({ headers: ['host', host] });

  it.each([
    ['chat.example.com', 'exact'],
    ['CHAT.Example.com:8080', 'exact'],
    ['chat.example.com.', 'exact'],
    ['a.example.com', 'suffix'],
    ['a.b.example.com', 'suffix'],
    ['example.com', undefined],
    ['badexample.com', undefined],
  ])('tells %s by its name', (host, name) => {
    const routes = [route('exact', { host: 'chat.example.com' }), route('suffix', { host: '*.example.com' })];
    expect(find(routes, at(host))).toBe(name);
  });

  it.each([
    ['/chat', 'chat'],
    ['/chat/', 'chat'],
    ['/chat/room/1', 'chat'],
    ['/chatter', undefined],
    ['/', undefined],
  ])('matches %s on segments', (path, name) => {
    expect(find([route('chat', { path: '/chat' })], { path })).toBe(name);
  });

  it('asks for a header by value or presence', () => {
    const routes = [route('value', { headers: { 'x-tier': 'gold' } }), route('any', { headers: { 'x-tier': '*' } })];
    expect(find(routes, { headers: ['host', 'a', 'x-tier', 'gold'] })).toBe('value');
    expect(find(routes, { headers: ['host', 'a', 'x-tier', 'tin'] })).toBe('any');
    expect(find(routes, { headers: ['host', 'a'] })).toBeUndefined();
  });

  it('asks for a query parameter by value or presence, decoded', () => {
    const routes = [route('value', { query: { room: 'a b' } }), route('any', { query: { room: '*' } })];
    expect(find(routes, { query: 'x=1&room=a%20b' })).toBe('value');
    expect(find(routes, { query: 'room=' })).toBe('any');
    expect(find(routes, { query: 'rooms=1' })).toBeUndefined();
  });

  it('detects upgrades', () => {
    const routes = [route('ws', { upgrade: true }), route('web', { upgrade: false })];
    expect([find(routes, {}, true), find(routes, {}, false)]).toEqual(['ws', 'web']);
  });

  it('takes the first match, and only if every condition holds', () => {
    const routes = [
      route('both', { path: '/a', query: { x: '1' } }),
      route('path', { path: '/a' }),
      route('late', { path: '/a' }),
    ];
    expect([find(routes, { path: '/a', query: 'x=1' }), find(routes, { path: '/a' })]).toEqual(['both', 'path']);
  });
});

it.each([
  ['A.b:80', 'a.b'],
  ['[::1]:80', '[::1]'],
  ['[::1]', '[::1]'],
  ['a.', 'a'],
])('hostWithoutPort reads %s', (host, name) => {
  expect(hostWithoutPort(host)).toBe(name);
});
