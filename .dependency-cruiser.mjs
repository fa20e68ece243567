// The one direction of dependencies: protocol ← state ← worker ← balancer, protocol ← backend, protocol ← client. What an arrow forbids here, no review has to find.

const outside = (name, allowed) => ({
  name: `${name}-depends-on-${allowed.join('-and-') || 'nothing'}-only`,
  comment: `packages/${name} may use of the other packages: ${allowed.join(', ') || 'none'}`,
  severity: 'error',
  from: { path: `^packages/${name}/src` },
  to: {
    path: '^packages/',
    pathNot: [`^packages/${name}/`, ...allowed.map((other) => `^packages/${other}/`)],
  },
});

export default {
  forbidden: [
    outside('protocol', []),
    outside('state', ['protocol']),
    outside('worker', ['protocol', 'state']),
    outside('balancer', ['protocol', 'state', 'worker']),
    outside('backend', ['protocol']),
    outside('client', ['protocol']),
    {
      name: 'protocol-and-client-run-anywhere',
      comment: 'browsers and other runtimes use them: no modules of Node, no packages from outside',
      severity: 'error',
      from: { path: '^packages/(protocol|client)/src', pathNot: '\\.test\\.ts$|/testing/' },
      to: { dependencyTypes: ['core', 'npm'] },
    },
    {
      name: 'native-sockets-stay-in-the-listener',
      comment: 'only packages/worker/src/listener may touch uWebSockets.js',
      severity: 'error',
      from: { path: '^packages/', pathNot: '^packages/worker/src/listener/' },
      to: { path: 'uWebSockets\\.js|uws-pack' },
    },
    {
      name: 'redis-stays-in-its-engine',
      comment: 'only packages/state/src/redis may touch ioredis',
      severity: 'error',
      from: { path: '^packages/', pathNot: '^packages/state/src/(redis|testing)/|\\.test\\.ts$' },
      to: { path: 'node_modules/ioredis' },
    },
    {
      name: 'no-cycles',
      comment: 'the actors of the simulation and their world know each other, by type',
      severity: 'error',
      from: { pathNot: '^test/simulation/' },
      to: { circular: true },
    },
    {
      name: 'no-tests-in-products',
      severity: 'error',
      from: { path: '^packages/[^/]+/src', pathNot: '\\.test\\.ts$|/testing/|/contract\\.ts$' },
      to: { path: '\\.test\\.ts$|/testing/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.check.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@holdfast/source', 'import', 'types', 'node'],
    },
  },
};
