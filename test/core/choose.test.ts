// The choice of a target: never one that is out, even among equals, and towards the less loaded.

import fc from 'fast-check'
import t from 'tap'
import { type Choice, chooseTarget, OUT, WHOLE } from '../../src/core/choose.ts'
import { seededRandom } from './random.ts'

/** Targets with so much in flight each; −1 is one that is out. */
const among = (loads: readonly number[], shares: readonly number[] = []): Choice => ({
  count: loads.length,
  share: (index) => ((loads[index] ?? -1) < 0 ? OUT : (shares[index] ?? WHOLE)),
  inFlight: (index) => loads[index] ?? 0,
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
          share: () => WHOLE,
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

/** Numbers with all the digits that Math.random has: the choice uses more than 32 bits of them. */
function uniformFrom(seed: number): () => number {
  const random = seededRandom(seed)
  const whole = (bits: number): number => Math.floor(random.next() * 2 ** bits)
  return () => (whole(26) * 2 ** 27 + whole(27)) / 2 ** 53
}

/** So many requests at a time, which end in any order: who gets how much of them. */
function serve(shares: readonly number[], load: { atOnce: number; requests: number }): number[] {
  const random = uniformFrom(2026)
  const inFlight = shares.map(() => 0)
  const chosen = shares.map(() => 0)
  const going: number[] = []
  for (let i = 0; i < load.requests; i++) {
    const index = chooseTarget(
      {
        count: shares.length,
        share: (at) => shares[at] ?? OUT,
        inFlight: (at) => inFlight[at] ?? 0,
      },
      random(),
    )
    chosen[index] = (chosen[index] ?? 0) + 1
    inFlight[index] = (inFlight[index] ?? 0) + 1
    going.push(index)
    if (going.length < load.atOnce) continue
    const [ended = -1] = going.splice(Math.floor(random() * going.length), 1)
    inFlight[ended] = (inFlight[ended] ?? 0) - 1
  }
  return chosen.map((times) => times / load.requests)
}

await t.test('a target in slow start gets its share of what is fair, whatever the load', (t) => {
  for (const atOnce of [1, 4, 16, 128]) {
    for (const count of [2, 3, 10]) {
      for (const permille of [100, 550, 999]) {
        const shares = [permille, ...Array<number>(count - 1).fill(WHOLE)]
        const part = permille / 1000
        // With nothing in flight a part of an equal share; with much in flight loads are levelled,
        // and what the others take makes its part the larger.
        const least = part / count
        const most = part / (part + count - 1)
        const [got = 0] = serve(shares, { atOnce, requests: 20_000 })
        const about = `${got.toFixed(3)}: ${permille} of ${count}, ${atOnce} at once`
        if (got < least * 0.8 - 0.003 || got > most * 1.4 + 0.003) t.fail(about)
      }
    }
  }
  t.end()
})

await t.test('the only one that is in gets everything, however small its share', (t) => {
  const random = uniformFrom(7)
  for (let i = 0; i < 10_000; i++) {
    const index = chooseTarget(among([-1, 3, -1, -1], [0, 100]), random())
    if (index !== 1) t.fail(`${index}`)
  }
  t.end()
})

await t.test('the requests of those that are out go to no favourite', (t) => {
  // Two of four are out, in every place; the others share evenly.
  for (const out of [
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 2],
    [1, 3],
    [2, 3],
  ]) {
    const shares = [0, 1, 2, 3].map((at) => (out.includes(at) ? OUT : WHOLE))
    const got = serve(shares, { atOnce: 1, requests: 20_000 }).filter((share) => share > 0)
    t.equal(got.length, 2)
    for (const share of got) t.ok(Math.abs(share - 0.5) < 0.03, `${out.join()}: ${share}`)
  }
  t.end()
})
