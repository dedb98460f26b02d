// A message that is treated wrongly, made as small as it can be while it still is, and written down
// so that it can be pasted into a table of cases.

import { type Case, caseOf } from './case.ts'
import { kindOf, safely } from './check.ts'

const MAX_TRIES = 30_000
const THOROUGH = { byteByByte: true }

/** The smallest message with the same kind of disagreement that taking bytes away leads to. */
export function shrunk(made: Case): Case {
  const first = safely(made, THOROUGH)
  if (first === null) return made
  const kind = kindOf(first)
  let tries = 0
  const still = (text: string): boolean => {
    if (++tries > MAX_TRIES) return false
    const wrong = safely({ ...made, text }, THOROUGH)
    return wrong !== null && kindOf(wrong) === kind
  }
  let text = made.text
  for (let size = text.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= text.length; ) {
      const less = text.slice(0, at) + text.slice(at + size)
      if (still(less)) text = less
      else at += size
    }
  }
  for (let at = 0; at < text.length; at++) {
    const plainer = `${text.slice(0, at)}a${text.slice(at + 1)}`
    if (text[at] !== 'a' && /[\w\x80-\xff]/.test(text.charAt(at)) && still(plainer)) text = plainer
  }
  return { ...made, text }
}

/** The bytes as a string literal. */
export function quoted(text: string): string {
  const escapes: Readonly<Record<string, string>> = { '\r': '\\r', '\n': '\\n', '\t': '\\t' }
  const inner = text.replace(/[^ -~]|[\\']/g, (char) => {
    if (char === '\\' || char === "'") return `\\${char}`
    return escapes[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
  return `'${inner}'`
}

/** What to print of a message that is treated wrongly. */
export function described(seed: number, index: number, wrong: string): string {
  const made = caseOf(seed, index)
  const small = shrunk(made)
  const name = `'found by fuzzing: seed ${seed}, message ${index}'`
  const settings =
    small.kind === 'request'
      ? JSON.stringify({ peer: small.peer, limits: small.settings.limits })
      : JSON.stringify(small.settings)
  return [
    `${small.kind} ${index} of seed ${seed}: ${wrong}`,
    `  smallest: ${safely(small, THOROUGH)}`,
    `  settings: ${settings}`,
    `  row(${name}, ${quoted(small.text)}, …)`,
    `  replay:   npm run fuzz -- --seed ${seed} --from ${index} --messages 1`,
  ].join('\n')
}
