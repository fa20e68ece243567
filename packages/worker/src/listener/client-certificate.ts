/**
 * The certificate that a client has shown, which the TLS handshake has verified: what a backend is told of it, in the form
 * that Envoy made common (`X-Forwarded-Client-Cert`). The fingerprint names one certificate, the subject whom it is for; the
 * certificate itself is left out, because with it no header has a bound.
 */
import { X509Certificate } from 'node:crypto';
import type { HttpResponse } from 'uWebSockets.js';

/** Subjects have no limit of their own. */
const MAX_SUBJECT_LENGTH = 512;

/** undefined: the client has shown none. */
export function clientCertificateOf(res: HttpResponse): string | undefined {
  const pem: string = res['getX509Certificate']();
  if (pem === '') return undefined;
  try {
    return describeCertificate(new X509Certificate(pem));
  } catch {
    // Verified by one library and not understood by the other: nobody that we could name.
    return undefined;
  }
}

/** `Hash=<SHA-256 of the certificate>;Subject="CN=…,O=…"`, the most specific part first (RFC 4514). */
export function describeCertificate({
  fingerprint256,
  subject,
}: Pick<X509Certificate, 'fingerprint256' | 'subject'>): string {
  const hash = fingerprint256.replaceAll(':', '').toLowerCase();
  const parts = (subject ?? '').split('\n').toReversed().join(',');
  const quoted = parts.slice(0, MAX_SUBJECT_LENGTH).replaceAll(/["\\]/g, '\\$&');
  return `Hash=${hash};Subject="${quoted}"`;
}
