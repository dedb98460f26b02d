// Where a source file branches: each `if`, `?:`, `&&`, `||`, `??`, `case` and loop with the places
// whose counts tell which ways were taken. A small scanner is enough, since comments, strings and
// regular expressions are blanked first and the style of src/http1 has no surprises.

export interface Branch {
  readonly line: number
  /** One way through it, in words. */
  readonly way: string
  /** The way is taken when the code at one of these offsets has run … */
  readonly at: readonly number[]
  /** … or, where the way has no code of its own: more often, all together, than the code here. */
  readonly moreThan: number | null
}

/** The code without comments, and with `_` for strings and regular expressions; same offsets. */
function blanked(code: string): string {
  const out = code.split('')
  const hide = (from: number, to: number): void => {
    const mark = /^\/[/*]/.test(code.slice(from, from + 2)) ? ' ' : '_'
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = mark
  }
  // The braces of `${…}` are counted, so that code within templates stays.
  const braces: number[] = []
  for (let at = 0; at < code.length; ) {
    const end = literalEnd(code, at, braces)
    if (end > at) hide(at, end)
    else if (code[at] === '{' && braces.length > 0) braces.push((braces.pop() ?? 0) + 1)
    else if (code[at] === '}' && braces.length > 0) braces.push((braces.pop() ?? 0) - 1)
    at = Math.max(at + 1, end)
  }
  return out.join('')
}

/** The end of what is no code at `at`, or `at`. */
function literalEnd(code: string, at: number, braces: number[]): number {
  const char = code[at]
  const two = code.slice(at, at + 2)
  if (two === '//') return indexOrEnd(code, '\n', at)
  if (two === '/*') return indexOrEnd(code, '*/', at) + 2
  if (char === "'" || char === '"') return quotedEnd(code, at + 1, char)
  if (char === '`') return templateEnd(code, at + 1, braces)
  if (char === '}' && braces.at(-1) === 0) {
    braces.pop()
    return templateEnd(code, at + 1, braces)
  }
  if (
    char === '/' &&
    /[=(,:[!&|?{};\n]\s*$|return\s*$/.test(code.slice(Math.max(0, at - 20), at))
  ) {
    return regexEnd(code, at + 1)
  }
  return at
}

function indexOrEnd(code: string, text: string, from: number): number {
  const at = code.indexOf(text, from)
  return at < 0 ? code.length : at
}

function quotedEnd(code: string, from: number, quote: string): number {
  let at = from
  while (at < code.length && code[at] !== quote) at += code[at] === '\\' ? 2 : 1
  return at + 1
}

function templateEnd(code: string, from: number, braces: number[]): number {
  let at = from
  while (at < code.length && code[at] !== '`') {
    if (code.startsWith('${', at)) {
      braces.push(0)
      return at + 2
    }
    at += code[at] === '\\' ? 2 : 1
  }
  return at + 1
}

function regexEnd(code: string, from: number): number {
  let at = from
  let inClass = false
  while (at < code.length && (inClass || code[at] !== '/')) {
    if (code[at] === '[') inClass = true
    else if (code[at] === ']') inClass = false
    at += code[at] === '\\' ? 2 : 1
  }
  return at + 1
}

/** The offset behind the bracket that closes the one at `at`. */
function closing(code: string, at: number): number {
  let depth = 0
  for (let i = at; i < code.length; i++) {
    if ('([{'.includes(code[i] ?? '')) depth++
    else if (')]}'.includes(code[i] ?? '') && --depth === 0) return i + 1
  }
  return code.length
}

function skipBlank(code: string, at: number): number {
  let next = at
  while (/\s/.test(code[next] ?? '')) next++
  return next
}

const POINT = /\b(if|while|for|switch|case|default)\b|&&|\|\||\?\?|\?(?![.?:])/g

interface Loop {
  /** Its head. */
  readonly from: number
  readonly to: number
  /** Offsets that run once a turn, and once behind it. */
  readonly counts: readonly number[]
}

/** Where the code behind a loop's body begins. */
function loopEnd(code: string, body: number): number {
  if (code[body] === '{') return skipBlank(code, closing(code, body))
  return skipBlank(code, indexOrEnd(code, '\n', body))
}

/** All ways through the branches of a file. */
export function branchesOf(source: string): readonly Branch[] {
  const code = blanked(source)
  const found: Branch[] = []
  const loops: Loop[] = []
  for (const match of code.matchAll(POINT)) {
    const { index } = match
    const token = match[0]
    const line = source.slice(0, index).split('\n').length
    const add = (
      way: string,
      at: number | readonly number[],
      moreThan: number | null = null,
    ): void => {
      found.push({ line, way: `${token} ${way}`, at: [at].flat(), moreThan })
    }
    const behind = skipBlank(code, index + token.length)
    if (token === 'case' || token === 'default') {
      if (token === 'case' || code[behind] === ':') add('', index)
    } else if (token === 'if' || token === 'while' || token === 'for') {
      if (code[behind] !== '(') continue
      const behindTest = closing(code, behind)
      const body = skipBlank(code, behindTest)
      if (token !== 'if')
        loops.push({ from: index, to: behindTest, counts: [body, loopEnd(code, body)] })
      add('taken', body)
      if (token === 'if') add('not taken', index, body)
    } else if (token === '?') {
      add('true', behind)
      add('false', skipBlank(code, colonOf(code, index) + 1))
    } else if (token !== 'switch') {
      add('goes on', behind)
      // A loop's test has no count of its own: it runs before each turn and once at the end.
      const loop = loops.find(({ from, to }) => from < index && index < to)
      const left = leftOf(code, index, token)
      const first = loop !== undefined && !/(&&|\|\|)\s*$/.test(code.slice(0, left))
      add('stops', first ? loop.counts : left, behind)
    }
  }
  return found
}

/** The colon that belongs to the question mark at `at`. */
function colonOf(code: string, at: number): number {
  let open = 0
  for (let i = at + 1; i < code.length; i++) {
    const char = code[i] ?? ''
    if ('([{'.includes(char)) i = closing(code, i) - 1
    else if (char === '?' && !/[.?:]/.test(code[i + 1] ?? '') && code[i - 1] !== '?') open++
    else if (char === ':' && open-- === 0) return i
  }
  return at
}

/** Where the left side of the operator at `at` begins. */
function leftOf(code: string, at: number, operator: string): number {
  for (let i = at - 1; i >= 0; i--) {
    const char = code[i] ?? ''
    if (')]}'.includes(char)) {
      i = opening(code, i)
      continue
    }
    const two = code.slice(i - 1, i + 1)
    const assigns = char === '=' && !/[=!<>]/.test(code[i - 1] ?? '') && code[i + 1] !== '='
    const ends =
      '([{,;?:'.includes(char) ||
      assigns ||
      two === '=>' ||
      two === '||' ||
      two === '??' ||
      (two === '&&' && operator === '&&') ||
      (two === 'rn' && code.slice(i - 5, i + 1) === 'return') ||
      (char === '\n' &&
        /^\s*(const|let|if|return|for|while|else)\b/.test(code.slice(i + 1, i + 40)))
    if (ends) return skipBlank(code, i + 1)
  }
  return 0
}

/** The offset of the bracket that opens what the one at `at` closes. */
function opening(code: string, at: number): number {
  let depth = 0
  for (let i = at; i >= 0; i--) {
    if (')]}'.includes(code[i] ?? '')) depth++
    else if ('([{'.includes(code[i] ?? '') && --depth === 0) return i
  }
  return 0
}
