// The access log of an edge thread: which requests get a line, and what is done when the lines have
// nowhere to go. Good ones are sampled, the others always logged; pino makes the JSON; the sink
// takes it and never waits (line-sink.ts). A log that does not work is told, shows as degraded, and
// is tried again; traffic goes on without it. What a line says is in access-line.ts.

import { createRequire } from 'node:module'
import type { Logger } from 'pino'
import type { AccessLogConfig } from '../config/config.ts'
import type { Fault } from '../http1/fault.ts'
import { FAULTS } from '../http1/fault.ts'
import { type AccessEntry, type AccessLine, accessLine, secretNames } from './access-line.ts'
import { LineSink } from './line-sink.ts'

/** How often a file that cannot be opened is tried again. */
const REOPEN_MS = 10_000
/** A log that has worked for so long, without a loss, works again. */
const MENDED_MS = 5000

/** What a request says about itself before anything is decided. */
export interface AccessStart {
  readonly method: string
  readonly host: string
  readonly target: string
}

/** Whom it came from. */
interface From {
  readonly address: string
}

export interface AccessLogOptions {
  readonly config: AccessLogConfig
  /** Called with a sentence when lines cannot be written, and when they are again. */
  readonly tell: (word: { readonly say: 'fault' | 'mended'; readonly text: string }) => void
  /** 0 to below 1, for the sample; Math.random when left out. */
  readonly random?: () => number
}

const NOTHING: AccessStart = { method: '', host: '', target: '' }

export class AccessLog {
  readonly #to: string
  readonly #sample: number
  readonly #secrets: ReadonlySet<string>
  readonly #tell: AccessLogOptions['tell']
  readonly #random: () => number
  readonly #sink: LineSink
  readonly #log: Logger
  #openedMs = 0
  /** Lines lost when last looked at, and when the present fault began. */
  #lost = 0
  #lostBefore = 0
  #faulty = false
  #faultMs = 0

  constructor({ config, random, tell }: AccessLogOptions) {
    this.#to = config.to
    this.#sample = config.sample
    this.#secrets = secretNames(config.redact)
    this.#tell = tell
    this.#random = random ?? Math.random
    this.#sink = new LineSink(config.to)
    this.#log = loggerTo(this.#sink)
  }

  begin(start: AccessStart, from: From, nowMs: number): AccessEntry {
    return {
      client: from.address,
      method: start.method,
      host: start.host,
      target: start.target,
      startedMs: nowMs,
      requestId: '',
      service: '',
      version: '',
      rescuedBy: '',
      upstream: '',
      status: 0,
      outcome: '',
      fault: '',
      attempts: 0,
      attemptMs: -1,
      connectedMs: -1,
      answeredMs: -1,
      bytesIn: 0,
      bytesOut: 0,
    }
  }

  /** Writes what was refused before it became a request; the head may be there in part. */
  refused(fault: Fault, head: AccessStart, from: From): void {
    const nowMs = performance.now()
    // A head that did not arrive in time has not been read: what is there is another client's.
    const entry = this.begin(fault === 'request-timeout' ? NOTHING : head, from, nowMs)
    entry.fault = fault
    entry.status = FAULTS[fault].status
    this.#line(entry, nowMs)
  }

  /** Writes a finished entry, unless it is a good one that is not in the sample; never waits. */
  write(entry: AccessEntry, nowMs: number): void {
    if (this.#sample < 1 && isGood(entry) && this.#random() >= this.#sample) return
    this.#line(entry, nowMs)
  }

  #line(entry: AccessEntry, nowMs: number): void {
    this.#log.info(accessLine(entry, { nowMs, wallMs: Date.now() }, this.#secrets))
  }

  /** Opens the file anew, after a rotation. */
  reopen(): void {
    this.#sink.reopen()
  }

  /** Called about twice a second: a quiet service's lines appear, and faults are told. */
  tick(nowMs: number): void {
    const sink = this.#sink
    const fault = this.#faultOf(sink)
    this.#lost = sink.lost
    if (fault !== null) this.#fault(fault, nowMs)
    else if (this.#faulty && nowMs - this.#faultMs >= MENDED_MS) this.#mended()
    if (sink.openFault !== null && nowMs - this.#openedMs >= REOPEN_MS) {
      this.#openedMs = nowMs
      sink.reopen()
    }
    sink.flush()
  }

  #faultOf({ lost, openFault, writeFault }: LineSink): string | null {
    if (openFault !== null) return `Cannot open the access log ${this.#to}: ${openFault}`
    if (writeFault !== null) return `Cannot write the access log ${this.#to}: ${writeFault}`
    if (lost === this.#lost) return null
    return `Cannot write the access log ${this.#to} as fast as it grows: lines are lost`
  }

  #fault(text: string, nowMs: number): void {
    this.#faultMs = nowMs
    if (this.#faulty) return
    this.#faulty = true
    this.#openedMs = nowMs
    this.#tell({ say: 'fault', text })
  }

  #mended(): void {
    this.#faulty = false
    const lost = this.#lost - this.#lostBefore
    this.#lostBefore = this.#lost
    const text = `The access log ${this.#to} is written again: ${lost} lines were lost`
    this.#tell({ say: 'mended', text })
  }

  /** Writes the rest and closes; resolves then, or after the time limit. */
  async close(limitMs: number): Promise<void> {
    await this.#sink.close(limitMs)
    if (!this.#faulty) return
    const lost = this.#sink.lost - this.#lostBefore
    this.#tell({
      say: 'mended',
      text: `The access log ${this.#to} is closed: ${lost} lines were lost`,
    })
  }

  /** Writes the rest at once, where the thread ends without having been asked. */
  closeNow(): void {
    this.#sink.flushNow()
  }
}

function isGood({ fault, outcome, status }: AccessEntry): boolean {
  if (fault !== '' || status >= 500) return false
  return outcome === 'ok' || outcome === 'clientError' || outcome === ''
}

/**
 * A line is one object of plain values, so V8 writes it in a third of pino's time (bench/log.ts).
 */
function loggerTo(sink: LineSink): Logger {
  // A thread without an access log does without pino: 20 ms and some MiB.
  const pino = createRequire(import.meta.url)('pino') as typeof import('pino').default
  const logger = pino({ base: null, timestamp: false }, sink)
  // The documented way to override a method where that is needed for speed.
  return Object.assign(logger, { [pino.symbols.asJsonSym]: jsonOf })
}

function jsonOf(line: AccessLine): string {
  return `${JSON.stringify(line)}\n`
}
