/**
 * How long HTTP requests took, for a Prometheus histogram. Kept apart from the relay so that it needs no metrics library.
 */
export interface RequestTimes {
  observe(route: string, seconds: number): void;
}
