// Feels how fast the machine is: every few milliseconds the same little work, five times, of which
// the fastest counts, so that being set aside for another thread of this machine does not.

import { parentPort } from 'node:worker_threads'
import { monotonicMs, sleep } from './clock.ts'
import type { Beat } from './pulse.ts'

const EVERY_MS = 4
const TRIES = 5
const STEPS = 4000

let seed = 1
function work(): number {
  const began = monotonicMs()
  for (let i = 0; i < STEPS; i++) seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) | 0
  return monotonicMs() - began
}

for (let i = 0; i < 10_000; i++) work()
const beats: Beat[] = []
let isOver = false
parentPort?.once('message', () => {
  isOver = true
})
while (!isOver) {
  let tookMs = Number.POSITIVE_INFINITY
  for (let i = 0; i < TRIES; i++) tookMs = Math.min(tookMs, work())
  beats.push({ atMs: monotonicMs(), tookMs })
  await sleep(EVERY_MS)
}
parentPort?.postMessage(beats)
