/**
 * Who may call the admin API. With a token, whoever carries it. Without one the API is bound to a loopback address only, and
 * the callers left to fear are web pages in a browser on this machine: a page of a foreign origin, or one whose name was
 * rebound to 127.0.0.1, is refused by its Origin and Host: a browser sends an Origin with whatever may change something, forms
 * included. Probes (/healthz, /readyz) are open to all; so is the dashboard's page where there is a token, which it asks for.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { AdminError } from './admin-error.js';

export interface Caller {
  readonly path: string;
  readonly authorization: string | undefined;
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

/** Says nothing of this balancer by itself, and a browser that opens it cannot send a token. */
const DASHBOARD_PATH = '/';
const OPEN_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz']);

export function admitCaller(caller: Caller, token: string | undefined): void {
  if (OPEN_PATHS.has(caller.path)) return;
  if (token === undefined) refuseForeignPages(caller);
  else if (caller.path !== DASHBOARD_PATH) requireToken(caller, token);
}

function requireToken({ authorization }: Caller, token: string): void {
  const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (given !== undefined && isSame(given, token)) return;
  const got = authorization === undefined ? 'no Authorization header' : 'another one';
  throw new AdminError({
    status: 401,
    code: 'UNAUTHORIZED',
    expected: 'Authorization: Bearer with the admin token',
    got,
  });
}

/** Digests have one length, so that the comparison takes the same time whatever was given. */
function isSame(given: string, token: string): boolean {
  return timingSafeEqual(digest(given), digest(token));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refuseForeignPages({ host, origin }: Caller): void {
  const name = hostName(host ?? '');
  if (host !== undefined && name !== 'localhost' && isIP(name) === 0) {
    throw new AdminError({
      status: 403,
      code: 'FORBIDDEN_HOST',
      expected: 'localhost or an IP address as Host',
      got: name,
    });
  }
  if (origin !== undefined && origin !== `http://${host}`) {
    throw new AdminError({ status: 403, code: 'FORBIDDEN_ORIGIN', expected: 'no Origin of another site', got: origin });
  }
}

function hostName(host: string): string {
  return host
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
}
