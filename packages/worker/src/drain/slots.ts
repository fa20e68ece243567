/**
 * Moments to leave, for a crowd that is told all at once: one in each of as many equal parts of the window as there are of
 * them, at random within it and in random order. Independent draws were rejected: by chance they crowd together, at 20
 * per 100 ms to half as much again and more.
 */
export function leaveSlots(count: number, windowMs: number, random: () => number): readonly number[] {
  const slots = Array.from({ length: count }, (_, index) => ((index + random()) / count) * windowMs);
  // Fisher–Yates.
  for (let i = count - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    const held = slots[i] as number;
    slots[i] = slots[j] as number;
    slots[j] = held;
  }
  return slots;
}
