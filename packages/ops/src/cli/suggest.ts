/** Returns the name that a mistyped word probably means: one it begins, or one within a third of its length in edits. */
export function suggest(typed: string, names: string[]): string | undefined {
  const byDistance = names
    .map((name) => ({ name, distance: name.startsWith(typed) ? 1 : levenshtein(typed, name) }))
    .toSorted((a, b) => a.distance - b.distance)
  const [best] = byDistance
  return best && best.distance <= Math.max(2, typed.length / 3) ? best.name : undefined
}

/** Returns the Levenshtein distance: the least number of insertions, deletions and replacements. */
function levenshtein(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at)
  for (const [at, letter] of [...from].entries()) {
    const next = [at + 1]
    for (const [column, other] of [...to].entries())
      next.push(
        Math.min(
          (next[column] ?? 0) + 1,
          (row[column + 1] ?? 0) + 1,
          (row[column] ?? 0) + (letter === other ? 0 : 1),
        ),
      )
    row = next
  }
  return row.at(-1) ?? 0
}
