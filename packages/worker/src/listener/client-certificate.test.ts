import { describe, expect, it } from 'vitest';
import { describeCertificate } from './client-certificate.js';

const fingerprint256 = `${'AB:'.repeat(31)}CD`;
const hash = `Hash=${'ab'.repeat(31)}cd`;

describe('the description of a client certificate', () => {
  it.each([
    ['the most specific part first', 'C=DE\nO=Acme\nCN=one', 'CN=one,O=Acme,C=DE'],
    ['quotes and backslashes that cannot end it early', 'CN=a";Hash=0\nO=\\,', 'O=\\\\,,CN=a\\";Hash=0'],
    ['at most 512 characters of a subject', `CN=${'x'.repeat(2000)}`, `CN=${'x'.repeat(509)}`],
  ])('has %s', (_, subject, quoted) => {
    expect(describeCertificate({ fingerprint256, subject })).toBe(`${hash};Subject="${quoted}"`);
  });

  it('makes do without a subject', () => {
    // The type leaves out what Node gives for an empty name.
    const subject = undefined as unknown as string;
    expect(describeCertificate({ fingerprint256, subject })).toBe(`${hash};Subject=""`);
  });
});
