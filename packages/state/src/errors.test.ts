import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isEngineFailure, STATE_ERROR_CODES, StateError } from './errors.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

describe('StateError', () => {
  it.each(STATE_ERROR_CODES)('%s is explained in the README, with its retryability', (code) => {
    const { retryable } = new StateError(code, 'x');
    expect(readme).toMatch(new RegExp(`^\\| \`${code}\` +\\| ${retryable ? 'yes' : 'no'} +\\| .{20,}`, 'm'));
  });

  it('carries its cause and its source', () => {
    const cause = new Error('reset');
    expect(new StateError('STATE_UNAVAILABLE', 'x', { cause })).toMatchObject({
      cause,
      source: 'internal',
      name: 'StateError',
    });
  });
});

describe('isEngineFailure', () => {
  it.each([
    [new StateError('STATE_TIMEOUT', 'x'), true],
    [new StateError('STATE_INVALID_VALUE', 'x'), true],
    [new TypeError('x'), true],
    [new StateError('STATE_KEY_TOO_LONG', 'x'), false],
    [new StateError('STATE_CLOSED', 'x'), false],
  ])('of %s is %s', (error, expected) => {
    expect(isEngineFailure(error)).toBe(expected);
  });
});
