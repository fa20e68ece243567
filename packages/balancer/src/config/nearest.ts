/**
 * The known word that a mistyped one was probably meant to be. Counts insertions, deletions, replacements and swaps
 * of neighbours (optimal string alignment), without regard to case. Beyond half of the word nothing is suggested:
 * a wrong guess costs more than none, and the message lists what is known anyway.
 */

/** Longer words are cut: the work is quadratic and nobody mistypes 64 characters. */
const MAX_LENGTH = 64;

export function nearest(word: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const [given, other] = [normalise(word), normalise(candidate)];
    const distance = editDistance(given, other);
    const allowed = Math.max(1, Math.floor(Math.max(given.length, other.length) / 2));
    if (distance > allowed || distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      const steps = [at(row, j - 1) + 1, at(previous, j) + 1, at(previous, j - 1) + change];
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) steps.push(at(beforePrevious, j - 2) + 1);
      row.push(Math.min(...steps));
    }
    beforePrevious = previous;
    previous = row;
  }
  return at(previous, b.length);
}

function normalise(word: string): string {
  return word.slice(0, MAX_LENGTH).toLowerCase();
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
