/** Whether whoever stops a balancer waits longer than its drain may take: a drain that is cut short cuts clients. */
const SECONDS = { ms: 0.001, s: 1, m: 60, h: 3600 };

export function checkStopping(repository) {
  const drainOf = (path) => seconds(repository.yaml(path)[0].drain.timeout);
  const [compose] = repository.yaml('docker-compose.yml');
  const balancers = Object.entries(compose.services).filter(([, { image }]) => image === 'holdfast');
  const { spec } = repository.yaml('infra/kubernetes/balancer.yaml')[0].spec.template;
  const preStopMs = Number(
    /setTimeout\(.*, (\d+)\)/.exec(spec.containers[0].lifecycle.preStop.exec.command.at(-1))?.[1],
  );
  const unit = /^TimeoutStopSec=(\w+)$/m.exec(repository.text('infra/systemd/holdfast.service'))?.[1] ?? '0s';
  return [
    ...balancers.map(([name, service]) => ({
      where: `docker-compose.yml: ${name}: stop_grace_period`,
      has: seconds(service.stop_grace_period),
      needs: drainOf('infra/compose/holdfast.yaml'),
    })),
    {
      where: 'infra/kubernetes/balancer.yaml: terminationGracePeriodSeconds',
      has: spec.terminationGracePeriodSeconds,
      needs: drainOf('infra/kubernetes/holdfast.yaml') + preStopMs / 1000,
    },
    {
      where: 'infra/systemd/holdfast.service: TimeoutStopSec',
      has: seconds(unit),
      needs: drainOf('examples/holdfast.yaml'),
    },
  ]
    .filter(({ has, needs }) => !(has > needs))
    .map(
      ({ where, has, needs }) => `${where}: expected more than the ${needs} s that the drain may take, got ${has} s`,
    );
}

function seconds(text) {
  const [, count, unit] = /^(\d+)(ms|s|m|h)$/.exec(text) ?? [];
  return Number(count) * (SECONDS[unit] ?? Number.NaN);
}
