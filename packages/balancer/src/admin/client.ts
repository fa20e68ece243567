/**
 * The other end of the admin API, for the commands that ask a running balancer. Every way to fail becomes one sentence
 * that says what was expected and what to do: whoever reads it has a terminal and no stack trace in mind.
 */

export interface AdminClientOptions {
  /** `http://127.0.0.1:8081` */
  readonly url: string;
  readonly token: string | undefined;
  /** @default 5000 */
  readonly timeoutMs?: number;
  /** @default 'GET' */
  readonly method?: 'GET' | 'POST' | 'PUT';
  /** Sent as JSON. */
  readonly body?: object;
}

export type AdminAnswer =
  { readonly ok: true; readonly body: unknown } | { readonly ok: false; readonly problem: string };

const DEFAULT_TIMEOUT_MS = 5000;

/** Never rejects. */
export async function askAdmin(path: string, options: AdminClientOptions): Promise<AdminAnswer> {
  const { url, token, timeoutMs = DEFAULT_TIMEOUT_MS, method = 'GET', body } = options;
  const base = readUrl(url);
  if (base === undefined) return { ok: false, problem: `expected a URL such as http://127.0.0.1:8081, got ${url}` };
  try {
    const response = await fetch(new URL(path, base), {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (response.ok) return { ok: true, body: await response.json() };
    return { ok: false, problem: await explainRefusal(url, response) };
  } catch (error) {
    return { ok: false, problem: explainFailure(url, error) };
  }
}

function readUrl(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : undefined;
}

async function explainRefusal(url: string, response: Response): Promise<string> {
  if (response.status === 401)
    return `${url}: expected the admin token in HOLDFAST_ADMIN_TOKEN, got none or another one`;
  const text = await response.text();
  const sentence = sentenceOf(text);
  if (sentence !== undefined) return `${url}: ${sentence}`;
  return `${url}: expected the admin API of Holdfast, got status ${response.status}: ${text.slice(0, 200)}`;
}

/** Of a refusal of the admin API. */
function sentenceOf(text: string): string | undefined {
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly message?: unknown } };
    return typeof error?.message === 'string' ? error.message : undefined;
  } catch {
    return undefined;
  }
}

function explainFailure(url: string, error: unknown): string {
  const { cause, name } = error as { readonly cause?: unknown; readonly name?: string };
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  if (code === 'ECONNREFUSED') {
    return `${url}: expected a running balancer, got nobody who listens; is holdfast running, and is admin.address this one?`;
  }
  if (name === 'TimeoutError') return `${url}: expected an answer in time, got none; is the balancer blocked?`;
  if (error instanceof SyntaxError) return `${url}: expected the admin API of Holdfast, got an answer that is not JSON`;
  return `${url}: expected a running balancer, got ${code ?? String(error)}`;
}
