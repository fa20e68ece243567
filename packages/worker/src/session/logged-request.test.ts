import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAccessLog, AccessRecord, NOTHING_PASSED } from '../observe/access-log.js';
import { ProxyTrust } from '../routing/trust.js';
import { HANDSHAKE_HEADERS, requestWith } from '../testing/requests.js';
import { keepLogged, type LoggedRequest, readLogged } from './logged-request.js';

describe('logged request', () => {
  const trust = new ProxyTrust(['10.0.0.0/8']);
  const incoming = (overrides: Parameters<typeof requestWith>[0] = {}): LoggedRequest => {
    const request = requestWith({ headers: HANDSHAKE_HEADERS, ...overrides });
    return { request, client: trust.clientOf(request) };
  };

  it.each([
    ['of a client', incoming()],
    ['over TLS', incoming({ secure: true, remoteAddress: '2001:db8:0:0:0:0:0:1' })],
    [
      'that a trusted proxy passed on',
      incoming({ remoteAddress: '10.0.0.1', headers: ['host', 'h', 'x-forwarded-for', '192.0.2.7'] }),
    ],
    ['without a host', incoming({ headers: [] })],
  ])('keeps what is known of a request %s', (_name, logged) => {
    expect(readLogged(keepLogged(logged)).client).toEqual(logged.client);
  });

  it('writes the same line as the request itself', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.boolean(), (path, host, secure) => {
        const logged = incoming({ path, query: 'token=1', headers: ['cookie', 'c=1', 'host', host], secure });
        expect(lineOf(readLogged(keepLogged(logged)))).toEqual(lineOf(logged));
      }),
    );
  });

  it('keeps neither the query nor headers, where secrets travel', () => {
    const kept = keepLogged(incoming({ query: 'token=secret', headers: ['host', 'h', 'cookie', 'secret'] }));
    expect(kept).not.toContain('secret');
  });
});

function lineOf({ request, client }: LoggedRequest): object {
  const lines: object[] = [];
  const log = { info: (fields: object) => lines.push(fields) } as unknown as Parameters<typeof createAccessLog>[0];
  const end = { handshake: 'accepted', status: 101, ...NOTHING_PASSED } as const;
  createAccessLog(log, () => true).webSocket(new AccessRecord('r1'), request, client, end);
  return Object.fromEntries(Object.entries(lines[0] ?? {}).filter(([name]) => !name.endsWith('Ms')));
}
