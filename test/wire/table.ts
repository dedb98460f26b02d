// Reads the tables of this folder: text files that a person can follow without knowing the engine.
// A heading (`== …`) quotes a rule; below it stand cases, each a title, the settings it asks for
// (`with …`), what passes over the connections in the order of time, and how they end up (`= …`).
//
//   client > GET / HTTP/1.1      the client sends
//   origin < GET / HTTP/1.1      this must arrive at the origin, and nothing else
//   origin <? POST / HTTP/1.1    a beginning of this may have arrived, or nothing
//   client ends                  the client sends a FIN; `resets` and `closes` are the others
//   --                           what was sent before is read before what is sent after
//   = client open, origin open   what each connection has become; `untouched`: there was none;
//                                `gone`: closed, or there was none
//
// client2 is a second client, origin2 the second connection that Vertex opened to the origin.

import { readdirSync, readFileSync } from 'node:fs'
import { bytesOfLines, type Words } from './notation.ts'

export type Act = 'ends' | 'resets' | 'closes'

export type Step =
  | { readonly do: 'send'; readonly who: string; readonly bytes: string }
  | { readonly do: 'expect'; readonly who: string; readonly bytes: string; readonly line: number }
  | { readonly do: 'may'; readonly who: string; readonly bytes: string }
  | { readonly do: Act; readonly who: string }
  | { readonly do: 'turn' }

export interface WireCase {
  readonly file: string
  readonly title: string
  /** The line of the title, from 0. */
  readonly line: number
  /** Settings by their dotted names, e.g. `timeouts.requestHeadMs`. */
  readonly needs: Readonly<Record<string, unknown>>
  readonly steps: readonly Step[]
  /** `client closed, origin untouched`. */
  readonly ends: string
  readonly endsLine: number
}

const FOLDER = new URL('./', import.meta.url)

function linesOfFile(name: string): string[] {
  return readFileSync(new URL(name, FOLDER), 'utf8').split('\n')
}

/** The names that words.txt gives to bytes which many cases have in common. */
export function readWords(): Words {
  const words = new Map<string, string>()
  let name = ''
  let text: string[] = []
  const keep = (): void => {
    if (name !== '') words.set(name, bytesOfLines(text, words))
  }
  for (const line of linesOfFile('words.txt')) {
    if (line.startsWith('word ')) {
      keep()
      name = line.slice(5)
      text = []
    } else if (line.startsWith('|')) text.push(line.slice(2))
  }
  keep()
  return words
}

export function tableFiles(): string[] {
  return readdirSync(FOLDER).filter((name) => name.endsWith('.txt') && name !== 'words.txt')
}

function readNeeds(line: string): Record<string, unknown> {
  const needs: Record<string, unknown> = {}
  for (const part of line.slice('with '.length).split(' ')) {
    const [name = '', value = 'true'] = part.split(/=(.*)/)
    needs[name] = JSON.parse(value)
  }
  return needs
}

const SAYING = /^((?:client|origin|admin)\d?) (>|<\??)(?: (.*))?$/
const SETTINGS = /^with [\w.]+=/
const ACT = /^((?:client|origin|admin)\d?) (ends|resets|closes)$/

interface Open {
  readonly title: string
  readonly line: number
  needs: Record<string, unknown>
  readonly steps: Step[]
}

class Reader {
  readonly cases: WireCase[] = []
  readonly #file: string
  readonly #words: Words
  #sectionNeeds: Record<string, unknown> = {}
  #open: Open | null = null
  /** Lines of the step that is being read. */
  #saying: { who: string; arrow: string; line: number; lines: string[] } | null = null

  constructor(file: string, words: Words) {
    this.#file = file
    this.#words = words
  }

  read(text: string, line: number): void {
    const saying = SAYING.exec(text)
    if (saying !== null) return this.#say(saying[1] ?? '', saying[2] ?? '', saying[3] ?? '', line)
    this.#endSaying()
    const act = ACT.exec(text)
    if (text === '' || text.startsWith('#')) return
    if (text.startsWith('== ')) this.#sectionNeeds = {}
    else if (SETTINGS.test(text)) this.#need(readNeeds(text))
    else if (act !== null) {
      this.#opened(line).steps.push({ do: act[2] as Act, who: act[1] ?? '' })
    } else if (text === '--') this.#opened(line).steps.push({ do: 'turn' })
    else if (text.startsWith('= ')) this.#end(text.slice(2), line)
    else if (this.#open !== null) throw new Error(`Cannot read ${this.#file}:${line + 1}: ${text}`)
    else this.#open = { title: text, line, needs: this.#sectionNeeds, steps: [] }
  }

  #opened(line: number): Open {
    if (this.#open === null) throw new Error(`Cannot read ${this.#file}:${line + 1}: no title`)
    return this.#open
  }

  #need(needs: Record<string, unknown>): void {
    if (this.#open === null) this.#sectionNeeds = { ...this.#sectionNeeds, ...needs }
    else this.#open.needs = { ...this.#open.needs, ...needs }
  }

  #say(who: string, arrow: string, text: string, line: number): void {
    this.#opened(line)
    const saying = this.#saying
    if (saying?.who === who && saying.arrow === arrow) {
      saying.lines.push(text)
      return
    }
    this.#endSaying()
    this.#saying = { who, arrow, line, lines: [text] }
  }

  #endSaying(): void {
    const saying = this.#saying
    this.#saying = null
    if (saying === null) return
    const { arrow, line, lines, who } = saying
    const bytes = bytesOfLines(lines, this.#words)
    const steps = this.#opened(line).steps
    if (arrow === '>') steps.push({ do: 'send', who, bytes })
    else if (arrow === '<') steps.push({ do: 'expect', who, bytes, line })
    else steps.push({ do: 'may', who, bytes })
  }

  #end(ends: string, endsLine: number): void {
    const { line, needs, steps, title } = this.#opened(endsLine)
    this.cases.push({ file: this.#file, title, line, needs, steps, ends, endsLine })
    this.#open = null
  }

  finish(): readonly WireCase[] {
    if (this.#open !== null) throw new Error(`${this.#file}: "${this.#open.title}" has no end`)
    return this.cases
  }
}

/** All cases of a file, in order. */
export function readTable(file: string, words: Words): readonly WireCase[] {
  const reader = new Reader(file, words)
  linesOfFile(file).forEach((text, line) => {
    reader.read(text, line)
  })
  return reader.finish()
}
