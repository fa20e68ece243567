/** What one session writes at the end of a turn: what its client has not got yet, then what it owes. */
import type { Attachment, SessionCore } from './session-core.js';

export function writeSession(core: SessionCore): void {
  const { attachment } = core;
  if (attachment === undefined || !attachment.isSynced || !attachment.hasCredit) return;
  if (!attachment.trunk.out.takesData()) return;
  if (core.isPlain) writeMessages(core, attachment);
  else writeFrames(core, attachment);
  if (core.phase !== 'ending') return;
  attachment.trunk.out.end(attachment.stream, { kind: 'close', ...core.end });
  core.finish(core.end);
}

/**
 * The acknowledgement rides on the last frame: should the batch be cut in two and the second half be lost, the client still
 * keeps what these messages answer. For the same reason an acknowledgement never goes ahead of messages that wait.
 */
function writeFrames({ exchange, acknowledgeable }: SessionCore, { trunk, stream }: Attachment): void {
  const { outbox, inbox } = exchange;
  if (!outbox.hasUnsent) {
    if (!inbox.isAckOwed(acknowledgeable)) return;
    trunk.out.ack(stream, acknowledgeable);
  }
  for (let n = outbox.nextToSend; n !== 0; n = outbox.nextToSend) {
    outbox.markSent();
    trunk.out.data(stream, n, outbox.hasUnsent ? 0 : acknowledgeable, outbox.peek(n));
  }
  inbox.markAcknowledged(acknowledgeable);
}

/** Nobody acknowledges them: what was written is forgotten. */
function writeMessages(core: SessionCore, { trunk, stream }: Attachment): void {
  const { outbox } = core.exchange;
  for (let n = outbox.nextToSend; n !== 0; n = outbox.nextToSend) {
    trunk.out.message(stream, outbox.peek(n));
    outbox.markSent();
    outbox.acknowledge(n);
  }
  core.tellWritable();
}
