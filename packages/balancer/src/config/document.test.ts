import { describe, expect, it } from 'vitest';
import { mistakesIn } from './testing/files.js';

describe('documents', () => {
  it.each([
    ['an empty file', '', '1:1: (file): expected a map, got nothing'],
    ['a list', '- 1', '1:1: (file): expected a map, got a list of 1'],
    ['two documents', 'a: 1\n---\na: 1\n', '2:1: (file): expected one document, got several, parted by ---'],
    [
      'a tag of its own',
      'a: !x 1',
      '1:4: (file): expected values without tags of their own, got a tag (!…) that YAML does not define',
    ],
    ['binary data', 'secret: !!binary aGk=', '1:18: secret: expected a text, a number, true or false, got binary data'],
    ['a list as key', '? [a]\n: 1', '1:3: (file): expected a text as key, got a list or a map as key'],
    [
      'a tab',
      'a:\n\t- b',
      '2:1: (file): expected valid YAML or JSON, got a syntax error: Tabs are not allowed as indentation',
    ],
    [
      'a bracket that is not closed',
      'a: [1',
      '1:6: (file): expected valid YAML or JSON, got a syntax error: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ])('tells %s', async (_, text, mistake) => {
    expect(await mistakesIn(text)).toContain(mistake);
  });

  it.each([
    [
      'values',
      Array.from(
        { length: 12 },
        (_, i) =>
          `a${i}: &a${i} [${
            i === 0
              ? '1'
              : Array(10)
                  .fill(`*a${i - 1}`)
                  .join(',')
          }]`,
      ).join('\n'),
    ],
    [
      'merges',
      Array.from({ length: 25 }, (_, i) => `a${i}: &a${i} {<<: [${i === 0 ? '{}' : `*a${i - 1}, *a${i - 1}`}]}`).join(
        '\n',
      ),
    ],
    ['an alias inside itself', 'a: &a [*a, *a]'],
    ['a merge of itself', 'a: &a { <<: *a }'],
    ['brackets', '['.repeat(50_000)],
  ])('stops at a bound: %s', async (_, text) => {
    const mistakes = await mistakesIn(text);
    expect(mistakes.length).toBeGreaterThan(0);
    expect(mistakes.length).toBeLessThanOrEqual(60);
  });
});
