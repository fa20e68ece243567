import { describe, expect, it } from 'vitest';
import { requestWith } from '../testing/requests.js';
import { guardRequest } from './request-guard.js';

const HOST = ['host', 'example.com'];

describe('guardRequest', () => {
  it.each([
    ['a plain request', {}],
    ['a sized body', { headers: [...HOST, 'content-length', '10'] }],
    ['a chunked body', { headers: [...HOST, 'transfer-encoding', 'Chunked'] }],
    ['an encoded slash and dots inside a segment', { path: '/a%2fb/..c/v1.2' }],
    ['an IPv6 host', { headers: ['host', '[::1]:8080'] }],
    ['every other printable character', { path: `/a!$&'()*+,;=:@"<>[]^\`{|}~`, query: "a='b'&c=/?" }],
    ['a tab and Latin-1 in a value', { headers: [...HOST, 'x-name', 'a\tb\u00e9'] }],
  ])('lets %s pass', (_name, overrides) => {
    expect(guardRequest(requestWith(overrides))).toBeUndefined();
  });

  it.each([
    ['no certificate where one is required', { headers: HOST, lacksCertificate: true }, 403],
    ['two lengths', { headers: [...HOST, 'content-length', '4', 'content-length', '4'] }, 400],
    ['a signed length', { headers: [...HOST, 'content-length', '+4'] }, 400],
    ['a list of lengths', { headers: [...HOST, 'content-length', '4, 4'] }, 400],
    ['both framings', { headers: [...HOST, 'content-length', '4', 'transfer-encoding', 'chunked'] }, 400],
    ['an unknown coding', { headers: [...HOST, 'transfer-encoding', 'xchunked'] }, 501],
    ['a coding before chunked', { headers: [...HOST, 'transfer-encoding', 'gzip, chunked'] }, 501],
    ['two codings', { headers: [...HOST, 'transfer-encoding', 'chunked', 'transfer-encoding', 'chunked'] }, 400],
    ['no host', { headers: [] }, 400],
    ['two hosts', { headers: [...HOST, 'host', 'other'] }, 400],
    ['a host with a path', { headers: ['host', 'a/b'] }, 400],
    ['a host with credentials', { headers: ['host', 'u@a'] }, 400],
    ['a blank in a header name', { headers: [...HOST, 'x ', 'y'] }, 400],
    ['a control character in a value', { headers: [...HOST, 'x', 'a\u0000b'] }, 400],
    ['a dot segment', { path: '/public/../admin' }, 400],
    ['an encoded dot segment', { path: '/public/%2e%2E/admin' }, 400],
    ['a dot segment at the end', { path: '/public/..' }, 400],
    ['a target that is not a path', { path: '*' }, 400],
    ['a backslash, which some parsers take for a slash', { path: '/public/..\\admin' }, 400],
    ['a fragment', { path: '/a#b' }, 400],
    ['a target that is not ASCII', { path: '/ü' }, 400],
    ['a query that is not ASCII', { query: 'a=ü' }, 400],
    ['CONNECT', { method: 'CONNECT' }, 405],
    ['TRACE', { method: 'TRACE' }, 405],
  ])('refuses %s', (_name, overrides, status) => {
    expect(guardRequest(requestWith(overrides))?.status).toBe(status);
  });
});
