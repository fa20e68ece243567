/**
 * Makes dist/client.min.js: everything in one ES module, for pages without a bundler. From the sources of both packages, so
 * that it does not depend on what was built before. And dist/size, which nobody gets: what an application's bundler keeps of
 * `connect`, with topics and without, from the packages as they are published. Each has a limit in package.json.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const OPTIONS = {
  absWorkingDir: fileURLToPath(new URL('.', import.meta.url)),
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: ['es2022'],
  legalComments: 'none',
};

await build({
  ...OPTIONS,
  entryPoints: ['src/index.ts'],
  outfile: 'dist/client.min.js',
  conditions: ['@holdfast/source'],
});

for (const [name, entry] of Object.entries({ core: '@holdfast/client/core', connect: '@holdfast/client' })) {
  await build({
    ...OPTIONS,
    stdin: { contents: `export { connect } from '${entry}';`, resolveDir: OPTIONS.absWorkingDir },
    outfile: `dist/size/${name}.js`,
  });
}
