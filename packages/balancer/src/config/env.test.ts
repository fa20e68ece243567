import { describe, expect, it } from 'vitest';
import { expandEnv } from './env.js';

const env = { HOST: 'h.example', EMPTY: '', INJECTED: 'a\nadmin: {}', NESTED: '${HOST}' };

describe('expandEnv', () => {
  it.each([
    ['plain', 'plain'],
    ['$HOST and $5', '$HOST and $5'],
    ['${HOST}', 'h.example'],
    ['http://${HOST}:80', 'http://h.example:80'],
    ['${HOST}${HOST}', 'h.exampleh.example'],
    ['${NONE:-fallback}', 'fallback'],
    ['${NONE:-}', ''],
    ['${EMPTY:-fallback}', 'fallback'],
    ['${EMPTY}', ''],
    ['$${HOST}', '${HOST}'],
    ['${INJECTED}', 'a\nadmin: {}'],
    ['${NESTED}', '${HOST}'],
  ])('makes of %j %j', (source, text) => {
    expect(expandEnv(source, env)).toMatchObject({ text, problem: undefined });
  });

  it('names the variable that is unset', () => {
    expect(expandEnv('a${NONE}b', env).problem).toEqual({ kind: 'unset', variable: 'NONE' });
  });

  it.each(['${', '${}', '${1A}', '${A', '${A:x}', '${A:-x', '${A B}'])('refuses %j', (source) => {
    expect(expandEnv(source, env).problem).toEqual({ kind: 'malformed', text: source });
  });

  it.each([
    ['${HOST}', true],
    ['${HOST:-1}', true],
    ['${HOST} ', false],
    ['${HOST}${HOST}', false],
    ['$${HOST}', false],
    ['x', false],
  ])('knows whether %j is one reference', (source, isWhole) => {
    expect(expandEnv(source, env).isWhole).toBe(isWhole);
  });

  it('remembers that a secret went in', () => {
    expect(expandEnv('redis://:${REDIS_PASSWORD:-x}@h', env).isSecret).toBe(true);
    expect(expandEnv('${HOST}', env).isSecret).toBe(false);
  });
});
