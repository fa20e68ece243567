/**
 * How the build reads the sources of the client and the protocol: types taken off, and without the sentences that pages are
 * not to load (expectations.mjs). The source maps lead back to the files as they are.
 */
import { readFileSync } from 'node:fs';
import ts from 'typescript';
import { withoutExpectations } from './expectations.mjs';

const SOURCE = /\/packages\/(client|protocol)\/src\/.*\.ts$/;

/** A plugin of esbuild. */
export const sources = {
  name: 'sources',
  setup(build) {
    build.onLoad({ filter: SOURCE }, ({ path }) => ({ contents: compile(path), loader: 'js' }));
  },
};

/** JavaScript, with a source map inside. */
export function compile(fileName) {
  const { outputText } = ts.transpileModule(readFileSync(fileName, 'utf8'), {
    fileName,
    compilerOptions: {
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      inlineSourceMap: true,
      inlineSources: true,
    },
    transformers: { before: [withoutExpectations] },
  });
  return outputText;
}
