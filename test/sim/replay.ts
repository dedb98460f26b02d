// Runs the simulation by hand.
//
//   node test/sim/replay.ts 42         what happens in run 42, event by event
//   node test/sim/replay.ts 1 10000    which of so many runs break an invariant; ends with 1 if any
//   node test/sim/replay.ts 1 10000 first    the same, up to the first one

import { run } from './run.ts'

const [first = 1, count = 1] = process.argv.slice(2, 4).map(Number)
const isFirst = process.argv[4] === 'first'
const beganMs = performance.now()
let broken = 0
for (let seed = first; seed < first + count && !(isFirst && broken > 0); seed++) {
  const result = run(seed, { trace: count === 1 })
  if (count === 1) console.log(result.trace.join('\n'))
  if (result.broken === null) continue
  broken++
  console.log(`seed ${seed}: ${result.broken}`)
}
const ms = performance.now() - beganMs
console.log(`${broken} of ${count} are broken; ${(ms / count).toFixed(1)} ms each`)
process.exitCode = broken > 0 ? 1 : 0
