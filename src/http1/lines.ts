// The field lines of a head, requests and responses alike: one pass over the bytes, strict and
// bounded, into a flat list of offsets. Nothing is copied and no header object is made. The list is
// scratch memory of the thread: it is valid until the next head is parsed.
//
// Reading is monotone: if a prefix of the bytes is refused, so is every extension of it, with the
// same fault. Therefore it does not matter how the bytes were cut into packets.

import { CLASSES, COLON, CR, HTAB, LF, SP, TOKEN, VALUE } from './bytes.ts'
import type { Fault } from './fault.ts'
import { type FieldSet, fieldAt, isIn } from './fields.ts'

/** Offsets per line: line start, name end, value start, value end, line end, field number. */
export const LINE_CELLS = 6

/** Of so many bytes one text is made, as most heads and small answers are. */
const TEXT_BYTES = 4096

const NOTHING = Buffer.alloc(0)

/** More bytes are needed. */
export const MORE = -1
/** The bytes are refused; the list's `fault` says why. */
export const REFUSED = -2

export class FieldLines {
  /** The bytes that the offsets point into. */
  bytes: Buffer = NOTHING
  offsets = new Int32Array(LINE_CELLS * 128)
  count = 0
  fault: Fault = 'bad-field-name'
  /** Which fields there are, so that most questions need no look at the lines. */
  seen: FieldSet = 0
  /** Whether every line is `Name: value`, with one space and no more white space around it. */
  tidy = true
  /**
   * After MORE: the class of bytes (bytes.ts) that may follow without changing what was said, since
   * the bytes end within a run of that class; 0 when they end elsewhere.
   */
  open = 0
  /** What can be read of these bytes, one character each: '' when they are too many for that. */
  #text = ''
  #textStart = 0

  /**
   * Begins a list of the lines in [from, to). Each text that is made of bytes is a call out of
   * compiled code, which costs as much as reading the line; so of few bytes one text is made, and
   * its parts cost nearly nothing.
   */
  begin(bytes: Buffer, from: number, to: number): void {
    this.bytes = bytes
    this.count = 0
    this.open = 0
    this.seen = 0
    this.tidy = true
    this.#text = to - from > TEXT_BYTES ? '' : bytes.toString('latin1', from, to)
    this.#textStart = from
  }

  /** The bytes are about to be others: no part of the text stands for them any more. */
  forget(): void {
    this.bytes = NOTHING
    this.#text = ''
  }

  /**
   * The bytes at [from, to), one character each (latin1). It may keep the text of the whole head
   * alive: what outlives its request is copied.
   */
  part(from: number, to: number): string {
    const start = from - this.#textStart
    if (start < 0 || to - this.#textStart > this.#text.length) {
      return this.bytes.toString('latin1', from, to)
    }
    return this.#text.slice(start, to - this.#textStart)
  }

  lineStart(line: number): number {
    return this.offsets[line * LINE_CELLS] as number
  }
  nameEnd(line: number): number {
    return this.offsets[line * LINE_CELLS + 1] as number
  }
  valueStart(line: number): number {
    return this.offsets[line * LINE_CELLS + 2] as number
  }
  valueEnd(line: number): number {
    return this.offsets[line * LINE_CELLS + 3] as number
  }
  lineEnd(line: number): number {
    return this.offsets[line * LINE_CELLS + 4] as number
  }
  field(line: number): number {
    return this.offsets[line * LINE_CELLS + 5] as number
  }
  name(line: number): string {
    return this.part(this.lineStart(line), this.nameEnd(line))
  }
  value(line: number): string {
    return this.part(this.valueStart(line), this.valueEnd(line))
  }

  /** The first line of a known field, or −1. */
  find(field: number): number {
    if (!isIn(this.seen, field)) return -1
    for (let line = 0; line < this.count; line++) if (this.field(line) === field) return line
    return -1
  }

  /** The values of all lines of a known field as one list (RFC 9110 section 5.3), or ''. */
  joined(field: number): string {
    let list = ''
    for (let line = 0; line < this.count; line++) {
      if (this.field(line) !== field) continue
      list = list === '' ? this.value(line) : `${list}, ${this.value(line)}`
    }
    return list
  }

  /** The value of the first line with this name (given in lower case), or null. */
  valueOf(lowerName: string): string | null {
    for (let line = 0; line < this.count; line++) {
      if (this.nameEnd(line) - this.lineStart(line) !== lowerName.length) continue
      if (this.name(line).toLowerCase() === lowerName) return this.value(line)
    }
    return null
  }

  /** Adds a line by its offsets. */
  add(start: number, nameEnd: number, valueStart: number, valueEnd: number, end: number): void {
    const { bytes } = this
    const index = this.count * LINE_CELLS
    if (index + LINE_CELLS > this.offsets.length) {
      const wider = new Int32Array(this.offsets.length * 2)
      wider.set(this.offsets)
      this.offsets = wider
    }
    const field = fieldAt(bytes, start, nameEnd)
    if (valueStart !== nameEnd + 2 || bytes[nameEnd + 1] !== SP || valueEnd !== end - 2) {
      this.tidy = false
    }
    const { offsets } = this
    offsets[index] = start
    offsets[index + 1] = nameEnd
    offsets[index + 2] = valueStart
    offsets[index + 3] = valueEnd
    offsets[index + 4] = end
    offsets[index + 5] = field
    this.seen |= 1 << field
    this.count++
  }

  refuse(fault: Fault): typeof REFUSED {
    this.fault = fault
    return REFUSED
  }

  endWithin(byteClass: number): typeof MORE {
    this.open = byteClass
    return MORE
  }
}

/**
 * Reads field lines from `from` up to and including the empty line. One function for all lines, as
 * what it works with then stays in registers.
 *
 * @param to the end of the bytes that may be looked at; the caller cuts it at the head's limit
 * @param maxLines more lines than this are refused
 * @returns the offset after the head, MORE or REFUSED
 */
export function readFieldLines(
  lines: FieldLines,
  from: number,
  to: number,
  maxLines: number,
): number {
  const { bytes } = lines
  const table = CLASSES // reading an imported constant in a loop doubles the time it takes
  let at = from
  while (at < to) {
    const start = at
    while (at < to && ((table[bytes[at] as number] as number) & TOKEN) !== 0) at++
    if (at === start) {
      const first = bytes[at]
      if (first === CR) {
        if (at + 1 >= to) return MORE
        return bytes[at + 1] === LF ? at + 2 : lines.refuse('bad-line-end')
      }
      if (first === SP || first === HTAB) return lines.refuse('folded-field')
    }
    if (lines.count >= maxLines) return lines.refuse('too-many-fields')
    if (at >= to) return lines.endWithin(TOKEN)
    if (at === start || bytes[at] !== COLON) {
      return lines.refuse(bytes[at] === LF ? 'bad-line-end' : 'bad-field-name')
    }
    const nameEnd = at++
    while (at < to && (bytes[at] === SP || bytes[at] === HTAB)) at++
    const valueStart = at
    while (at < to && ((table[bytes[at] as number] as number) & VALUE) !== 0) at++
    if (at >= to) return lines.endWithin(VALUE)
    if (bytes[at] !== CR) {
      return lines.refuse(bytes[at] === LF ? 'bad-line-end' : 'bad-field-value')
    }
    if (at + 1 >= to) return MORE
    if (bytes[at + 1] !== LF) return lines.refuse('bad-line-end')
    let valueEnd = at
    while (valueEnd > valueStart && (bytes[valueEnd - 1] === SP || bytes[valueEnd - 1] === HTAB)) {
      valueEnd--
    }
    at += 2
    lines.add(start, nameEnd, valueStart, valueEnd, at)
  }
  return MORE
}
