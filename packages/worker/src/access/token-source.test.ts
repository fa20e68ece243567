import { describe, expect, it } from 'vitest';
import { bearerToken, tokenOf, withoutToken } from './token-source.js';

const NOWHERE = { query: undefined, cookie: undefined };
const BOTH = { query: 'access_token', cookie: 'session' };
const request = { query: 'a=1&access_token=q.q.q&b=2', headers: ['host', 'h', 'cookie', 'x=1; session=c.c.c; y=2'] };

describe('the token of a request', () => {
  it('is looked for in the Authorization header alone unless other places are named', () => {
    expect(tokenOf(request, NOWHERE)).toBeUndefined();
    expect(tokenOf({ ...request, headers: ['authorization', 'Bearer h.h.h'] }, NOWHERE)).toBe('h.h.h');
  });

  it('comes from the header before the query, and from the query before the cookie', () => {
    expect(tokenOf({ ...request, headers: ['authorization', 'Bearer h.h.h'] }, BOTH)).toBe('h.h.h');
    expect(tokenOf(request, BOTH)).toBe('q.q.q');
    expect(tokenOf({ ...request, query: '' }, BOTH)).toBe('c.c.c');
  });

  it('is not sent on where it is stripped, and nothing else changes', () => {
    const headers = ['authorization', 'Bearer h.h.h', 'x-a', '', ...request.headers, 'cookie', 'session=c'];
    expect(withoutToken({ ...request, headers }, BOTH)).toEqual({
      query: 'a=1&b=2',
      headers: ['x-a', '', 'host', 'h', 'cookie', 'x=1; y=2'],
    });
  });

  it('is stripped however its name is written', () => {
    expect(withoutToken({ query: 'access%5ftoken=q&a=%20', headers: [] }, BOTH).query).toBe('a=%20');
  });

  it('leaves credentials of another kind alone', () => {
    const headers = ['authorization', 'Basic YTpi'];
    expect(withoutToken({ query: '', headers }, NOWHERE).headers).toEqual(headers);
  });
});

it.each([
  ['Bearer abc', 'abc'],
  ['bearer  abc ', 'abc'],
  ['Basic abc', undefined],
  ['Bearer', undefined],
  ['Bearer a b', undefined],
  [undefined, undefined],
])('Authorization %j carries the token %j', (header, token) => {
  expect(bearerToken(header)).toBe(token);
});
