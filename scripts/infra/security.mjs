/**
 * Whether every test that SECURITY.md names exists: a line `path: name of the test` in its table, as code. A threat whose test was
 * renamed or dropped would otherwise look covered for ever.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const FILE = 'SECURITY.md';

export function checkSecurity(repository) {
  const threats = repository.text(FILE).split('## Threats')[1] ?? '';
  const rows = threats.split('\n').filter((line) => line.startsWith('| '));
  const named = rows.flatMap((row) => [...row.matchAll(/`([\w./-]+\.test\.ts): ([^`]+)`/g)]);
  const untested = rows.slice(1).filter((row) => !row.startsWith('| -') && !row.includes('.test.ts: '));
  return [
    ...(named.length === 0 ? [`${FILE}: expected tests to be named as \`path: name\`, got none`] : []),
    ...named.flatMap(([, path, name]) => missing(repository, path, name)),
    ...untested.map(
      (row) => `${FILE}: expected a test in each row of the threat model, got none in: ${row.slice(0, 80)}`,
    ),
  ];
}

function missing(repository, path, name) {
  if (!existsSync(join(repository.root, path))) return [`${FILE}: expected ${path} to exist, got no such file`];
  const text = repository.text(path);
  // As it stands in a string literal of the test.
  const spellings = [name, name.replaceAll("'", "\\'")];
  if (spellings.some((spelling) => text.includes(spelling))) return [];
  return [`${FILE}: expected a test "${name}" in ${path}, got none of that name`];
}
