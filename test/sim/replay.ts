// Runs the simulation by hand: `node test/sim/replay.ts SEED` prints what happens in a run, and
// `node test/sim/replay.ts FIRST COUNT` which of many are broken.

import { run } from './run.ts'

const [first = 1, count = 1] = process.argv.slice(2).map(Number)
const began = performance.now()
let broken = 0
for (let seed = first; seed < first + count; seed++) {
  const result = run(seed, { trace: count === 1 })
  if (count === 1) console.log(result.trace.join('\n'))
  if (count === 1) console.log(result.summary, result.events, result.healedMs)
  if (result.broken === null) continue
  broken++
  console.log(`seed ${seed}: ${result.broken}`)
}
const ms = performance.now() - began
console.log(`${broken} of ${count} are broken; ${(ms / count).toFixed(1)} ms each`)
