/** The version of this package, read from its package.json: one place to change it. */
import { readFileSync } from 'node:fs';

// Two levels up from here, as source and as built.
const PACKAGE_FILE = new URL('../../package.json', import.meta.url);

export const VERSION: string = readVersion();

function readVersion(): string {
  const content: unknown = JSON.parse(readFileSync(PACKAGE_FILE, 'utf8'));
  const version = typeof content === 'object' && content !== null && 'version' in content ? content.version : undefined;
  return typeof version === 'string' ? version : 'unknown';
}
