// The fuzzer's loop, in a thread of its own: a message that hangs must not hang whoever watches.
// The number of the present message stands in shared memory.

import { parentPort, workerData } from 'node:worker_threads'
import { BranchCoverage, type Coverage } from './coverage.ts'

/** What the loop is to do. */
export interface LoopWork {
  readonly seed: number
  readonly from: number
  /** So many messages … */
  readonly messages: number
  /** … or so long. */
  readonly ms: number
  /** Count branches, until all are reached. */
  readonly coverage: boolean
  readonly byteByByte: boolean
  /** One number: the message that is being read. */
  readonly present: Int32Array
}

export interface Found {
  readonly index: number
  readonly wrong: string
}

export interface LoopReport {
  readonly messages: number
  readonly bytes: number
  /** Messages of which at least a part was accepted and read by Node. */
  readonly accepted: number
  readonly ms: number
  readonly found: readonly Found[]
  readonly coverage: Coverage | null
}

/** The parser's own files, which are pure and make all its decisions. */
const FILES = [
  ...['request-head.ts', 'response-head.ts', 'lines.ts', 'values.ts', 'host.ts', 'path.ts'],
  ...['bytes.ts', 'fields.ts', 'chunked.ts', 'trailers.ts', 'forward.ts'],
]
const MAX_FOUND = 5
/** One message takes a fraction of a millisecond; this much is a bug, not a busy machine. */
const MAX_MESSAGE_MS = 2000
const LOOK_EVERY = 500

export async function fuzz(work: LoopWork): Promise<LoopReport> {
  const folder = new URL('../../src/http1/', import.meta.url).href
  const branches = work.coverage ? new BranchCoverage(folder, FILES) : null
  const { caseOf } = await import('./case.ts')
  const { kindOf, safely } = await import('./check.ts')
  branches?.take()
  const began = performance.now()
  const found: Found[] = []
  const how = {
    byteByByte: work.byteByByte,
    onAccepted: () => {
      accepted++
    },
  }
  let bytes = 0
  let accepted = 0
  let messages = 0
  for (; messages < work.messages && found.length < MAX_FOUND; messages++) {
    const index = work.from + messages
    Atomics.store(work.present, 0, index)
    const made = caseOf(work.seed, index)
    bytes += made.text.length
    const start = performance.now()
    const wrong = safely(made, how)
    const tookMs = performance.now() - start
    if (wrong !== null) {
      // One message of each kind is enough to see what is wrong.
      if (!found.some((other) => kindOf(other.wrong) === kindOf(wrong)))
        found.push({ index, wrong })
    } else if (tookMs > MAX_MESSAGE_MS) found.push({ index, wrong: `took ${tookMs.toFixed(0)} ms` })
    if (messages % LOOK_EVERY !== 0) continue
    if (performance.now() - began > work.ms) break
    if (branches !== null && branches.report().unreached.length === 0) break
  }
  const ms = performance.now() - began
  const coverage = branches?.report() ?? null
  branches?.close()
  return { messages, bytes, accepted, ms, found, coverage }
}

if (parentPort !== null && workerData !== null) {
  parentPort.postMessage(await fuzz(workerData as LoopWork))
}
