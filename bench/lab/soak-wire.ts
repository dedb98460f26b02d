// The little HTTP/1.1 that both ends of the soak need: field values out of a head, and the chunked
// coding. Strict where a proxy could go wrong: whatever does not read as it must is an error of the
// proxy, not something to be tolerated.

/** The value of a field in a head (lines with CRLF, the name in lower case), or null. */
export function fieldOf(head: string, lowered: string, name: string): string | null {
  const at = lowered.indexOf(`\r\n${name}:`)
  if (at === -1) return null
  const from = at + name.length + 3
  return head.slice(from, head.indexOf('\r\n', from)).trim()
}

/** The offset behind the empty line that ends a head, or −1. */
export function headEnd(bytes: Buffer, from: number): number {
  const at = bytes.indexOf('\r\n\r\n', from, 'latin1')
  return at === -1 ? -1 : at + 4
}

const SIZE = 0
const DATA = 1
const DATA_END = 2
const TRAILER = 3
const DONE = 4
const BROKEN = 5
const LINE_MAX = 9000

/** Takes the chunk framing off, whatever the pieces it comes in. */
export class ChunkReader {
  /** The trailer lines, each with its line end. */
  trailers = ''
  #state = SIZE
  #left = 0
  #line = ''

  get done(): boolean {
    return this.#state === DONE
  }

  get broken(): boolean {
    return this.#state === BROKEN
  }

  reset(): void {
    this.trailers = ''
    this.#state = SIZE
    this.#left = 0
    this.#line = ''
  }

  /**
   * Reads bytes[from, to) and calls `data` with each range of body bytes.
   *
   * @returns the offset behind the last byte that was used
   */
  read(bytes: Buffer, from: number, to: number, data: (from: number, to: number) => void): number {
    let at = from
    while (at < to && this.#state < DONE) {
      if (this.#state === DATA) {
        const take = Math.min(this.#left, to - at)
        data(at, at + take)
        this.#left -= take
        at += take
        if (this.#left === 0) this.#state = DATA_END
        continue
      }
      const end = bytes.indexOf(0x0a, at)
      const stop = end === -1 || end >= to ? to : end + 1
      this.#line += bytes.toString('latin1', at, stop)
      at = stop
      if (this.#line.endsWith('\n')) this.#readLine()
      else if (this.#line.length > LINE_MAX) this.#state = BROKEN
    }
    return at
  }

  #readLine(): void {
    const line = this.#line
    this.#line = ''
    if (!line.endsWith('\r\n')) this.#state = BROKEN
    else if (this.#state === DATA_END) this.#state = line === '\r\n' ? SIZE : BROKEN
    else if (this.#state === SIZE) {
      if (!/^[0-9a-f]{1,16}\r\n$/i.test(line)) this.#state = BROKEN
      else {
        this.#left = Number.parseInt(line, 16)
        this.#state = this.#left === 0 ? TRAILER : DATA
      }
    } else if (line === '\r\n') this.#state = DONE
    else this.trailers += line
  }
}

/** One chunk around some bytes, as what is to be written. */
export function chunkOf(bytes: Buffer): Buffer[] {
  if (bytes.length === 0) return []
  return [Buffer.from(`${bytes.length.toString(16)}\r\n`, 'latin1'), bytes, CHUNK_END]
}

const CHUNK_END = Buffer.from('\r\n')
