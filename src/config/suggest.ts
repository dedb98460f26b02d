// Which of the known words a mistyped one was probably meant to be. It decides only whether a guess
// is close enough to be worth saying: a far-fetched suggestion sends an operator the wrong way.

/**
 * The number of letters to insert, remove, replace, or swap with a neighbour to get from a to b.
 */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let above = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      let best = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, changed)
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (swapped) best = Math.min(best, (before[j - 2] ?? 0) + 1)
      row.push(best)
    }
    before = above
    above = row
  }
  return above[b.length] ?? 0
}

/** camelCase and kebab-case written as the config writes names. */
function snakeCase(word: string): string {
  return word
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('-', '_')
    .toLowerCase()
}

/**
 * The known word nearest to `word`, or null when none is near: at most a third of its letters off.
 */
export function suggest(word: string, known: readonly string[]): string | null {
  const wanted = snakeCase(word.slice(0, 64))
  let best: string | null = null
  let least = Math.max(1, Math.floor(wanted.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(wanted, candidate)
    if (distance < least) {
      least = distance
      best = candidate
    }
  }
  return best
}
