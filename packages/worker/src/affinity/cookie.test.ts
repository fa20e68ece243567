import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cookieValue, createCookieSigner, setCookie } from './cookie.js';

describe('the affinity cookie', () => {
  const signer = createCookieSigner(['new secret new secret', 'old secret old secret']);

  it('gives back any backend id that it signed', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 100, unit: 'grapheme' }), (id) => {
        expect(signer.verify('web', signer.sign('web', id))).toBe(id);
      }),
    );
  });

  it('says nothing in another pool', () => {
    expect(signer.verify('other', signer.sign('web', 'b1'))).toBeUndefined();
  });

  it('is accepted after the secret was rotated, until the old one is dropped', () => {
    const old = createCookieSigner(['old secret old secret']).sign('web', 'b1');
    expect(signer.verify('web', old)).toBe('b1');
    expect(createCookieSigner(['new secret new secret']).verify('web', old)).toBeUndefined();
  });

  it('refuses anything else', () => {
    const [id = '', mac = ''] = signer.sign('web', 'b1').split('.');
    const forged = [`${Buffer.from('b2').toString('base64url')}.${mac}`, `${id}.`, `.${mac}`, id, `${id}.${mac}.x`, ''];
    expect(forged.map((value) => signer.verify('web', value))).toEqual(forged.map(() => undefined));
    fc.assert(fc.property(fc.string(), (value) => signer.verify('web', value) === undefined));
  });
});

describe('cookies on the wire', () => {
  it.each([
    ['a=1; lb=xyz; b=2', 'xyz'],
    ['lb=x=y', 'x=y'],
    ['  lb=first; lb=second', 'first'],
    ['xlb=1', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('finds the value in %s', (header, value) => {
    expect(cookieValue(header, 'lb')).toBe(value);
  });

  it('is for the browser session, or for a time, and only over TLS where the client is', () => {
    expect(setCookie('lb', 'v', 0, false)).toBe('lb=v; Path=/; HttpOnly; SameSite=Lax');
    expect(setCookie('lb', 'v', 1500, true)).toBe('lb=v; Path=/; Max-Age=2; HttpOnly; SameSite=Lax; Secure');
  });
});
