// Server-sent events out of text that arrives in pieces, as the HTML standard has them: a field a
// line, a blank line ends a block, lines end with LF, CR or CRLF. Blocks without data count too, as
// a comment shows that the node lives and an id alone says where to go on. It knows nothing
// of connections.

/** Many times the largest entry of a journal, a gate's whole report included. */
const BLOCK_CHARACTERS = 4 * 1024 * 1024

export interface Block {
  /** Null when the block has none. */
  readonly id: string | null
  /** Its lines joined; null when there are none. */
  readonly data: string | null
  readonly comment: string | null
}

export class BlockReader {
  #rest = ''
  #characters = 0
  #lines: string[] = []

  /** The blocks that end in this piece. Throws a RangeError when one is too long. */
  read(piece: string): readonly Block[] {
    const blocks: Block[] = []
    // A CR at the end may be the first half of a CRLF, so it waits for what follows.
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line !== '') {
        this.#lines.push(line)
        this.#characters += line.length
      } else if (this.#lines.length > 0) {
        blocks.push(blockOf(this.#lines))
        this.#lines = []
        this.#characters = 0
      }
    }
    if (this.#characters + this.#rest.length <= BLOCK_CHARACTERS) return blocks
    throw new RangeError(`an event is longer than ${BLOCK_CHARACTERS} characters`)
  }
}

function blockOf(lines: readonly string[]): Block {
  let id: string | null = null
  let comment: string | null = null
  const data: string[] = []
  for (const line of lines) {
    const [, field = '', value = ''] = /^([^:]*):? ?(.*)$/s.exec(line) ?? []
    if (field === '') comment = value
    else if (field === 'data') data.push(value)
    else if (field === 'id') id = value
  }
  return { id, data: data.length === 0 ? null : data.join('\n'), comment }
}
