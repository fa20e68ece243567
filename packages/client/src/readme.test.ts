/** The README names every error code, option and event that there is, and no others. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLIENT_ERROR_CODES } from './errors.js';
import { DEFAULTS } from './options.js';
import { EVENT_TYPES } from './testing/stage.js';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

/** First column of the table under a heading. */
function namesUnder(heading: string): readonly string[] {
  const section = README.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => name ?? '');
}

describe('README', () => {
  it('lists the error codes', () => {
    expect(namesUnder('Errors')).toEqual(CLIENT_ERROR_CODES);
  });

  it('lists the options', () => {
    expect(namesUnder('Options').toSorted()).toEqual(
      [...Object.keys(DEFAULTS), 'token', 'topics', 'webSocket'].toSorted(),
    );
  });

  it('lists the events', () => {
    expect(namesUnder('Events')).toEqual(EVENT_TYPES);
  });
});
