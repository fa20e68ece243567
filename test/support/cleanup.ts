/** What was started, ended in the opposite order: what AsyncDisposableStack is, which Node 20 does not have. */
export class Cleanup implements AsyncDisposable {
  readonly #ends: (() => Promise<void>)[] = [];

  use<T extends AsyncDisposable>(resource: T): T {
    this.#ends.push(() => Promise.resolve(resource[Symbol.asyncDispose]()));
    return resource;
  }

  defer(end: () => Promise<void>): void {
    this.#ends.push(end);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) await end();
  }
}
