// Small readers of field values, whole numbers and comma-separated lists of tokens, and what keeps
// a text for longer than its head.

import { HTAB, SP } from './bytes.ts'

/** The number whose digits stand at [from, to), or −1 when it is none or above 2^53 − 1. */
export function wholeNumberAt(bytes: Uint8Array, from: number, to: number): number {
  if (from >= to) return -1
  let number = 0
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] as number) - 0x30
    if (digit < 0 || digit > 9) return -1
    number = number * 10 + digit
    if (number > Number.MAX_SAFE_INTEGER) return -1
  }
  return number
}

/** Whether such digits are written as everybody writes the number: without zeros before it. */
export function isPlainAt(bytes: Uint8Array, from: number, to: number): boolean {
  return to - from === 1 || bytes[from] !== 0x30
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
export function trimmed(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB
}

/**
 * The same text in one piece of memory. One that was put together is kept as its parts, which are
 * gathered anew each time it is written; and a part keeps the text alive that it was cut from.
 *
 * @param text latin1
 */
export function inOnePiece(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}
