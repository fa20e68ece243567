/** The version of this package, read from its package.json: after an upgrade in place, workers may be newer than their supervisor. */
import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

export const VERSION: string = version;
