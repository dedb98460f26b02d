// What the tables of `vertex status` are made of: cells of text that may be painted, rows that are
// aligned, bars, and sentences that are broken at the edge of the terminal.

import { styleText } from 'node:util'

export type Paint = Parameters<typeof styleText>[0]

export interface Cell {
  readonly text: string
  readonly paint?: Paint
}

export interface Paper {
  readonly colour: boolean
  /** Columns at which sentences are broken; null where lines may be long. */
  readonly width: number | null
}

const BAR_CELLS = 10

export function painted({ text, paint }: Cell, colour: boolean): string {
  return colour && paint !== undefined ? styleText(paint, text, { validateStream: false }) : text
}

/**
 * A share of 1 as a bar of ten cells: anything above 0 fills at least one of them, anything below 1
 * leaves at least one open.
 */
export function bar(share: number): string {
  const cells = Math.round(share * BAR_CELLS)
  const full = share <= 0 ? 0 : share >= 1 ? BAR_CELLS : Math.min(BAR_CELLS - 1, Math.max(1, cells))
  return '█'.repeat(full) + '░'.repeat(BAR_CELLS - full)
}

/** Rows with their columns aligned. `left`: which columns stand to the left. */
export function align(
  rows: readonly (readonly Cell[])[],
  { colour, left }: { colour: boolean; left: readonly boolean[] },
): string[] {
  const widths = left.map((_, column) => {
    return Math.max(...rows.map((row) => row[column]?.text.length ?? 0))
  })
  return rows.map((row) => {
    const cells = row.map((cell, column) => {
      const space = ' '.repeat((widths[column] ?? 0) - cell.text.length)
      const text = painted(cell, colour)
      return left[column] === true ? text + space : space + text
    })
    return `  ${cells.join('  ')}`.trimEnd()
  })
}

/** Breaks a sentence at spaces; later lines are indented. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (longer.length > width && line.trim() !== '') {
      lines.push(line)
      line = `  ${word}`
    } else line = longer
  }
  return [...lines, line]
}

/** A sentence as lines below a table. */
export function noteLines({ text, paint }: Cell, { colour, width }: Paper): string[] {
  const lines = width === null ? [text] : wrap(text, Math.max(40, width - 2))
  const cells = lines.map((line) => (paint === undefined ? { text: line } : { text: line, paint }))
  return cells.map((cell) => `  ${painted(cell, colour)}`)
}
