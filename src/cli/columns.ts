// Lays rows of text out in columns: names to the left, figures to the right.

/**
 * @param rows the first is the head
 * @param left for each column whether it stands to the left
 */
export function columns(rows: readonly (readonly string[])[], left: readonly boolean[]): string {
  const widths = left.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  const lines = rows.map((row) =>
    left
      .map((isLeft, i) => {
        const text = row[i] ?? ''
        return isLeft ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0)
      })
      .join('  ')
      .trimEnd(),
  )
  return lines.join('\n')
}
