/** The tools that know their own files best, run where they are installed. None of them reaches for the network. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ENVIRONMENT = {
  HOLDFAST_SECRET: 'a secret for checks only',
  HOLDFAST_ADMIN_TOKEN: 'a-token-for-checks-only',
  HOLDFAST_STATE: 'redis://redis:6379',
};
const HOLDFAST = ['packages/balancer/dist/bin/holdfast.js', 'check', '--config'];

const RUNS = [
  [process.execPath, ...HOLDFAST, 'infra/compose/holdfast.yaml'],
  [process.execPath, ...HOLDFAST, 'infra/kubernetes/holdfast.yaml'],
  ['promtool', 'check', 'rules', 'infra/prometheus/rules.yml'],
  ['promtool', 'test', 'rules', 'infra/prometheus/rules.test.yml'],
  ['docker-compose', '--file', 'docker-compose.yml', 'config', '--quiet'],
  ['systemd-analyze', 'verify', 'infra/systemd/holdfast.service'],
  ['kubectl', 'kustomize', 'infra/kubernetes'],
];

export function runTools({ root }) {
  const missing = new Set();
  const problems = [];
  for (const [command, ...args] of RUNS) {
    const env = { ...process.env, ...ENVIRONMENT };
    const { error, status, stdout, stderr } = spawnSync(command, args, { cwd: join(root), env, encoding: 'utf8' });
    if (error?.code === 'ENOENT') missing.add(command);
    else if (status !== 0)
      problems.push(`${[command, ...args].join(' ')}: expected exit 0, got ${status}\n${stdout}${stderr}`);
  }
  return { missing: [...missing], problems };
}
