/** A worker asks who a client is, before it opens a session: the application's `authenticate` says, or refuses. */
import { type AuthenticateBody, TRUNK_STREAM, TrunkKind } from '@holdfast/protocol';
import { BackendError } from './errors.js';
import type { Authenticate, Identity } from './options.js';
import type { SessionCore } from './session-core.js';
import type { Trunk } from './trunk.js';

export interface Question {
  readonly trunk: Trunk<SessionCore>;
  readonly ref: number;
  readonly request: AuthenticateBody;
}

/** Never rejects: what goes wrong is answered as failed and told to `onError`. */
export async function answerAuthenticate(
  { trunk, ref, request: { op: _op, ...request } }: Question,
  authenticate: Authenticate | undefined,
  onError: (error: BackendError) => void,
): Promise<void> {
  const answer = (body: object): void => {
    if (!trunk.isClosed) trunk.out.json(TrunkKind.Result, { ref, ...body }, TRUNK_STREAM);
  };
  if (authenticate === undefined)
    return answer({ ok: false, error: 'this backend does not authenticate', retryable: false });
  try {
    const identity = await authenticate(request);
    answer({ ok: true, ...checked(identity) });
  } catch (cause) {
    onError(
      new BackendError('BACKEND_AUTHENTICATE_FAILED', `authenticate: expected an answer, got ${String(cause)}`, {
        cause,
      }),
    );
    answer({ ok: false, error: 'authenticate failed', retryable: true });
  }
}

function checked(identity: Identity | undefined): object {
  if (identity === undefined) return { principal: null };
  const { principal, claims } = identity;
  if (typeof principal !== 'string') throw new TypeError(`principal: expected a string, got ${typeof principal}`);
  if (claims !== undefined && (typeof claims !== 'object' || claims === null || Array.isArray(claims))) {
    throw new TypeError('claims: expected an object, got something else');
  }
  return { principal, claims };
}
