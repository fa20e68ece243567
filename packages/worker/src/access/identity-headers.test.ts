import { expect, it } from 'vitest';
import { identityHeaders } from './identity-headers.js';
import { authConfig } from './testing/auth-config.js';

const AUTH = { ...authConfig(), principalHeader: 'x-user' };
const knownAs = (principal: string) => ({ principal, copied: [] });

it.each([
  ['plain text, as it is', 'ada lovelace', 'ada lovelace'],
  ['what is not, percent-encoded', 'Ädä', '%C3%84d%C3%A4'],
  ['line breaks', 'a\r\nx-admin: 1', 'a%0D%0Ax-admin%3A%201'],
  ['half a character', 'a\ud800', 'a%EF%BF%BD'],
  ['space at the end', 'a ', 'a%20'],
])('the principal is told to the backend: %s', (_, principal, value) => {
  expect(identityHeaders(AUTH, knownAs(principal))?.headers).toEqual(['x-user', value]);
});

it('nobody in particular is told as nobody, and a name of ours stays ours', () => {
  expect(identityHeaders(AUTH, knownAs(''))).toEqual({ names: new Set(['x-user']), headers: [] });
  expect(identityHeaders(AUTH, undefined)).toEqual({ names: new Set(['x-user']), headers: [] });
});

it('without configured headers nothing is told, and nothing is taken away', () => {
  expect(identityHeaders(authConfig(), knownAs('ada'))).toBeUndefined();
});
