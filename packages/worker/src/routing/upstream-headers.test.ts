import { describe, expect, it } from 'vitest';
import { HANDSHAKE_HEADERS, requestWith } from '../testing/requests.js';
import type { ClientInfo } from './trust.js';
import { downstreamHeaders, upstreamHeaders } from './upstream-headers.js';

const CLIENT: ClientInfo = { address: '192.0.2.1', isForwarded: false, proto: 'http', host: 'example.com' };

function sent(headers: string[], client = CLIENT, isHandshake = false): Record<string, string[]> {
  const request = requestWith({ headers: ['host', 'example.com', ...headers] });
  const flat = upstreamHeaders(request, { client, host: undefined, requestId: 'id-1', isHandshake });
  return grouped(flat);
}

function grouped(flat: readonly string[]): Record<string, string[]> {
  const result: Record<string, string[]> = {};
  for (let i = 0; i < flat.length; i += 2) (result[flat[i]!] ??= []).push(flat[i + 1]!);
  return result;
}

describe('upstreamHeaders', () => {
  it('passes end-to-end headers on, repeated ones too', () => {
    expect(sent(['cookie', 'a=1', 'accept', 'x', 'accept', 'y'])).toMatchObject({
      cookie: ['a=1'],
      accept: ['x', 'y'],
    });
  });

  it.each([
    'keep-alive',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'proxy-authorization',
    'http2-settings',
    'expect',
  ])('removes %s', (name) => {
    expect(sent([name, 'x'])[name]).toBeUndefined();
  });

  it('removes what Connection names, but never what it writes itself', () => {
    const headers = sent(['connection', 'close, X-Secret, X-Forwarded-For, X-Request-Id', 'x-secret', '1']);
    expect(headers['x-secret']).toBeUndefined();
    expect(headers['connection']).toBeUndefined();
    expect(headers['x-forwarded-for']).toEqual(['192.0.2.1']);
    expect(headers['x-request-id']).toEqual(['id-1']);
  });

  it('tells of a client certificate that TLS has verified, behind those that a trusted proxy tells of', () => {
    const claim = ['x-forwarded-client-cert', 'Hash=claimed'];
    const seen = (headers: string[], client: ClientInfo, clientCertificate?: string): string[] | undefined => {
      const request = requestWith({ headers: ['host', 'example.com', ...headers], clientCertificate });
      const flat = upstreamHeaders(request, { client, host: undefined, requestId: 'id-1', isHandshake: false });
      return grouped(flat)['x-forwarded-client-cert'];
    };
    expect(seen(claim, CLIENT)).toBeUndefined();
    expect(seen(claim, CLIENT, 'Hash=own')).toEqual(['Hash=own']);
    expect(seen(claim, { ...CLIENT, isForwarded: true })).toEqual(['Hash=claimed']);
    expect(seen(claim, { ...CLIENT, isForwarded: true }, 'Hash=own')).toEqual(['Hash=claimed,Hash=own']);
  });

  it('overwrites forwarding headers of strangers', () => {
    expect(
      sent(['x-forwarded-for', '6.6.6.6', 'x-forwarded-proto', 'https', 'forwarded', 'for=6.6.6.6']),
    ).toMatchObject({
      'x-forwarded-for': ['192.0.2.1'],
      'x-forwarded-proto': ['http'],
      forwarded: ['for=192.0.2.1;host=example.com;proto=http'],
    });
  });

  const CLAIMS = [
    'x-real-ip',
    'x-forwarded-port',
    'x-forwarded-prefix',
    'x-client-ip',
    'true-client-ip',
    'cf-connecting-ip',
  ];

  it.each(CLAIMS)('takes %s from a trusted proxy only', (name) => {
    expect(sent([name, '6.6.6.6'])).not.toHaveProperty(name);
    expect(sent([name, '6.6.6.6'], { ...CLIENT, isForwarded: true })[name]).toEqual(['6.6.6.6']);
  });

  it.each([
    'x_forwarded_for',
    'x-forwarded_proto',
    'x_real_ip',
    'x_request_id',
    'transfer_encoding',
    'sec_websocket_key',
  ])('takes %s, which many applications read as the header with dashes, from nobody', (name) => {
    for (const isForwarded of [false, true])
      expect(sent([name, 'x'], { ...CLIENT, isForwarded })).not.toHaveProperty(name);
  });

  it('passes other names with underscores on', () => {
    expect(sent(['my_token', '1', 'x_forwarded', '2'])).toMatchObject({ my_token: ['1'], x_forwarded: ['2'] });
  });

  it('adds to those of a trusted proxy', () => {
    const client = { address: '203.0.113.9', isForwarded: true, proto: 'https', host: 'outer:8443' };
    expect(sent(['x-forwarded-for', '203.0.113.9', 'forwarded', 'for=203.0.113.9'], client)).toMatchObject({
      'x-forwarded-for': ['203.0.113.9, 192.0.2.1'],
      'x-forwarded-proto': ['https'],
      'x-forwarded-host': ['outer:8443'],
      forwarded: ['for=203.0.113.9, for=192.0.2.1;host="outer:8443";proto=https'],
    });
  });

  it('leaves the handshake to the dialler', () => {
    const flat = upstreamHeaders(requestWith({ headers: HANDSHAKE_HEADERS }), {
      client: CLIENT,
      host: 'inner',
      requestId: 'id-1',
      isHandshake: true,
    });
    expect(Object.keys(grouped(flat)).filter((name) => name.startsWith('sec-'))).toEqual([]);
    expect(grouped(flat)['host']).toEqual(['inner']);
  });

  it('keeps the bytes of a value that is not ASCII', () => {
    expect(Buffer.from(sent(['x-name', 'é'])['x-name']?.[0] ?? '', 'latin1').toString('utf8')).toBe('é');
  });
});

describe('downstreamHeaders', () => {
  it('keeps every Set-Cookie and drops what belongs to one connection', () => {
    const headers = downstreamHeaders({
      'set-cookie': ['a=1', 'b=2'],
      connection: 'keep-alive, x-hop',
      'x-hop': '1',
      'keep-alive': 'timeout=5',
      'content-length': '3',
      date: 'now',
      'sec-websocket-accept': 'x',
      etag: 'e',
    });
    expect(headers).toEqual(['set-cookie', 'a=1', 'set-cookie', 'b=2', 'etag', 'e']);
  });
});
