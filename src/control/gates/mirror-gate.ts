// A gate on what mirrored requests have shown of the candidate: it waits until there are enough of
// them, and then holds the figures against its bounds.

import { setTimeout } from 'node:timers/promises'
import type { Gate, MirrorTally } from '../../core/gate.ts'
import { failure, type Finding, type GateTask } from './gate-task.ts'

const LOOK_MS = 200
/** So many copies may be missing before the others say nothing about errors and latency. */
const MOST_DROPPED = 0.01

type MirrorGate = Extract<Gate, { kind: 'mirror' }>

function percent(fraction: number): string {
  return `${Number((fraction * 100).toPrecision(3))} %`
}

/** What is over its bound, in words. */
function complaints(gate: MirrorGate, tally: MirrorTally): readonly string[] {
  const { compared, dropped, errors, mismatched, p99Ms, requests } = tally
  const said: string[] = []
  // Copies that found no room are missing just when the candidate was slow.
  const droppedShare = dropped / Math.max(1, requests + dropped)
  const isTimed = gate.errorRate !== null || gate.p99Ms !== null
  if (isTimed && droppedShare > MOST_DROPPED) {
    const mend = 'raise mirror.in_flight or lower mirror.share'
    said.push(`${percent(droppedShare)} of the copies were dropped, which hides the slow: ${mend}`)
  }
  const errorRate = requests === 0 ? 1 : errors / requests
  if (gate.errorRate !== null && errorRate > gate.errorRate) {
    const most = percent(gate.errorRate)
    said.push(`${percent(errorRate)} of the mirrored requests failed, at most ${most} is asked`)
  }
  if (gate.p99Ms !== null && (p99Ms === null || p99Ms > gate.p99Ms)) {
    const is = p99Ms === null ? 'not known' : `${p99Ms.toFixed(1)} ms`
    said.push(`their p99 is ${is}, at most ${gate.p99Ms} ms is asked`)
  }
  if (gate.mismatchRate !== null) {
    const rate = mismatched / compared
    const first = tally.differences[0]?.text
    const how = first === undefined ? '' : ` (most often: ${first})`
    const most = percent(gate.mismatchRate)
    if (rate > gate.mismatchRate) {
      said.push(`${percent(rate)} of the answers differ${how}, at most ${most} is asked`)
    }
  }
  return said
}

/** What the tally comes to; null while too few requests, or comparisons, are in it. */
export function judgeMirror(gate: MirrorGate, tally: MirrorTally | null): Finding | null {
  if (tally === null || tally.requests < gate.minRequests) return null
  if (gate.mismatchRate !== null && tally.compared < gate.minRequests) return null
  const said = complaints(gate, tally)
  if (said.length > 0) return failure(said.join('; '), tally)
  return { passed: true, reason: `${tally.requests} mirrored requests were well`, details: tally }
}

function seen(tally: MirrorTally | null): string {
  if (tally === null) return 'no request was mirrored to it'
  return `${tally.requests} were, ${tally.compared} of them compared with stable's answers`
}

/** Waits for enough mirrored requests; the signal ends it early. */
export async function watchMirror(
  gate: MirrorGate,
  { mirror, subject }: GateTask,
  signal: AbortSignal,
): Promise<Finding> {
  const look = (): MirrorTally | null => mirror?.tally(subject.service, subject.version) ?? null
  while (!signal.aborted) {
    const finding = judgeMirror(gate, look())
    if (finding !== null) return finding
    await setTimeout(LOOK_MS, undefined, { signal }).catch(() => undefined) // the loop looks
  }
  const tally = look()
  return failure(`${gate.minRequests} mirrored requests are needed, and ${seen(tally)}`, tally)
}
