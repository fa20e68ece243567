/** ProtocolError: what the other end sent is not what PROTOCOL.md allows. Whoever catches it closes with `closeCode`. */
import { CloseCode } from './close-code.js';

export class ProtocolError extends Error {
  readonly code = 'PROTOCOL_ERROR';
  /** For the close frame that answers it. */
  readonly closeCode: number;

  constructor(message: string, closeCode: number = CloseCode.BrokeProtocol) {
    super(message);
    this.name = 'ProtocolError';
    this.closeCode = closeCode;
  }
}
