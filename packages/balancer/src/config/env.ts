/**
 * `${NAME}` and `${NAME:-default}` in a text; `$${` is a literal `${`. Expanded after the YAML is parsed, inside
 * one scalar, so that no value of a variable can ever add a key or a line to the configuration. As in a shell,
 * the default also stands in for an empty variable. Not recursive: what a variable holds is taken as it is.
 */

export interface Expansion {
  readonly text: string;
  /** The text was nothing but one reference: a place that wants a number or a boolean may convert it. */
  readonly isWhole: boolean;
  /** A variable that names a secret went in: the text must not be shown. */
  readonly isSecret: boolean;
  readonly problem: ExpansionProblem | undefined;
}

export type ExpansionProblem =
  { readonly kind: 'unset'; readonly variable: string } | { readonly kind: 'malformed'; readonly text: string };

const REFERENCE = /\$\$\{|\$\{([A-Za-z_]\w*)(?::-([^}]*))?\}|\$\{/g;
const SECRET_NAME = /secret|token|passw|key|credential|redis.*url/i;

export function expandEnv(source: string, env: NodeJS.ProcessEnv): Expansion {
  let problem: ExpansionProblem | undefined;
  let isSecret = false;
  let references = 0;
  const text = source.replaceAll(REFERENCE, (match: string, name: string | undefined, fallback: string | undefined) => {
    if (match === '$${') return '${';
    if (name === undefined) {
      problem ??= { kind: 'malformed', text: source };
      return match;
    }
    references += 1;
    isSecret ||= SECRET_NAME.test(name);
    const value = env[name];
    if (value !== undefined && (value !== '' || fallback === undefined)) return value;
    if (fallback === undefined) problem ??= { kind: 'unset', variable: name };
    return fallback ?? match;
  });
  return { text, isWhole: references === 1 && isOneReference(source), isSecret, problem };
}

function isOneReference(source: string): boolean {
  return /^\$\{[A-Za-z_]\w*(?::-[^}]*)?\}$/.test(source);
}
