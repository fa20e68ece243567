/**
 * Makes dist/client.min.js: everything in one ES module, for pages without a bundler. From the sources of both packages, so
 * that it does not depend on what was built before. Close codes are written in place, since minifiers keep tables whole.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { CloseCode } from '@holdfast/protocol';
import { build } from 'esbuild';

const closeCodesInPlace = {
  name: 'close-codes-in-place',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/](client|protocol)[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { loader: 'ts', contents: source.replace(/\bCloseCode\.(\w+)/g, (text, name) => CloseCode[name] ?? text) };
    });
  },
};

await build({
  absWorkingDir: fileURLToPath(new URL('.', import.meta.url)),
  entryPoints: ['src/index.ts'],
  outfile: 'dist/client.min.js',
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: ['es2022'],
  conditions: ['@holdfast/source'],
  plugins: [closeCodesInPlace],
  legalComments: 'none',
});
