/** A backend's request, as it stands in its frame: JSON, and behind that of a park or a publish the tail. */
import {
  decodeJson,
  decodeWithTail,
  ProtocolError,
  readRequest,
  type RequestBody,
  type TailEntry,
} from '@holdfast/protocol';

export interface TrunkRequest {
  readonly ref: number;
  readonly body: RequestBody;
  /** Of a park, or the message of a publish. */
  readonly tail: readonly TailEntry[];
}

export function readTrunkRequest(payload: Uint8Array): TrunkRequest {
  // Only some have a tail, and only then the JSON has a length in front.
  const isJson = payload[0] === OPENING_BRACE;
  const { json, tail } = isJson ? { json: decodeJson(payload), tail: [] } : decodeWithTail(payload);
  const { ref, request } = readRequest(json);
  if (isJson === (request.op === 'park' || request.op === 'publish'))
    throw new ProtocolError(`request: expected a tail with park and publish alone, got ${request.op}`);
  return { ref, body: request, tail };
}

const OPENING_BRACE = 0x7b;
