/**
 * Keeps infra/ and SECURITY.md true to what is built; part of the checks. What can be read is checked here: that files parse, refer
 * to things that exist, and agree with each other. What a tool knows better is left to the tool, where it is installed: promtool
 * (Debian: prometheus), docker-compose, systemd-analyze, kubectl. Prints every difference, exits 1 if any.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkKubernetes } from './infra/kubernetes.mjs';
import { checkMetricUse } from './infra/metric-use.mjs';
import { checkSecurity } from './infra/security.mjs';
import { checkStopping } from './infra/stopping.mjs';
import { runTools } from './infra/tools.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
// The balancer's own parser: the root of the repository has no dependencies of its own.
const yaml = createRequire(join(ROOT, 'packages/balancer/package.json'))('yaml');

const repository = {
  root: ROOT,
  text: (path) => readFileSync(join(ROOT, path), 'utf8'),
  json: (path) => JSON.parse(readFileSync(join(ROOT, path), 'utf8')),
  /** Every document of the file. */
  yaml: (path) => yaml.parseAllDocuments(readFileSync(join(ROOT, path), 'utf8'), { merge: true }).map(documentOf(path)),
  files: (folder, ending) =>
    readdirSync(join(ROOT, folder), { recursive: true })
      .filter((name) => name.endsWith(ending))
      .map((name) => join(folder, name)),
};

const tools = runTools(repository);
const problems = [
  ...checkParsing(),
  ...checkMetricUse(repository),
  ...checkKubernetes(repository),
  ...checkStopping(repository),
  ...checkSecurity(repository),
  ...tools.problems,
];
for (const name of tools.missing)
  process.stdout.write(`infra: ${name} is not installed, what it checks was left out\n`);
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

function checkParsing() {
  const files = [...repository.files('infra', '.yml'), ...repository.files('infra', '.yaml'), 'docker-compose.yml'];
  return files.flatMap((path) => {
    try {
      repository.yaml(path);
      return [];
    } catch (error) {
      return [error.message];
    }
  });
}

function documentOf(path) {
  return (document) => {
    if (document.errors.length > 0) throw new Error(`${path}: expected YAML, got ${document.errors[0].message}`);
    return document.toJS();
  };
}
