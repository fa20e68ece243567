/** What a call that should not work says: code and message of a ClientError; undefined when it worked. */
import { ClientError } from '../errors.js';

export function codeOf(act: () => unknown): string | undefined {
  try {
    act();
  } catch (error) {
    return error instanceof ClientError ? `${error.code} ${error.message}` : String(error);
  }
  return undefined;
}
