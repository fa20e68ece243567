/**
 * Whether every metric, and every bound, that the dashboard and the alerts ask for is one that docs/metrics.md describes, which
 * is held to what the sources export by check-docs.mjs. Also that each alert has its words in docs/operations.md.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

const RULES = 'infra/prometheus/rules.yml';
const DASHBOARD = 'infra/grafana/dashboards/holdfast.json';
const DATA_SOURCES = 'infra/grafana/provisioning/datasources/prometheus.yml';

export function checkMetricUse(repository) {
  const documented = repository.text('docs/metrics.md');
  const known = new Set([...documented.matchAll(/`(holdfast_\w+[a-z])`/g)].map(([, name]) => name));
  const bounds = new Set([...documented.matchAll(/^\| `(\w+)` /gm)].map(([, name]) => name));
  const rules = repository.yaml(RULES)[0].groups.flatMap((group) => group.rules);
  const panels = repository.json(DASHBOARD).panels;
  const uses = [
    ...rules.map(({ alert, expr }) => ({ where: `${RULES}: ${alert}`, expr })),
    ...panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => ({ where: `${DASHBOARD}: ${title}`, expr })),
    ),
  ];
  return [
    ...uses.flatMap((use) => unknownMetrics(use, known, nodeMetrics(repository))),
    ...uses.flatMap((use) => unknownBounds(use, bounds)),
    ...checkAlerts(repository, rules),
    ...checkPanels(repository, panels),
  ];
}

function unknownMetrics({ where, expr }, known, ofNode) {
  return [...expr.matchAll(/\bholdfast_\w+/g)]
    .map(([name]) => name)
    .filter((name) => !known.has(name.replace(/_(bucket|sum|count)$/, '')) && !known.has(name))
    .filter((name) => !ofNode.has(name.replace(/^holdfast_(worker|supervisor)_/, '')))
    .map((name) => `${where}: expected a metric of docs/metrics.md, got ${name}`);
}

/** What prom-client measures of any process. */
function nodeMetrics({ root }) {
  const { register, collectDefaultMetrics } = createRequire(join(root, 'packages/balancer/package.json'))(
    'prom-client',
  );
  register.clear();
  collectDefaultMetrics({ register });
  return new Set(register.getMetricsAsArray().map(({ name }) => name));
}

function unknownBounds({ where, expr }, bounds) {
  return [...expr.matchAll(/bound!?[=~]~?"([\w|]+)"/g)]
    .flatMap(([, names]) => names.split('|'))
    .filter((name) => !bounds.has(name))
    .map((name) => `${where}: expected a bound of docs/metrics.md, got ${name}`);
}

function checkAlerts(repository, rules) {
  const operations = repository.text('docs/operations.md');
  return rules
    .filter(({ alert }) => !operations.includes(`\`${alert}\``))
    .map(({ alert }) => `docs/operations.md: expected a word about the alert ${alert} of ${RULES}, got none`);
}

function checkPanels(repository, panels) {
  const ids = panels.map(({ id }) => id);
  const { uid } = repository.yaml(DATA_SOURCES)[0].datasources[0];
  return [
    ...(new Set(ids).size === ids.length ? [] : [`${DASHBOARD}: expected panels of different ids, got some twice`]),
    ...panels
      .filter(({ datasource }) => datasource !== undefined && datasource.uid !== uid)
      .map(({ title }) => `${DASHBOARD}: ${title}: expected the data source ${uid}, which is provisioned`),
  ];
}
