/** What a member says of itself: an object for clients and backends, JSON text of bounded size for the store. */
import { type Body, MAX_PRESENCE_INFO_BYTES } from '@holdfast/protocol';

/** undefined: none, or none that can be read. */
export function infoOf(json: string): Body | undefined {
  if (json === '') return undefined;
  try {
    const info: unknown = JSON.parse(json);
    return typeof info === 'object' && info !== null && !Array.isArray(info) ? (info as Body) : undefined;
  } catch {
    return undefined;
  }
}

/** undefined: larger than what is kept of a member. */
export function jsonOfInfo(info: object | undefined): string | undefined {
  if (info === undefined) return '';
  const json = JSON.stringify(info);
  return Buffer.byteLength(json) <= MAX_PRESENCE_INFO_BYTES ? json : undefined;
}
