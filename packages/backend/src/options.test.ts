import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createBackend } from './backend.js';
import { BACKEND_ERROR_CODES } from './errors.js';
import { type BackendOptions, DEFAULTS, resolveOptions } from './options.js';

const README = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('options', () => {
  it('have defaults, and undefined stands for them', () => {
    expect(resolveOptions({ secret: 's', path: undefined })).toEqual({
      ...DEFAULTS,
      secrets: ['s'],
      authenticate: undefined,
    });
    expect(resolveOptions({ secret: ['new', 'old'] }).secrets).toEqual(['new', 'old']);
  });

  it.each([
    ['an unknown name', { secrets: 's' }, 'options: expected only secret'],
    ['no secret', {}, 'secret: expected a string that is not empty'],
    ['an empty secret', { secret: ['a', ''] }, 'secret: expected a string that is not empty'],
    ['a path without /', { secret: 's', path: 'trunk' }, 'path: expected a path that begins with /'],
    ['a path with a query', { secret: 's', path: '/a?b' }, 'path: expected a path'],
    ['a negative capacity', { secret: 's', capacity: -1 }, 'capacity: expected a whole number from 0'],
    ['messages that no trunk carries', { secret: 's', maxMessageBytes: 2 ** 25 }, 'maxMessageBytes: expected'],
    ['another way to acknowledge', { secret: 's', acknowledge: 'received' }, "acknowledge: expected 'handled'"],
    ['authenticate that is no function', { secret: 's', authenticate: true }, 'authenticate: expected a function'],
    ['a handoff without time', { secret: 's', handoffTimeoutMs: 0 }, 'handoffTimeoutMs: expected'],
    ['a drain longer than timers hold', { secret: 's', drainTimeoutMs: 2 ** 31 }, 'drainTimeoutMs: expected'],
    ['signals by name', { secret: 's', signals: 'SIGTERM' }, 'signals: expected true or false'],
    ['a log that is none', { secret: 's', log: () => undefined }, 'log.info: expected a function'],
    ['no log at all', { secret: 's', log: null }, 'log.info: expected a function'],
  ])('with %s are refused', (_what, options, message) => {
    expect(() => createBackend(options as never)).toThrow(message);
  });

  it('never show a secret', () => {
    expect(() => createBackend({ secret: ['hunter2', ''] })).toThrow(/^(?!.*hunter2)/);
  });

  it.each(['secret', 'authenticate', ...Object.keys(DEFAULTS)] satisfies readonly (keyof BackendOptions | string)[])(
    '%s is in the README',
    (name) => expect(README).toContain(`| \`${name}\``),
  );
});

describe('errors', () => {
  it.each(BACKEND_ERROR_CODES)('%s is in the README', (code) => expect(README).toContain(`| \`${code}\``));
});
