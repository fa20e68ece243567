/** The Prometheus text format, read back: samples with their labels, and sums over those that match. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Metrics {
  readonly samples: readonly Sample[];
  readonly #declared: ReadonlySet<string>;

  constructor(text: string) {
    this.#declared = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map((match) => match[1]!));
    this.samples = text.split('\n').flatMap(parseSample);
  }

  /** Also true for a metric that has no samples yet. */
  has(name: string): boolean {
    return this.#declared.has(name);
  }

  all(name: string, labels: Readonly<Record<string, string>> = {}): readonly Sample[] {
    const wanted = Object.entries(labels);
    return this.samples.filter((it) => it.name === name && wanted.every(([key, value]) => it.labels[key] === value));
  }

  /** Sum over every sample that has these labels; undefined when there is none. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const samples = this.all(name, labels);
    return samples.length === 0 ? undefined : samples.reduce((sum, sample) => sum + sample.value, 0);
  }
}

function parseSample(line: string): readonly Sample[] {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
  if (match === null) return [];
  return [{ name: match[1]!, labels: parseLabels(match[2] ?? ''), value: Number(match[3]) }];
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name!] = value!;
  return labels;
}
