/**
 * The declarations that the entry points lead to, those of the protocol among them, as they go into dist: the published package has no
 * dependency, not even for its types. File by file and not rolled
 * up into one, so that they can be compared with the source.
 */
import { readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';

const SPECIFIER = /(?<=from '|import\(')([^']+)(?=')/g;

/**
 * @param packages by specifier: the folder with what the compiler emitted, and the one in `outDir` where it goes
 * @param entries names of files, with their folder, without extension
 * @returns texts by path
 */
export function collectDeclarations({ packages, entries, outDir }) {
  const texts = new Map();
  const copy = (file) => {
    const target = targetOf(file, packages, outDir);
    if (texts.has(target)) return;
    texts.set(target, '');
    const text = readFileSync(file, 'utf8').replace(SPECIFIER, (specifier) => {
      const found = packages[specifier] ? join(packages[specifier].from, 'index.d.ts') : sibling(file, specifier);
      copy(found);
      return pathBetween(dirname(target), targetOf(found, packages, outDir));
    });
    texts.set(target, text.replace(/\n\/\/# sourceMappingURL=.*/, ''));
  };
  for (const entry of entries) copy(`${entry}.d.ts`);
  return texts;
}

function sibling(file, specifier) {
  return resolve(dirname(file), specifier.replace(/\.js$/, '.d.ts'));
}

function targetOf(file, packages, outDir) {
  const { to } = Object.values(packages).find(({ from }) => from === dirname(file)) ?? { to: '.' };
  return join(outDir, to, basename(file));
}

function pathBetween(folder, file) {
  const path = relative(folder, file).replace(/\.d\.ts$/, '.js');
  return path.startsWith('.') ? path : `./${path}`;
}
