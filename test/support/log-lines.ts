/**
 * The log of a running process: JSON lines as they come, kept, and waited for. A line that is not JSON is kept as
 * text under `raw`, so that a crash shows.
 */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg?: string; readonly raw?: string };

/** A message, or a question about the whole line. */
export type LogQuery = string | ((line: LogLine) => boolean);

export interface LogWait {
  /** @default 10000 */
  readonly withinMs?: number;
  /** Lines before this index do not count: `log.lines.length` taken before the deed. @default 0 */
  readonly from?: number;
}

/** Enough to tell a story; a flood must not fill the test's memory. */
const MAX_LINES = 200_000;

export class LogLines {
  readonly lines: LogLine[] = [];
  readonly #waiting = new Set<() => void>();
  #partial = '';

  push(chunk: Buffer): void {
    const lines = (this.#partial + chunk.toString()).split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) if (line !== '' && this.lines.length < MAX_LINES) this.lines.push(parseLine(line));
    for (const check of this.#waiting) check();
  }

  all(query: LogQuery): readonly LogLine[] {
    return this.lines.filter(matching(query));
  }

  async waitFor(query: LogQuery, { withinMs = 10_000, from = 0 }: LogWait = {}): Promise<LogLine> {
    const test = matching(query);
    const find = (): LogLine | undefined => this.lines.slice(from).find(test);
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        this.#waiting.delete(check);
        clearTimeout(timer);
      };
      const timer = setTimeout(() => {
        finish();
        reject(new Error(`log: expected ${String(query)} within ${withinMs} ms, got:\n${this.tail()}`));
      }, withinMs);
      const check = (): void => {
        const line = find();
        if (line === undefined) return;
        finish();
        resolve(line);
      };
      this.#waiting.add(check);
      check();
    });
  }

  /** The last lines as text, for error messages. */
  tail(count = 30): string {
    return this.lines
      .slice(-count)
      .map((line) => line.raw ?? JSON.stringify(line))
      .join('\n');
  }
}

function matching(query: LogQuery): (line: LogLine) => boolean {
  return typeof query === 'string' ? (line) => line.msg === query : query;
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { raw: line };
  }
}
