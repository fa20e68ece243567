/**
 * A configuration that may be shown. Values are left out by the name of their key, the passwords of URLs by their place, and then
 * whatever else repeats one of them. By name rather than by a list of paths: a key that is added later is covered when
 * it is called what it is, and nobody has to remember this file.
 */

const REDACTED = '[redacted]';
/** `key` of TLS is a path, and `publicKey` is public. */
const SECRET_NAME = /secret|token|passw|passphrase|credential|api-?key/i;
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
/** In the query of a URL. */
const SECRET_PARAMETER = /([?&][^=&#]*(?:secret|token|passw|key|auth|sig)[^=&#]*=)([^&#]+)/gi;
/** Holders of names that whoever wrote the file made up: what is asked for there may be what only a few are to know. */
const REQUIRED_VALUES: ReadonlySet<string> = new Set(['headers', 'query']);
/** A shorter one would be found in half of all words. */
const MIN_REPEATED_LENGTH = 6;

export function redactConfig(config: unknown): unknown {
  const secrets: string[] = [];
  const shown = redact(config, { isSecret: false, secrets });
  const repeated = secrets.filter(({ length }) => length >= MIN_REPEATED_LENGTH).sort((a, b) => b.length - a.length);
  return repeated.length === 0 ? shown : mapTexts(shown, (text) => without(text, repeated));
}

interface Redaction {
  readonly isSecret: boolean;
  /** What was left out so far. */
  readonly secrets: string[];
}

function redact(value: unknown, { isSecret, secrets }: Redaction): unknown {
  if (typeof value === 'string') return redactText(value, { isSecret, secrets });
  if (Array.isArray(value)) return value.map((item) => redact(item, { isSecret, secrets }));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => {
    const isNamed = SECRET_NAME.test(name);
    // A list there is one of names: what a service is told, or tells.
    const isRequired = REQUIRED_VALUES.has(name) && typeof item === 'object' && !Array.isArray(item);
    return [name, redact(item, { isSecret: isSecret || isNamed || isRequired, secrets })] as const;
  });
  return Object.fromEntries(entries);
}

function redactText(text: string, { isSecret, secrets }: Redaction): string {
  if (!isSecret && !PRIVATE_KEY.test(text)) return redactUrl(text, secrets);
  // Any value is asked for: that is no secret, and worth knowing.
  if (text === '' || text === '*') return text;
  secrets.push(text);
  return REDACTED;
}

/** `redis://user:password@host`: not by URL's own parser, which would write the rest of it anew. */
function redactUrl(text: string, secrets: string[]): string {
  const isUrl = /^[a-z][a-z0-9+.-]*:\/\//i.test(text);
  const withoutQuery = !isUrl
    ? text
    : text.replace(SECRET_PARAMETER, (_, name: string, secret: string) => {
        secrets.push(secret, decoded(secret));
        return `${name}${REDACTED}`;
      });
  return withoutQuery.replace(/^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)@/i, (_, scheme: string, credentials: string) => {
    const colon = credentials.indexOf(':');
    const password = colon < 0 ? credentials : credentials.slice(colon + 1);
    if (password === '') return `${scheme}${credentials}@`;
    secrets.push(password, decoded(password));
    return `${scheme}${colon < 0 ? '' : credentials.slice(0, colon + 1)}${REDACTED}@`;
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function without(text: string, secrets: readonly string[]): string {
  return secrets.reduce((left, secret) => left.replaceAll(secret, REDACTED), text);
}

function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, map));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [map(name), mapTexts(item, map)]));
}
