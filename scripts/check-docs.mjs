/**
 * Keeps what is written true to what is built; part of the checks. Four things: the README shows examples/holdfast.yaml word
 * for word; docs/configuration.md names every key of the JSON Schema; docs/metrics.md names exactly the metrics of
 * the sources; docker-compose.yml parses and mounts files that exist. Prints every difference, exits 1 if any.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
// The balancer's own parser: the root of the repository has no dependencies of its own.
const { parse } = createRequire(join(ROOT, 'packages/balancer/package.json'))('yaml');
const SCHEMA_FOLDER = 'packages/balancer/schema';
const SOURCES = ['packages/worker/src', 'packages/balancer/src', 'packages/state/src'];

const problems = [...checkReadme(), ...checkKeys(), ...checkMetrics(), ...checkCompose()];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

function checkReadme() {
  const shown = /```yaml\n([\s\S]*?)```/.exec(read('README.md'))?.[1];
  if (shown === read('examples/holdfast.yaml')) return [];
  return [
    'README.md: expected its first yaml block to be examples/holdfast.yaml, got a different text: copy the file into it',
  ];
}

function checkKeys() {
  const documented = read('docs/configuration.md');
  const file = readdirSync(join(ROOT, SCHEMA_FOLDER)).find((name) => name.endsWith('.json'));
  if (file === undefined) return [`${SCHEMA_FOLDER}: expected the JSON Schema, got no file: run npm run build`];
  return [...propertyNames(JSON.parse(read(join(SCHEMA_FOLDER, file))))]
    .filter((key) => key !== '$schema' && !new RegExp(`\`([\\w.<>[\\]]+\\.)?${key}(: true)?\``).test(documented))
    .map(
      (key) => `docs/configuration.md: expected the key \`${key}\` of the schema to be described, got no mention of it`,
    );
}

function propertyNames(schema, names = new Set()) {
  if (typeof schema !== 'object' || schema === null) return names;
  for (const name of Object.keys(schema.properties ?? {})) names.add(name);
  for (const part of Object.values(schema)) propertyNames(part, names);
  return names;
}

function checkMetrics() {
  if (!existsSync(join(ROOT, 'docs/metrics.md'))) return ['docs/metrics.md: expected the list of metrics, got no file'];
  const inCode = new Set(
    SOURCES.flatMap(sourceFiles).flatMap((file) => metricNames(read(file), /['"`](holdfast_\w+[a-z])['"`]/g)),
  );
  const inDocs = new Set(metricNames(read('docs/metrics.md'), /`(holdfast_\w+[a-z])`/g));
  return [
    ...[...inCode]
      .filter((name) => !inDocs.has(name))
      .map((name) => `docs/metrics.md: expected ${name}, which the sources export, got no mention of it`),
    ...[...inDocs]
      .filter((name) => !inCode.has(name))
      .map((name) => `docs/metrics.md: expected metrics of the sources, got ${name}, which none of them exports`),
  ];
}

function sourceFiles(folder) {
  return readdirSync(join(ROOT, folder), { recursive: true })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(folder, name));
}

function metricNames(text, pattern) {
  return [...text.matchAll(pattern)].map((match) => match[1]);
}

function checkCompose() {
  const { services } = parse(read('docker-compose.yml'), { merge: true });
  return Object.entries(services).flatMap(([name, service]) => [
    ...[service.build?.dockerfile, ...(service.volumes ?? []).map((volume) => volume.split(':')[0])]
      .filter((path) => path !== undefined && !existsSync(join(ROOT, path)))
      .map((path) => `docker-compose.yml: service ${name}: expected ${path} to exist, got nothing there`),
    ...(service.depends_on ?? [])
      .filter((other) => services[other] === undefined)
      .map((other) => `docker-compose.yml: service ${name}: expected a service ${other}, got none`),
  ]);
}

function read(path) {
  return readFileSync(join(ROOT, path), 'utf8');
}
