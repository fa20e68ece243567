/** Two balancers of one configuration, started at once: alone each of them would leave a core idle. */
import { type Holdfast, type HoldfastConfig, startHoldfast } from './holdfast.js';

export interface BalancerPair extends AsyncDisposable {
  readonly one: Holdfast;
  readonly two: Holdfast;
}

export async function startPair(config: HoldfastConfig): Promise<BalancerPair> {
  const outcomes = await Promise.allSettled([startHoldfast(config), startHoldfast(config)]);
  const end = async (): Promise<void> => {
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') await outcome.value[Symbol.asyncDispose]();
  };
  const [one, two] = outcomes;
  if (one.status === 'fulfilled' && two.status === 'fulfilled') {
    return { one: one.value, two: two.value, [Symbol.asyncDispose]: end };
  }
  await end();
  throw outcomes.find((outcome) => outcome.status === 'rejected')!.reason as unknown;
}
