/** How large and how frequent a client's messages may be, and what breaking that means. Pure but for the bucket. */
import { CloseCode, MAX_DATA_HEADER_BYTES } from '@holdfast/protocol';
import type { ClientRates } from '../access/client-rates.js';
import { type RateName, rateReason } from '../access/rate-pair.js';
import type { RouteLimits } from '../config.js';
import type { BoundName } from '../observe/traffic.js';
import type { Link } from '../trunk/link.js';

export interface Breach {
  readonly bound: BoundName;
  readonly code: number;
  readonly reason: string;
}

export const TOO_BIG: Breach = { bound: 'message_bytes', code: CloseCode.MessageTooBig, reason: 'message too big' };

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

/** A frame of so many bytes came, all within its own limit of size. */
export function judgeRate(frameBytes: number, rates: ClientRates | undefined): Breach | undefined {
  const exceeded = rates?.exceeded(frameBytes, performance.now());
  return exceeded === undefined ? undefined : tooMany(exceeded);
}

function tooMany(bound: RateName): Breach {
  return { bound, code: CloseCode.PolicyViolation, reason: rateReason(bound) };
}
