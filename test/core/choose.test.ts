// The choice of a target: never one that is out, even among equals, and towards the less loaded.

import fc from 'fast-check'
import t from 'tap'
import { chooseTarget } from '../../src/core/choose.ts'

const among = (loads: readonly number[]) => ({
  count: loads.length,
  inFlight: (index: number): number => loads[index] ?? -1,
})
const ALMOST_1 = 1 - 2 ** -53
const uniform = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const load = fc.oneof(
  fc.constant(-1),
  fc.integer({ min: 0, max: 3 }),
  fc.integer({ min: 0, max: 1024 }),
)

/** How often each index is chosen by evenly spread numbers. */
function shares(loads: readonly number[], draws: number): number[] {
  const chosen = loads.map(() => 0)
  for (let i = 0; i < draws; i++) {
    const index = chooseTarget(among(loads), (i + 0.5) / draws)
    chosen[index] = (chosen[index] ?? 0) + 1
  }
  return chosen.map((times) => times / draws)
}

await t.test('one that is out is never chosen, and one that is in always', async (t) => {
  fc.assert(
    fc.property(fc.array(load, { maxLength: 12 }), uniform, (loads, drawn) => {
      const index = chooseTarget(among(loads), drawn)
      const someIn = loads.some((each) => each >= 0)
      return someIn ? (loads[index] ?? -1) >= 0 : index === -1
    }),
    { numRuns: 10_000, seed: 2026 },
  )
  t.pass('10,000 choices')
})

await t.test('of two draws the one with less in flight wins', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.nat(100), { minLength: 2, maxLength: 8 }), uniform, (loads, drawn) => {
      const asked: number[] = []
      const index = chooseTarget(
        {
          count: loads.length,
          inFlight(at) {
            asked.push(at)
            return loads[at] ?? -1
          },
        },
        drawn,
      )
      const [a = -1, b = -1] = asked
      const least = Math.min(loads[a] ?? -1, loads[b] ?? -1)
      return asked.length === 2 && a !== b && asked.includes(index) && loads[index] === least
    }),
    { numRuns: 5000, seed: 2026 },
  )
  t.pass('5,000 choices')
})

await t.test('equals get equal shares', async (t) => {
  for (const count of [1, 2, 3, 5, 10]) {
    const each = shares(Array<number>(count).fill(7), 90_000)
    for (const share of each) t.ok(Math.abs(share - 1 / count) < 1e-4, `${share} of ${count}`)
  }
})

await t.test('the least loaded gets most, the most loaded of more than two nothing', async (t) => {
  const [a = 0, b = 0, c = 0] = shares([0, 5, 9], 60_000)
  t.ok(Math.abs(a - 2 / 3) < 1e-3 && Math.abs(b - 1 / 3) < 1e-3, `${a}, ${b}`)
  t.equal(c, 0)
  t.same(shares([3, 2], 1000), [0, 1])
  t.same(shares([-1, 2], 1000), [0, 1])
})

await t.test('the largest number chooses too, whatever the count', async (t) => {
  for (let count = 1; count <= 2000; count++) {
    const loads = Array<number>(count).fill(0)
    for (const drawn of [0, 0.5, ALMOST_1]) {
      const index = chooseTarget(among(loads), drawn)
      if (!(index >= 0 && index < count)) t.fail(`${drawn} of ${count}: ${index}`)
    }
  }
  t.equal(chooseTarget(among([]), 0.3), -1)
})
