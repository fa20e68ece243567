/** What a worker wrote into its lease is of another process, maybe of another version: its fields are read one by one. */

/** undefined: no JSON object. */
export function parseLeaseInfo(text: string): Readonly<Record<string, unknown>> | undefined {
  let info: unknown;
  try {
    info = JSON.parse(text);
  } catch {
    return undefined;
  }
  return typeof info === 'object' && info !== null ? (info as Readonly<Record<string, unknown>>) : undefined;
}
