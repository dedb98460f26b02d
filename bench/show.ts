// All measurements, one after the other: what Vertex must show. Ends with 1 when one of
// them misses its bar. `--quick` makes each of them short: it then shows that they run, not that
// the bars hold.

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

/** In the order of the list of bars; the number of runs with --quick. */
const ALL = [
  { name: 'split', quick: 1 },
  { name: 'rollback', quick: 3 },
  { name: 'promotions', quick: 10 },
  { name: 'errors5', quick: 2 },
  { name: 'healthy', quick: 2 },
  { name: 'p99', quick: 2 },
  { name: 'verdict', quick: 3 },
  { name: 'rollout-speed', quick: 2 },
  { name: 'tick', quick: 1 },
  { name: 'weights', quick: 2 },
  { name: 'cpu', quick: 5 },
  { name: 'log', quick: 5 },
  { name: 'memory', quick: 1 },
  { name: 'reload', quick: 10 },
  { name: 'scale', quick: 2 },
  { name: 'sdk', quick: 1 },
  { name: 'synthetic', quick: 1 },
  // The wire.
  { name: 'soak', quick: 1 },
  { name: 'slow', quick: 1 },
  { name: 'idle', quick: 1 },
  { name: 'tunnels', quick: 1 },
  { name: 'drain', quick: 1 },
  { name: 'cold', quick: 1 },
  { name: 'poison', quick: 1 },
  // Shadow mode.
  { name: 'mirror', quick: 1 },
  // The fleet.
  { name: 'fleet', quick: 20 },
  { name: 'fleet-verdict', quick: 3 },
  { name: 'fleet-outage', quick: 1 },
  { name: 'fleet-cost', quick: 1 },
]

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const missed: string[] = []
for (const { name, quick } of ALL) {
  const file = fileURLToPath(new URL(`./${name}.ts`, import.meta.url))
  const args = values.quick ? [file, '--runs', String(quick)] : [file]
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) missed.push(name)
  console.log('')
}
const passed = ALL.length - missed.length
console.log(
  `${passed} of ${ALL.length} measurements passed${missed.length > 0 ? `; missed: ${missed.join(', ')}` : ''}`,
)
process.exit(missed.length === 0 ? 0 : 1)
