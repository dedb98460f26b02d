// The rolling minute: nothing is lost inside it, everything is gone after it, and its percentiles
// are those of an HDR histogram of the same values.

import fc from 'fast-check'
import { build } from 'hdr-histogram-js'
import t from 'tap'
import { OUTCOMES, type Outcome } from '../../src/core/outcome.ts'
import { bucketEdgeUs, Window, WINDOW_MS } from '../../src/core/window.ts'

function outcomes(counts: Partial<Record<Outcome, number>>): number[] {
  return OUTCOMES.map((outcome) => counts[outcome] ?? 0)
}

const NO_EVIDENCE = { evidenceGood: 0, evidenceBad: 0 }

await t.test('sums are those of the slices of the last minute', async (t) => {
  const event = fc.record({ atMs: fc.nat(200_000), ok: fc.nat(50), bad: fc.nat(5) })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 100 }), (events) => {
      const window = new Window()
      const sorted = [...events].sort((some, other) => some.atMs - other.atMs)
      for (const { atMs, ok, bad } of sorted) {
        const counts = outcomes({ ok, serverError: bad })
        const evidence = { evidenceGood: ok, evidenceBad: bad }
        window.addCounts({ outcomes: counts, ...evidence, rescued: bad }, atMs)
      }
      const now = sorted.at(-1)?.atMs ?? 0
      const first = Math.floor(now / 1000) - WINDOW_MS / 1000 + 1
      const inside = sorted.filter(({ atMs }) => Math.floor(atMs / 1000) >= first)
      const sum = (read: (one: { ok: number; bad: number }) => number): number =>
        inside.reduce((total, one) => total + read(one), 0)
      const stats = window.stats(now)
      const expected = { requests: sum((one) => one.ok + one.bad), errors: sum((one) => one.bad) }
      if (stats.requests !== expected.requests) throw new Error(`${stats.requests} requests`)
      if (stats.errors !== expected.errors || stats.rescued !== expected.errors) {
        throw new Error(`${stats.errors} errors`)
      }
    }),
  )
  t.pass('for 100 random histories')
})

await t.test('percentiles and the tail agree with hdr-histogram-js', async (t) => {
  const latencies = fc.array(fc.integer({ min: 1, max: 60_000_000 }), { minLength: 1 })
  fc.assert(
    fc.property(latencies, (values) => {
      const window = new Window()
      const histogram = build({
        highestTrackableValue: 60_000_000,
        numberOfSignificantValueDigits: 2,
      })
      values.forEach((us, i) => {
        window.addLatency({ us, times: 2 }, (i % 60) * 1000)
        histogram.recordValueWithCount(us, 2)
      })
      const tail = window.tail(59_000)
      if (tail === null) throw new Error('no tail')
      if (tail.requests !== values.length * 2) throw new Error(`${tail.requests} requests`)
      if (tail.p99Us !== histogram.getValueAtPercentile(99)) throw new Error('p99')
      const over = (limit: number): number => values.filter((us) => us > limit).length * 2
      if (tail.overP99 !== over(tail.p99Us)) throw new Error('over p99')
      const largest = values.flatMap((us) => [us, us]).sort((some, other) => other - some)
      const tenth = bucketEdgeUs(largest[9] ?? largest.at(-1) ?? 0)
      if (tail.tenthUs !== tenth) throw new Error(`tenth ${tail.tenthUs}, not ${tenth}`)
    }),
  )
  t.pass('for 100 random samples')
})

await t.test('whatever comes and goes, the tail is that of the last minute', async (t) => {
  const step = fc.record({
    afterMs: fc.oneof(fc.nat(2000), fc.nat(130_000)),
    us: fc.integer({ min: 1, max: 5000 }),
    looks: fc.boolean(),
    copies: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), (steps) => {
      let window = new Window()
      const all: { second: number; us: number }[] = []
      let now = 0
      for (const { afterMs, copies, looks, us } of steps) {
        now += afterMs
        const second = Math.floor(now / 1000)
        if (looks) {
          const histogram = build({
            highestTrackableValue: 60_000_000,
            numberOfSignificantValueDigits: 2,
          })
          const inside = all.filter((one) => one.second > second - WINDOW_MS / 1000)
          for (const one of inside) histogram.recordValue(one.us)
          const tail = window.tail(now)
          if ((tail?.requests ?? 0) !== inside.length) throw new Error(`${tail?.requests} requests`)
          const p99 = inside.length === 0 ? undefined : histogram.getValueAtPercentile(99)
          if (tail?.p99Us !== p99) throw new Error(`p99 ${tail?.p99Us}, not ${p99}`)
          const over = inside.filter((one) => one.us > (p99 ?? 0)).length
          if ((tail?.overP99 ?? 0) !== over) throw new Error(`${tail?.overP99} over p99`)
        }
        if (copies) window = window.copy()
        all.push({ second, us })
        window.addLatency({ us, times: 1 }, now)
      }
    }),
    { numRuns: 300 },
  )
  t.pass('for 300 random histories')
})

await t.test('a window without requests says so', async (t) => {
  const window = new Window()
  t.equal(window.tail(0), null)
  t.same(window.figures(60_000, 0), { requests: 0, errors: 0, p99Us: null })
  const { errorRate, p99, rate } = window.stats(0)
  t.same({ errorRate, p99, rate }, { errorRate: 0, p99: null, rate: 0 })
})

await t.test('the rate is that of the last ten full seconds', async (t) => {
  const window = new Window()
  for (let second = 0; second < 20; second++) {
    const counts = outcomes({ ok: second < 10 ? 5 : 100 })
    window.addCounts({ outcomes: counts, ...NO_EVIDENCE, rescued: 0 }, second * 1000)
  }
  t.equal(window.stats(20_500).rate, 100)
})

await t.test('requests that Vertex or the client ended do not lower the error rate', async (t) => {
  const window = new Window()
  const counts = outcomes({ ok: 90, timeout: 10, aborted: 40, overload: 60 })
  window.addCounts({ outcomes: counts, ...NO_EVIDENCE, rescued: 0 }, 0)
  const { requests, errorRate } = window.stats(0)
  t.same({ requests, errorRate }, { requests: 200, errorRate: 0.1 })
})

await t.test('the figures for a threshold are of evidence only', async (t) => {
  const window = new Window()
  const counts = { outcomes: outcomes({ ok: 90, clientError: 30, timeout: 10 }), rescued: 0 }
  window.addCounts({ ...counts, evidenceGood: 50, evidenceBad: 7 }, 0)
  window.addCounts({ ...counts, evidenceGood: 3, evidenceBad: 0 }, 1000)
  t.same(window.figures(60_000, 1000), { requests: 60, errors: 7, p99Us: null })
  t.same(window.figures(1000, 1000), { requests: 3, errors: 0, p99Us: null })
  t.same(window.figures(60_000, 62_000), { requests: 0, errors: 0, p99Us: null })
})
