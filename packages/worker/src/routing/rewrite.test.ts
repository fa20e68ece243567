import { expect, it } from 'vitest';
import { rewriteTarget } from './rewrite.js';

function rewrite(path: string, query: string, matched: string, stripPrefix?: string, replacePrefix?: string): string {
  const match = { host: undefined, path: matched, headers: {}, query: {}, upgrade: undefined };
  return rewriteTarget({ match, rewrite: { stripPrefix, replacePrefix, host: undefined } }, path, query);
}

it.each([
  ['passes a path on as it is', ['/a%2Fb//c', 'x=%20', '/'], '/a%2Fb//c?x=%20'],
  ['strips a prefix', ['/app/x', '', '/app', '/app'], '/x'],
  ['never leaves an empty path', ['/app', 'q=1', '/app', '/app'], '/?q=1'],
  ['strips on segments only', ['/apple', '', '/', '/app'], '/apple'],
  ['replaces the matched path', ['/v1/x', '', '/v1', undefined, '/v2'], '/v2/x'],
  ['replaces a stripped prefix', ['/a/b/c', '', '/a', '/a/b', '/z/'], '/z/c'],
  ['replaces with nothing', ['/a/b', '', '/a', '/a', '/'], '/b'],
  ['puts a prefix before everything', ['/x', '', '/', undefined, '/base'], '/base/x'],
] as const)('%s', (_name, [path, query, matched, strip, replace], target) => {
  expect(rewrite(path, query, matched, strip, replace)).toBe(target);
});
