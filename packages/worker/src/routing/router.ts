/**
 * Request → route: the first whose conditions all hold. Replaced as a whole when the configuration changes; an open
 * connection keeps the route that it came in by.
 */
import type { RouteConfig } from '../config.js';
import { headerOf, type DownstreamRequest } from '../listener/downstream-request.js';
import { createMatcher, hostWithoutPort, type Matcher } from './match.js';

export class Router {
  readonly #routes: readonly { readonly route: RouteConfig; readonly matches: Matcher }[];

  constructor(routes: readonly RouteConfig[]) {
    this.#routes = routes.map((route) => ({ route, matches: createMatcher(route.match) }));
  }

  /** Undefined: nothing serves this, answer 404. */
  find(request: DownstreamRequest, isUpgrade: boolean): RouteConfig | undefined {
    const matched = { request, host: hostWithoutPort(headerOf(request, 'host') ?? ''), isUpgrade };
    return this.#routes.find(({ matches }) => matches(matched))?.route;
  }
}
