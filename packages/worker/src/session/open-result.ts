/** What a backend's refusal of a stream means. */
import { CloseCode } from '@holdfast/protocol';
import type { OpenResult } from './open-attempt.js';

/**
 * elsewhere: this backend will not, another may. fenced: it holds the session with `generation` or a higher one; undefined
 * when it did not say which. closed: the application said no, and that is final. left: the client is gone.
 */
export type Refusal =
  | { readonly kind: 'elsewhere' }
  | { readonly kind: 'fenced'; readonly generation: number | undefined }
  | { readonly kind: 'closed'; readonly code: number; readonly reason: string }
  | { readonly kind: 'left' };

const ELSEWHERE: ReadonlySet<number> = new Set([
  CloseCode.UnknownSession,
  CloseCode.GoingAway,
  CloseCode.ServiceRestart,
  CloseCode.TryAgainLater,
  CloseCode.Leaving,
  CloseCode.Overloaded,
  CloseCode.BrokeProtocol,
]);

/** undefined: it was opened. */
export function refusalOf(result: OpenResult): Refusal | undefined {
  switch (result.kind) {
    case 'opened':
      return undefined;
    case 'left':
      return { kind: 'left' };
    case 'lost':
    case 'timeout':
      return { kind: 'elsewhere' };
    case 'refused': {
      const { code, reason } = result;
      if (code === CloseCode.Fenced) return { kind: 'fenced', generation: fencedGeneration(reason) };
      return ELSEWHERE.has(code) ? { kind: 'elsewhere' } : { kind: 'closed', code, reason };
    }
  }
}

/** Reason of a 4409: `fenced:<generation held>`. */
function fencedGeneration(reason: string): number | undefined {
  const [, digits] = /^fenced:(\d{1,16})$/.exec(reason) ?? [];
  const generation = Number(digits);
  return Number.isSafeInteger(generation) ? generation : undefined;
}
