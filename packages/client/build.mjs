/**
 * Makes what is published in dist, from the sources of this package and of the protocol: `index.js` and `core.js`, which an
 * application's bundler takes; `shared.js`, which is what both have in common, so that a ClientError is the same class
 * whichever of them it came from; `client.min.js`, everything in one file for pages without a bundler. All are shortened here
 * and not by applications, because only here is it known which property names are nobody else's (build/internal-names.mjs).
 * And dist/size, which nobody gets: what a bundler keeps of `connect`, with topics and without; package.json has the limits.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { collectDeclarations } from './build/declarations.mjs';
import { internalNames } from './build/internal-names.mjs';
import { shorten } from './build/shorten.mjs';
import { sources } from './build/sources.mjs';

const ROOT = fileURLToPath(new URL('.', import.meta.url));
const DIST = join(ROOT, 'dist');
const ENTRIES = ['src/index.ts', 'src/core.ts'];

const OPTIONS = {
  absWorkingDir: ROOT,
  bundle: true,
  minifyWhitespace: true,
  minifySyntax: true,
  minifyIdentifiers: true,
  format: 'esm',
  platform: 'browser',
  target: ['es2022'],
  legalComments: 'none',
  write: false,
};
const names = internalNames(ENTRIES.map((entry) => join(ROOT, entry)));
const FROM_SOURCE = {
  ...OPTIONS,
  conditions: ['@holdfast/source'],
  plugins: [sources],
  mangleProps: new RegExp(`^(?:${names.join('|')})$`),
  sourcemap: 'linked',
  outdir: DIST,
};

const written = new Set();

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  written.add(path);
}

async function bundle(options) {
  const { outputFiles } = await build(options);
  const textOf = (path) => outputFiles.find((file) => file.path === path)?.text;
  for (const { path, text } of outputFiles.filter((file) => !file.path.endsWith('.map'))) {
    const { code, map } = await shorten(basename(path), text, textOf(`${path}.map`));
    write(path, code);
    if (map !== undefined) write(`${path}.map`, map);
  }
}

await bundle({ ...FROM_SOURCE, entryPoints: ENTRIES, splitting: true, chunkNames: 'shared' });
await bundle({ ...FROM_SOURCE, entryPoints: { 'client.min': 'src/index.ts' } });

const declarations = collectDeclarations({
  packages: {
    '@holdfast/client': { from: join(DIST, '.emitted'), to: '.' },
    '@holdfast/protocol': { from: join(ROOT, '../protocol/dist'), to: 'protocol' },
  },
  entries: ['index', 'core'].map((name) => join(DIST, '.emitted', name)),
  outDir: DIST,
});
for (const [path, text] of declarations) write(path, text);

// As of an application whose bundler leaves out what nobody uses, and whose minifier is terser: the names are short already.
for (const [name, entry] of Object.entries({ core: './dist/core.js', connect: './dist/index.js' })) {
  const stdin = { contents: `export { connect } from '${entry}';`, resolveDir: ROOT };
  const { outputFiles } = await build({ ...OPTIONS, stdin, minifyIdentifiers: false });
  write(join(DIST, 'size', `${name}.js`), (await shorten(name, outputFiles[0].text)).code);
}

// What an earlier build made and this one did not.
for (const entry of readdirSync(DIST, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name);
  if (entry.isFile() && !path.startsWith(join(DIST, '.emitted')) && !written.has(path)) rmSync(path);
}
