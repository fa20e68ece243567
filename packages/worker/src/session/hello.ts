/** A client's first frame: is its token ours, who is it, and which of the ways into a session does it go? */
import { CloseCode, type Hello, PROTOCOL_VERSION } from '@holdfast/protocol';
import { withShared } from '../access/client-rates.js';
import { type Identity, identify } from './authenticate.js';
import { comeBackLater, comeBackOverLimit } from './come-back-later.js';
import { connectSession } from './connect.js';
import { resumeSession } from './resume.js';
import type { Session } from './session.js';
import type { SessionParts } from './session-parts.js';
import { hashPrincipal, type VerifiedToken } from './token.js';

export async function beginSession(parts: SessionParts, session: Session, hello: Hello): Promise<void> {
  const { greeter, stats } = parts;
  if (hello.version !== PROTOCOL_VERSION) {
    return session.close(CloseCode.UnsupportedVersion, `expected version ${PROTOCOL_VERSION}, got ${hello.version}`);
  }
  const { resume } = hello;
  const token = resume && greeter.tokens.verify(resume.token, Date.now() / 1000);
  if (token?.kind === 'forged' || (token?.kind === 'valid' && token.claims.pool !== session.pool.name)) {
    stats.entered(session.pool.name, 'badToken');
    return session.close(CloseCode.ResumeRefused, 'the resume token is not ours');
  }
  if (!(await authenticate(parts, session, { auth: hello.auth, isReturning: token?.kind === 'valid' }))) return;
  return enter(parts, session, resume, token);
}

/** Of a client whose principal is known already, because it said it with its handshake. */
export function takeIdentity(session: Session, { principal, claims, endsAtMs = 0 }: Identity): void {
  session.principal = hashPrincipal(principal);
  session.knownUntilMs = endsAtMs;
  if (principal === '') return;
  session.request = `${session.request.slice(0, -1)},${JSON.stringify({ principal, claims }).slice(1)}`;
}

/** Refreshed credentials, in band: the same principal, or out. */
export async function refreshAuth(parts: SessionParts, session: Session, auth: string): Promise<void> {
  if (session.isAuthenticating) {
    return session.close(CloseCode.BrokeProtocol, 'auth: expected it after the answer to the one before');
  }
  session.isAuthenticating = true;
  const { pool, route, request } = session;
  const identity = await identify(parts, { pool, route, request, auth });
  session.isAuthenticating = false;
  if (session.isOver) return;
  // Who cannot be asked cannot say no: the credentials that it came with still stand.
  if (identity === 'unavailable') return session.send(parts.greeter.token(session));
  if (identity === 'refused') return session.close(CloseCode.BadCredentials, 'the credentials were refused');
  if (hashPrincipal(identity.principal) !== session.principal) {
    return session.close(CloseCode.Forbidden, 'these credentials are of somebody else');
  }
  session.knownUntilMs = identity.endsAtMs ?? 0;
  session.send(parts.greeter.token(session));
}

/** False: it was closed, or is gone. */
async function authenticate(
  parts: SessionParts,
  session: Session,
  { auth, isReturning }: { readonly auth: string | undefined; readonly isReturning: boolean },
): Promise<boolean> {
  const { pool, route, request } = session;
  const identity = await identify(parts, { pool, route, request, auth });
  if (session.isOver) return false;
  if (identity === 'refused') {
    parts.stats.entered(pool.name, 'badCredentials');
    session.close(CloseCode.BadCredentials, 'the credentials were refused');
  } else if (identity === 'unavailable') {
    parts.stats.entered(pool.name, 'unavailable');
    comeBackLater(session, { random: parts.random(), reason: 'no instance of the service is available' });
  } else {
    takeIdentity(session, identity);
    await admitPrincipal(parts, session, isReturning);
  }
  return !session.isOver;
}

/** Of how many connections is this principal? One too many may find room later, and leaves until then. */
async function admitPrincipal(parts: SessionParts, session: Session, isReturning: boolean): Promise<void> {
  const entry = await parts.limits.principal(session.route, session.principal, { isConnection: true, isReturning });
  if (entry.ok) {
    // What an origin holds it gives back at the end, which may have come already.
    if (session.isOver) entry.slot.release();
    else {
      session.origin.hold(entry.slot);
      session.rates = withShared(session.rates, entry.rates);
    }
    return;
  }
  parts.stats.entered(session.pool.name, 'overloaded');
  comeBackOverLimit(session, entry.bound, parts.random());
}

function enter(
  parts: SessionParts,
  session: Session,
  resume: Hello['resume'],
  token: VerifiedToken | undefined,
): Promise<void> {
  if (resume === undefined) return connectSession(parts, session);
  // It has run out: nobody keeps a session for so long.
  if (token?.kind !== 'valid') return connectSession(parts, session, { from: resume.received + 1, to: null });
  if (token.claims.principal !== session.principal) {
    parts.stats.entered(session.pool.name, 'forbidden');
    session.close(CloseCode.Forbidden, 'this session belongs to somebody else');
    return Promise.resolve();
  }
  const { received, lowest, sent } = resume;
  return resumeSession(parts, session, token.claims, { received, lowest, sent });
}
