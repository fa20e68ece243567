/** What a client's frames do to its session: numbers are checked, acknowledgements free memory, messages go to the handlers. */
import { CloseCode, type DataHeader, ProtocolError, readDataHeader } from '@holdfast/protocol';
import { inflowOf } from './inflow.js';
import { readPayload } from './payload.js';
import type { SessionCore } from './session-core.js';

/** Reused from frame to frame. */
const header: DataHeader = { n: 0, ack: 0, payloadAt: 0 };
const range = { start: 0, end: 0, isBinary: false };

/** A data frame or ack in `bytes[start, end)`. One that breaks the protocol costs its client the connection, nobody else. */
// oxlint-disable-next-line max-params
export function receive(core: SessionCore, bytes: Buffer, start: number, end: number, isBinary: boolean): void {
  // Before the client has said how far it got, what comes was sent to somebody else: it comes again.
  if (core.phase !== 'open' || core.attachment?.isSynced !== true) return;
  range.start = start;
  range.end = end;
  range.isBinary = isBinary;
  try {
    if (core.isPlain) takeMessage(core, bytes, core.exchange.inbox.last + 1);
    else receiveFrame(core, bytes);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    core.disconnect(error.closeCode, error.message);
  }
}

function receiveFrame(core: SessionCore, bytes: Buffer): void {
  const { outbox } = core.exchange;
  readDataHeader(bytes, range, header);
  const { n, ack } = header;
  if (ack > outbox.sent) throw new ProtocolError(`ack: expected at most ${outbox.sent}, got ${ack}`);
  if (outbox.acknowledge(ack)) core.onAcknowledged();
  // Whoever leaves takes nothing more: the client sends it again to the next backend.
  if (n === 0 || core.isLeaving) return;
  range.start = header.payloadAt;
  takeMessage(core, bytes, n);
}

function takeMessage(core: SessionCore, bytes: Buffer, n: number): void {
  const { exchange, queue, isPlain } = core;
  const length = range.end - range.start;
  if (inflowOf(queue, isPlain) === 'overrun') return endOverrun(core);
  const arrival = exchange.inbox.accept(n, length);
  if (arrival === 'repeat') return core.oweAck();
  if (arrival === 'gap') {
    return core.disconnect(CloseCode.SequenceGap, `message: expected ${exchange.inbox.last + 1}, got ${n}`);
  }
  queue.take(n, readPayload(bytes, range), length);
  if (core.attachment?.isThrottled === false && inflowOf(queue, isPlain) === 'pause') core.throttle(true);
}

/** The worker was told to wait, and more came than can have been on its way. */
function endOverrun(core: SessionCore): void {
  const { unhandled, waitingBytes } = core.queue;
  const reason = `expected the client to wait, got ${unhandled} messages and ${waitingBytes} bytes`;
  if (core.isPlain) core.close({ code: CloseCode.TryAgainLater, reason });
  else core.disconnect(CloseCode.BrokeProtocol, reason);
}
