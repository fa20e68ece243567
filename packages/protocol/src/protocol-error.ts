/** ProtocolError: what the other end sent is not what PROTOCOL.md allows. Whoever catches it closes with `closeCode`. */
import { BrokeProtocol } from './close-codes.js';

export class ProtocolError extends Error {
  readonly code = 'PROTOCOL_ERROR';
  /** For the close frame that answers it. */
  readonly closeCode: number;

  constructor(message: string, closeCode: number = BrokeProtocol) {
    super(message);
    this.name = 'ProtocolError';
    this.closeCode = closeCode;
  }
}

export function unexpected(what: string, expected: string | number, got: unknown): ProtocolError {
  return new ProtocolError(`${what}: expected ${expected}, got ${describe(got)}`);
}

/** Never the whole of it: it may be nested deeper than a stack, or longer than a log line. */
function describe(got: unknown): string {
  if (typeof got === 'string') return JSON.stringify(got.slice(0, 40));
  if (Array.isArray(got)) return 'a list';
  return typeof got === 'object' && got !== null ? 'an object' : String(got);
}
