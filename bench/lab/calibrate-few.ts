// A few rollouts of the calibration's rows, for `npm test`: the same scenarios, seeds and bars as
// `npm run calibrate`, only fewer of each, so that a broken rule shows within seconds.

import type { Measured } from './calibrate-bars.ts'
import { Dice } from './calibrate-dice.ts'
import { type Played, playRollout } from './calibrate-play.ts'
import { type Row, ROWS, seedOf, setupOf } from './calibrate-rows.ts'

/** The rows of a test at a rate. */
export function rowsOf(test: number, rate: number): readonly Row[] {
  return ROWS.filter((row) => row.test === test && row.rate === rate)
}

/** The first rollouts of a row. */
export function playFew(row: Row, count: number): readonly Played[] {
  return Array.from({ length: count }, (_, i) =>
    playRollout(setupOf(row, i), new Dice(seedOf(row, i))),
  )
}

/** The first rollouts of a row, held against its bars. */
export function measureFew(row: Row, count: number): readonly Measured[] {
  const played = playFew(row, count)
  return row.bars.map((bar) => bar(played))
}

/** What a test says about a bar. */
export function sentence(row: Row, one: Measured): string {
  const how = row.how === '' ? '' : ` (${row.how})`
  return `${row.scenario}${how} at ${row.rate}/s: ${one.what} ${one.result}, ${one.limit}`
}
