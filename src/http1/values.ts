// Small readers of field values: whole numbers and comma-separated lists of tokens.

import { HTAB, SP } from './bytes.ts'

/** Whether the bytes at [from, to) are one or more digits. */
export function isWholeNumber(bytes: Uint8Array, from: number, to: number): boolean {
  if (from >= to) return false
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number
    if (byte < 0x30 || byte > 0x39) return false
  }
  return true
}

/** The members of a list like `close, TE`: trimmed, lower case, without empty ones. */
export function listTokens(value: string): string[] {
  const tokens: string[] = []
  for (const member of value.toLowerCase().split(',')) {
    const token = trimmed(member)
    if (token !== '') tokens.push(token)
  }
  return tokens
}

/** Without SP and HTAB around it. `String.trim` would take obs-text like U+00A0 for white space. */
function trimmed(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB
}
