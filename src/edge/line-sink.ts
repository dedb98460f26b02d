// Lines on their way to a file or a pipe that several threads and processes write to. Nothing here
// ever waits: lines are gathered, written in batches by the system's helper threads, and counted as
// lost when more than 1 MiB of them waits.
//
// Lines stay whole although nobody shares a lock: files are opened for appending, where the kernel
// places each write as one; a pipe takes up to 4 KiB (PIPE_BUF) as one, so batches to it are no
// larger. A pipe is opened so that a full one says so (EAGAIN) instead of holding the helper
// thread, of which the whole process has four: its name look-ups must not hang since a log's
// reader does. pino's own destination asks a full pipe again after 100 ms only, and throws when it
// is written to although its file could not be opened.

import { close, constants, fstat, open, write, writeSync } from 'node:fs'

/** What may wait in a thread while the disk or the reader hangs. */
const MAX_WAITING_CHARS = 1_048_576
/** So much is gathered before it is written without being asked. */
const BATCH_CHARS = 16_384
const MAX_WRITE_CHARS = 65_536
/** PIPE_BUF on Linux: what a pipe takes in one piece. */
const PIPE_CHARS = 4096
const FULL_PIPE_MS = 5
/** Paths may say something about people. */
const MODE = 0o640

const LF = 0x0a
const { O_APPEND, O_CREAT, O_NONBLOCK, O_WRONLY } = constants

export class LineSink {
  /** Lines that were not written, so far. */
  lost = 0
  /** Why the file could not be opened at the last attempt, in the system's words. */
  openFault: string | null = null
  /** Why the last write failed. */
  writeFault: string | null = null

  readonly #to: string
  #fd = -1
  /** Opened anew, and used after the present batch. */
  #nextFd = -1
  #isPipe = false
  #opening = false
  #lines: string[] = []
  #chars = 0
  /** What is being written, or could not be. */
  #batch: Buffer | null = null
  #writing = false
  /** Whether the batch begins within a line. */
  #midLine = false
  /** So much is to be written although it does not fill a batch. */
  #toFlush = 0
  #closing = false
  #givenUp = false
  #onEmpty: (() => void) | null = null

  /** @param to `stdout` or a path */
  constructor(to: string) {
    this.#to = to
    this.#open()
  }

  get isOpen(): boolean {
    return this.#fd >= 0
  }

  /** Takes a line with its line end, in ASCII; never waits. */
  write(line: string): void {
    if (this.#closing || this.#chars + line.length > MAX_WAITING_CHARS) {
      this.lost++
      return
    }
    this.#lines.push(line)
    this.#chars += line.length
    if (this.#chars >= (this.#isPipe ? PIPE_CHARS : BATCH_CHARS)) this.#next()
  }

  /** Writes what has been gathered; what failed is tried again. */
  flush(): void {
    this.writeFault = null
    this.#toFlush = this.#chars
    this.#next()
  }

  /** Opens the file anew: one that was rotated, or could not be opened. */
  reopen(): void {
    if (!this.#opening && !this.#closing && (this.#to !== 'stdout' || !this.isOpen)) this.#open()
  }

  /** Writes the rest and closes; resolves then, or after the time limit. */
  close(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const limit = setTimeout(() => {
        this.#givenUp = true
        this.#loseRest()
        resolve()
      }, limitMs)
      this.#onEmpty = () => {
        clearTimeout(limit)
        resolve()
      }
      this.#closing = true
      this.flush()
    })
  }

  /** Writes the rest at once, where the thread ends without having been asked. */
  flushNow(): void {
    if (this.#fd < 0) return
    const rest = this.#writing ? '' : (this.#batch?.toString('latin1') ?? '')
    const text = rest + this.#lines.join('')
    this.#lines = []
    this.#chars = 0
    try {
      // A pipe may take only the first part; there is nobody left to wait for it.
      if (text !== '') writeSync(this.#fd, text, null, 'latin1')
    } catch {
      this.lost++ // there is nobody left who could be told, either
    }
  }

  // --- opening -------------------------------------------------------------------------------

  #open(): void {
    this.#opening = true
    if (this.#to === 'stdout') return this.#openStdout()
    // Without O_NONBLOCK, opening a pipe that nobody reads would hang.
    open(this.#to, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, MODE, (error, fd) => {
      if (error !== null) return this.#cannotOpen(error)
      fstat(fd, (_, stats) => this.#opened(fd, stats?.isFIFO() ?? false))
    })
  }

  /**
   * A pipe is opened a second time, so that our O_NONBLOCK is not everybody's. Anything else is
   * used as it is: a file that was opened by a shell has one position, which all writers must
   * share.
   */
  #openStdout(): void {
    fstat(1, (error, stats) => {
      if (error !== null) return this.#cannotOpen(error)
      if (!stats.isFIFO() && !stats.isSocket()) return this.#opened(1, false)
      open('/proc/self/fd/1', O_WRONLY | O_NONBLOCK, (refused, fd) => {
        this.#opened(refused === null ? fd : 1, true)
      })
    })
  }

  #cannotOpen(error: NodeJS.ErrnoException): void {
    this.#opening = false
    this.openFault = error.message
    if (this.#closing) this.#next()
  }

  #opened(fd: number, isPipe: boolean): void {
    this.#opening = false
    this.#isPipe = isPipe
    if (this.#nextFd > 2) close(this.#nextFd, () => undefined)
    this.#nextFd = fd
    this.openFault = null
    this.writeFault = null
    this.#next()
  }

  /** Between two batches: goes over to the file that was opened anew. */
  #useNext(): void {
    const old = this.#fd
    this.#fd = this.#nextFd
    this.#nextFd = -1
    if (old > 2) close(old, () => undefined)
    if (this.#batch === null || !this.#midLine) return
    // The rest of a line whose beginning stands in the old file would spoil the new one.
    const from = this.#batch.indexOf('\n') + 1
    this.lost++
    this.#wrote(this.#batch, from)
  }

  // --- writing -------------------------------------------------------------------------------

  #next(): void {
    if (this.#writing) return
    if (this.#nextFd >= 0) this.#useNext()
    if (this.#batch === null && this.#lines.length > 0 && this.#fd >= 0) this.#batch = this.#take()
    if (this.#batch === null || this.#fd < 0) return this.#rest()
    if (this.writeFault === null) this.#write()
  }

  /** As many whole lines as go out in one write. */
  #take(): Buffer {
    const limit = this.#isPipe ? PIPE_CHARS : MAX_WRITE_CHARS
    const lines = this.#lines
    let chars = (lines[0] as string).length
    let count = 1
    for (; count < lines.length; count++) {
      const { length } = lines[count] as string
      if (chars + length > limit) break
      chars += length
    }
    this.#lines = count === lines.length ? [] : lines.slice(count)
    const text = count === lines.length ? lines.join('') : lines.slice(0, count).join('')
    return Buffer.from(text, 'latin1')
  }

  #write(): void {
    const batch = this.#batch as Buffer
    this.#writing = true
    write(this.#fd, batch, 0, batch.length, null, (error, bytes) => {
      if (error?.code === 'EAGAIN' && !this.#givenUp) {
        setTimeout(() => this.#write(), FULL_PIPE_MS)
        return
      }
      this.#writing = false
      if (error !== null) return this.#fail(error)
      this.#wrote(batch, bytes)
      const enough = this.#chars >= (this.#isPipe ? PIPE_CHARS : BATCH_CHARS)
      if (this.#batch !== null || this.#toFlush > 0 || enough || this.#closing) this.#next()
      else if (this.#nextFd >= 0) this.#useNext()
    })
  }

  #wrote(batch: Buffer, bytes: number): void {
    this.#chars -= bytes
    this.#toFlush -= bytes
    this.#batch = bytes < batch.length ? batch.subarray(bytes) : null
    this.#midLine = this.#batch !== null && batch[bytes - 1] !== LF
  }

  /** It is tried again with the next flush, not with each line. */
  #fail(error: NodeJS.ErrnoException): void {
    this.writeFault = error.message
    if (this.#closing) this.#rest()
    else if (this.#nextFd >= 0) {
      this.writeFault = null
      this.#next()
    }
  }

  #loseRest(): void {
    this.lost += this.#lines.length + (this.#batch === null ? 0 : 1)
    this.#lines = []
    this.#batch = null
  }

  /** Nothing is left to write, or nothing can be. */
  #rest(): void {
    if (!this.#closing || this.#opening) return
    this.#loseRest()
    if (this.#fd > 2) close(this.#fd, () => undefined)
    this.#fd = -1
    this.#onEmpty?.()
    this.#onEmpty = null
  }
}
