/** Most of these in a bin of this width. */
export function busiest(times: readonly number[], widthMs: number): number {
  const bins = new Map<number, number>();
  for (const time of times) {
    const bin = Math.floor(time / widthMs);
    bins.set(bin, (bins.get(bin) ?? 0) + 1);
  }
  return Math.max(0, ...bins.values());
}
