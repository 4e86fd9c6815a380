// "Did you mean": the closest of a few known names.

/** The known name within a third of the text's length in edits, or one that it begins; null. Names beyond 64 characters are not compared. */
export function closest(text: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Math.max(1, Math.floor(text.length / 3)) + 1;
  if (text.length > 64) return null;
  for (const name of known) {
    if (name.length > 64 || Math.abs(name.length - text.length) >= least) continue;
    const distance = edits(text.toLowerCase(), name.toLowerCase());
    if (distance < least) {
      least = distance;
      best = name;
    }
  }
  if (best === null && text.length >= 3) return known.find((name) => name.startsWith(text)) ?? null;
  return best;
}

/** Insertions, deletions, replacements and swaps of neighbours that turn a into b. */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let k = 1; k <= b.length; k++) {
      const same = a[i - 1] === b[k - 1];
      let least = Math.min(previous[k]! + 1, row[k - 1]! + 1, previous[k - 1]! + (same ? 0 : 1));
      if (i > 1 && k > 1 && a[i - 1] === b[k - 2] && a[i - 2] === b[k - 1]) {
        least = Math.min(least, before[k - 2]! + 1);
      }
      row.push(least);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}
