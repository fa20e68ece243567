/**
 * A worker asks what a client may do with topics, where the claims of its token do not say: the application's `authorize`
 * judges each ask by itself. Whatever goes wrong is a refusal, and reported; only an answer that is late is none, so that the
 * client may ask again.
 */
import { type AuthorizeBody, REQUEST_TIMEOUT_MS, type TopicAsk, TRUNK_STREAM, TrunkKind } from '@holdfast/protocol';
import { BackendError } from './errors.js';
import type { SessionCore } from './session-core.js';
import { infoOf, type MemberInfo } from './topic-arguments.js';
import type { Trunk } from './trunk.js';

export interface AuthorizationRequest extends TopicAsk {
  /** Empty when nobody authenticated the client. */
  readonly principal: string;
  readonly claims: Readonly<Record<string, unknown>> | undefined;
  readonly sessionId: string;
}

/** `info`: allowed, and what presence tells of the client on this topic. */
export type Permission = boolean | { readonly info: MemberInfo };

export type Authorize = (request: AuthorizationRequest) => Permission | Promise<Permission>;

export interface TopicsQuestion {
  readonly trunk: Trunk<SessionCore>;
  readonly ref: number;
  readonly request: AuthorizeBody;
}

interface Verdict {
  readonly allowed: boolean;
  readonly info?: MemberInfo | undefined;
}

/** Before the worker stops waiting: a late answer and none are the same to it. */
const ANSWER_WITHIN_MS: number = REQUEST_TIMEOUT_MS - 500;
const REFUSED: Verdict = { allowed: false };

/** Never rejects. */
export async function answerAuthorize(
  { trunk, ref, request }: TopicsQuestion,
  authorize: Authorize | undefined,
  onError: (error: BackendError) => void,
): Promise<void> {
  const verdicts = await inTime(
    request.asks.map((ask) => (authorize === undefined ? REFUSED : judge(ask, request, { authorize, onError }))),
  );
  if (verdicts === undefined) onError(lateOf(request));
  if (trunk.isClosed) return;
  trunk.out.json(TrunkKind.Result, { ref, ...resultOf(verdicts) }, TRUNK_STREAM);
}

async function judge(
  ask: TopicAsk,
  { session: sessionId, principal = '', claims }: AuthorizeBody,
  { authorize, onError }: { readonly authorize: Authorize; readonly onError: (error: BackendError) => void },
): Promise<Verdict> {
  try {
    return verdictOf(await authorize({ ...ask, principal, claims, sessionId }));
  } catch (cause) {
    const message = `authorize: expected a judgement on ${ask.action} of ${JSON.stringify(ask.topic)}, got ${String(cause)}`;
    onError(new BackendError('BACKEND_AUTHORIZE_FAILED', message, { cause, sessionId }));
    return REFUSED;
  }
}

/** Only what certainly says yes does. */
function verdictOf(permission: unknown): Verdict {
  if (typeof permission === 'boolean') return { allowed: permission };
  if (typeof permission !== 'object' || permission === null || !('info' in permission)) {
    throw new TypeError(`expected true, false or { info }, got ${String(permission)}`);
  }
  return { allowed: true, info: infoOf(permission.info, 'authorize') };
}

/** undefined: too late. */
async function inTime(verdicts: readonly (Verdict | Promise<Verdict>)[]): Promise<readonly Verdict[] | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ANSWER_WITHIN_MS);
  });
  const judged = await Promise.race([Promise.all(verdicts), late]);
  clearTimeout(timer);
  return judged;
}

function resultOf(verdicts: readonly Verdict[] | undefined): object {
  if (verdicts === undefined) return { ok: false, error: 'authorize took too long', retryable: true };
  const allowed = verdicts.map((verdict) => verdict.allowed);
  if (verdicts.every(({ info }) => info === undefined)) return { ok: true, allowed };
  return { ok: true, allowed, info: verdicts.map(({ info }) => info ?? null) };
}

function lateOf({ session: sessionId, asks }: AuthorizeBody): BackendError {
  const message = `authorize: expected a judgement on ${asks.length} asks within ${ANSWER_WITHIN_MS} ms, got none`;
  return new BackendError('BACKEND_AUTHORIZE_FAILED', message, { sessionId, retryable: true });
}
