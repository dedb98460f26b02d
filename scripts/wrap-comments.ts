// Wraps comments that run over 100 columns, which the formatter leaves alone. A paragraph of a
// `//` comment is filled again as a whole; lines that are indented after the slashes (tables,
// examples) and code stay as they are. Part of `npm run fix`.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const COLUMNS = 100
const root = join(import.meta.dirname, '..')

/** Words in lines of at most `width`, each with `lead` before it. */
function fill(words: readonly string[], lead: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of words) {
    if (line !== '' && lead.length + line.length + 1 + word.length > COLUMNS - 1) {
      lines.push(lead + line)
      line = ''
    }
    line += line === '' ? word : ` ${word}`
  }
  lines.push(lead + line)
  return lines
}

interface Comment {
  /** Everything before the words of the line. */
  readonly lead: string
  readonly words: readonly string[]
}

/** A line that is nothing but running words of a comment, or null. */
function commentOf(line: string): Comment | null {
  const [, lead, text] = /^(\s*(?:\/\/| \*) )(\S.*)$/.exec(line) ?? []
  if (lead === undefined || text === undefined || /^(@|- |\* |\d+\. |\|)/.test(text)) return null
  return text.endsWith('*/') ? null : { lead, words: text.split(/\s+/) }
}

function wrap(text: string): string {
  const result: string[] = []
  let paragraph: { lead: string; lines: string[]; words: string[] } | null = null
  const finish = () => {
    if (paragraph === null) return
    const tooLong = paragraph.lines.some((line) => line.length > COLUMNS)
    result.push(...(tooLong ? fill(paragraph.words, paragraph.lead) : paragraph.lines))
    paragraph = null
  }
  for (const line of text.split('\n')) {
    const [, indent = '', single] = /^(\s*)\/\*\* (.*) \*\/$/.exec(line) ?? []
    const comment = commentOf(line)
    if (paragraph !== null && paragraph.lead !== comment?.lead) finish()
    if (comment !== null) {
      paragraph ??= { lead: comment.lead, lines: [], words: [] }
      paragraph.lines.push(line)
      paragraph.words.push(...comment.words)
    } else if (single !== undefined && line.length > COLUMNS) {
      result.push(`${indent}/**`, ...fill(single.split(/\s+/), `${indent} * `), `${indent} */`)
    } else {
      finish()
      result.push(line)
    }
  }
  finish()
  return result.join('\n')
}

for (const directory of process.argv.slice(2)) {
  for (const entry of readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })) {
    if (!/\.(ts|js)$/.test(entry)) continue
    const path = join(root, directory, entry)
    const text = readFileSync(path, 'utf8')
    const wrapped = wrap(text)
    if (wrapped !== text) writeFileSync(path, wrapped)
  }
}
