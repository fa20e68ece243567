#!/usr/bin/env node
// Committed, so that npm can link it before anything is built.
await import('../dist/bin/holdfast.js').catch((error) => {
  if (error.code !== 'ERR_MODULE_NOT_FOUND' || !String(error.message).includes('dist/bin/holdfast.js')) throw error;
  process.stderr.write('holdfast: expected a build in packages/balancer/dist, got none: run `npm run build` first\n');
  process.exitCode = 1;
});
