/** "Did you mean …": the nearest known word by edit distance. */

/** Levenshtein distance: insertions, deletions and replacements that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const replace = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(replace, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}

/**
 * The nearest candidate, if at most a third of the word has to change; ties by alphabet. Words of
 * two letters are codes, where each other code is one letter away and means something else.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const lower = word.toLowerCase()
  const allowed = Math.floor(word.length / 3)
  return [...new Set(candidates)]
    .map(candidate => ({ candidate, distance: editDistance(lower, candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= allowed)
    .sort((a, b) => a.distance - b.distance || (a.candidate < b.candidate ? -1 : 1))[0]?.candidate
}

/** `did you mean "x"?`, or the whole choice when nothing is near and it is short. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const all = [...new Set(candidates)]
  const found = nearest(word, all)
  if (found !== undefined) return `did you mean "${found}"?`
  return all.length > 0 && all.length <= 8 ? `use ${all.join(', ')}` : undefined
}
