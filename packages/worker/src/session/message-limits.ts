/** How large and how frequent a client's messages may be, and what breaking that means. Pure but for the bucket. */
import { CloseCode, MAX_DATA_HEADER_BYTES } from '@holdfast/protocol';
import type { RouteLimits } from '../config.js';
import type { BoundName } from '../observe/traffic.js';
import { MessageRate } from '../relay/rate.js';
import type { Link } from '../trunk/link.js';

export interface Breach {
  readonly bound: BoundName;
  readonly code: number;
  readonly reason: string;
}

const TOO_BIG: Breach = { bound: 'message_bytes', code: CloseCode.MessageTooBig, reason: 'message too big' };
const TOO_MANY: Breach = {
  bound: 'messages_per_second',
  code: CloseCode.PolicyViolation,
  reason: 'too many messages per second',
};

/** Of a session's client: the backend of the moment may take no larger ones. */
export function largestMessageBytes({
  route,
  link,
}: {
  readonly route: { readonly limits: RouteLimits };
  readonly link: Link | undefined;
}): number {
  const { maxMessageBytes = Infinity } = link?.provenTrunk?.backend ?? {};
  return Math.min(route.limits.messageBytes, maxMessageBytes);
}

/** Of the data frames of a client whose messages may be so large. */
export function largestFrameBytes(messageBytes: number, isPlain: boolean): number {
  // The numbers in front of a message are not the application's.
  return messageBytes + (isPlain ? 0 : MAX_DATA_HEADER_BYTES);
}

/** undefined: as many messages as it likes. */
export function messageRate({ messagesPerSecond }: RouteLimits): MessageRate | undefined {
  return messagesPerSecond > 0 ? new MessageRate(messagesPerSecond, performance.now()) : undefined;
}

/** A data frame of so many bytes came. */
export function judgeMessage(bytes: number, frameBytes: number, rate: MessageRate | undefined): Breach | undefined {
  if (bytes > frameBytes) return TOO_BIG;
  return rate?.take(performance.now()) === false ? TOO_MANY : undefined;
}
