/**
 * Whether the Kubernetes manifests say what a balancer needs of its cluster: probes of the right paths, a pause before the drain,
 * enough time for it, one disruption at a time, spread over nodes, one name for all, and selectors that select.
 */
const FOLDER = 'infra/kubernetes';

export function checkKubernetes(repository) {
  const { resources } = repository.yaml(`${FOLDER}/kustomization.yaml`)[0];
  const documents = resources.flatMap((name) => repository.yaml(`${FOLDER}/${name}`));
  const ofKind = (kind) => documents.filter((it) => it.kind === kind);
  const [deployment] = ofKind('Deployment');
  const { metadata, spec } = deployment.spec.template;
  const [container] = spec.containers;
  const ports = new Set(container.ports.map(({ name }) => name));
  const isOurs = (selector) => Object.entries(selector).every(([key, value]) => metadata.labels[key] === value);

  return [
    ['a readiness probe of /readyz', probes(container.readinessProbe, '/readyz', ports)],
    ['a liveness probe of /healthz', probes(container.livenessProbe, '/healthz', ports)],
    ['a startup probe of /healthz', probes(container.startupProbe, '/healthz', ports)],
    ['a preStop hook', container.lifecycle?.preStop?.exec !== undefined],
    ['a user who is not root', spec.securityContext.runAsNonRoot === true],
    ['no way to more rights', container.securityContext.allowPrivilegeEscalation === false],
    ['net.ipv4.tcp_migrate_req=1', hasSysctl(spec)],
    ['replicas that are spread over nodes', spreads(spec, isOurs)],
    ['no replica that goes before its successor is ready', deployment.spec.strategy.rollingUpdate.maxUnavailable === 0],
    ['a selector that selects its pods', isOurs(deployment.spec.selector.matchLabels)],
    [
      'a PodDisruptionBudget for them',
      ofKind('PodDisruptionBudget').some((it) => isOurs(it.spec.selector.matchLabels)),
    ],
    [
      'a headless Service for them',
      ofKind('Service').some((it) => it.spec.clusterIP === 'None' && isOurs(it.spec.selector)),
    ],
    [
      'Services of ports that it has',
      ofKind('Service').every((it) => it.spec.ports.every((port) => ports.has(port.targetPort))),
    ],
    ['NetworkPolicies for them', ofKind('NetworkPolicy').every((it) => isOurs(it.spec.podSelector.matchLabels))],
  ]
    .filter(([, isSo]) => !isSo)
    .map(([expected]) => `${FOLDER}: expected ${expected}, got something else`);
}

function probes(probe, path, ports) {
  return probe?.httpGet?.path === path && ports.has(probe.httpGet.port);
}

function hasSysctl({ securityContext }) {
  return (
    securityContext.sysctls?.some(({ name, value }) => name === 'net.ipv4.tcp_migrate_req' && value === '1') === true
  );
}

function spreads({ topologySpreadConstraints = [] }, isOurs) {
  return topologySpreadConstraints.some(
    ({ topologyKey, labelSelector }) => topologyKey === 'kubernetes.io/hostname' && isOurs(labelSelector.matchLabels),
  );
}
