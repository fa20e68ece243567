/**
 * Asks another service who a client is, and whether it may come in (as auth_request of nginx and ForwardAuth of Traefik do). Fails
 * closed: only 2xx lets anybody in, only 401 and 403 are the service's word for the client, and anything else is taken for
 * no answer at all. Nothing is remembered: a permission that is taken back is gone with the next connection.
 */
import type { Dispatcher } from 'undici';
import type { ForwardAuthConfig } from '../config.js';
import { forUpstream } from '../listener/header-bytes.js';
import { boundedGet, type BoundedAnswer } from './bounded-get.js';

/** A client's request, as its backend would get it. */
export interface AskedRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Lower-case names and values in turn, X-Forwarded-* and X-Request-Id among them. */
  readonly headers: readonly string[];
}

export interface ForwardQuestion extends AskedRequest {
  /** Of an SDK client, which says it in its hello; undefined: as the headers have it. */
  readonly token: string | undefined;
}

export type ForwardAnswer =
  /** `copied`: headers for the backend, names and values in turn. */
  | { readonly kind: 'known'; readonly principal: string; readonly copied: readonly string[] }
  /** 401 or 403, with what the service says to the client. */
  | { readonly kind: 'refused'; readonly status: 401 | 403; readonly headers: readonly string[]; readonly body: Buffer }
  | { readonly kind: 'unavailable'; readonly detail: string };

export interface ForwardAuthDeps {
  readonly dispatcher: Dispatcher;
  readonly onBound: (bound: 'forward_auth' | 'refusal_body') => void;
}

/** Told whatever the configuration says. */
const ALWAYS_TOLD = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-request-id']);
/** Of a refusal, for the client. */
const PASSED_ON = ['content-type', 'www-authenticate'];
const MAX_REFUSAL_BYTES = 16 * 1024;
/** Beyond it, who comes is told to come back later: waiting questions must not pile up behind a slow service. */
const MAX_WAITING = 1024;

export class ForwardAuth {
  readonly #deps: ForwardAuthDeps;
  #waiting = 0;

  constructor(deps: ForwardAuthDeps) {
    this.#deps = deps;
  }

  /** Never rejects. */
  async ask(config: ForwardAuthConfig, question: ForwardQuestion): Promise<ForwardAnswer> {
    if (this.#waiting >= MAX_WAITING) {
      this.#deps.onBound('forward_auth');
      return { kind: 'unavailable', detail: `forward auth: expected under ${MAX_WAITING} waiting questions, got more` };
    }
    this.#waiting += 1;
    try {
      const { url, timeoutMs } = config;
      const get = { url, timeoutMs, headers: headersFor(config, question), maxBytes: MAX_REFUSAL_BYTES };
      return this.#judge(config, await boundedGet(this.#deps.dispatcher, get));
    } catch (error) {
      return { kind: 'unavailable', detail: `forward auth: expected an answer, got ${String(error)}` };
    } finally {
      this.#waiting -= 1;
    }
  }

  #judge({ copy, principal: header }: ForwardAuthConfig, answer: BoundedAnswer): ForwardAnswer {
    const { status, body, isCut } = answer;
    if (status === 401 || status === 403) {
      if (isCut) this.#deps.onBound('refusal_body');
      return { kind: 'refused', status, headers: picked(answer, PASSED_ON), body };
    }
    if (status < 200 || status > 299) {
      return { kind: 'unavailable', detail: `forward auth: expected 2xx, 401 or 403, got ${status}` };
    }
    const principal = header === undefined ? '' : (picked(answer, [header])[1] ?? '');
    if (header !== undefined && principal === '') {
      return { kind: 'unavailable', detail: `forward auth: expected a ${header} with the answer, got none` };
    }
    return { kind: 'known', principal, copied: picked(answer, copy) };
  }
}

function headersFor(
  { headers }: ForwardAuthConfig,
  { method, target, headers: incoming, token }: ForwardQuestion,
): string[] {
  const told = ['x-forwarded-method', method, 'x-forwarded-uri', forUpstream(target)];
  for (let i = 0; i + 1 < incoming.length; i += 2) {
    const name = incoming[i] ?? '';
    const isReplaced = name === 'authorization' && token !== undefined;
    if (ALWAYS_TOLD.has(name) || (headers.includes(name) && !isReplaced)) told.push(name, incoming[i + 1] ?? '');
  }
  if (token !== undefined) told.push('authorization', `Bearer ${token}`);
  return told;
}

/** Names and values in turn; of several values the first, so that nobody has to guess which of them counts. */
function picked({ headers }: BoundedAnswer, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const value = headers[name];
    const first = typeof value === 'object' ? value[0] : value;
    return first === undefined ? [] : [name, first];
  });
}
