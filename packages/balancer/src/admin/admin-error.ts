/**
 * Refusals of the admin API: who calls is told what was expected and what came, in one shape. Anything else that goes
 * wrong is 500 without its text, which belongs in the log.
 */

export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly expected?: string;
    readonly got?: string;
  };
}

export interface Refusal {
  readonly status: number;
  /** Stable, for programs: `BACKEND_UNKNOWN`. */
  readonly code: string;
  /** One sentence; made of `expected` and `got` when absent. */
  readonly message?: string;
  readonly expected?: string;
  readonly got?: string;
}

export class AdminError extends Error {
  readonly status: number;
  readonly body: ErrorBody;

  constructor({ status, code, message, expected, got }: Refusal) {
    super(message ?? `expected ${expected}, got ${got}`);
    this.name = 'AdminError';
    this.status = status;
    this.body = {
      error: {
        code,
        message: this.message,
        ...(expected === undefined ? {} : { expected }),
        ...(got === undefined ? {} : { got }),
      },
    };
  }
}

/** A value as it may stand in an answer: JSON, cut to what fits on a line. */
export function shown(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? typeof value;
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}
