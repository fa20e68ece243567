/** What the commands that ask a running balancer have in common: where it is, and the token for it. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

const DEFAULT_ADMIN = 'http://127.0.0.1:8081';

type Options = NonNullable<ParseArgsConfig['options']>;

export interface AdminArgs {
  readonly url: string;
  /** Of the command's own options: those that were given. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** undefined: not as this command is called. */
export function readAdminArgs(args: readonly string[], options: Options): AdminArgs | undefined {
  try {
    const { values } = parseArgs({ args: [...args], options: { ...options, admin: { type: 'string' } }, strict: true });
    const { admin, ...own } = values as Readonly<Record<string, unknown>>;
    return { url: typeof admin === 'string' ? admin : DEFAULT_ADMIN, values: own };
  } catch {
    return undefined;
  }
}

export function tokenOf(env: NodeJS.ProcessEnv): string | undefined {
  return env['HOLDFAST_ADMIN_TOKEN'];
}
