// The wheel keeps every deadline of the edge. It is lazy, so the tests move deadlines in every
// direction and hold it against the plain rule: never early, at most one step late.

import fc from 'fast-check'
import t from 'tap'
import { Timed, Wheel, WHEEL_STEP_MS } from '../../src/edge/wheel.ts'

class Entry extends Timed {
  readonly firedAt: number[] = []
  whenMet: ((nowMs: number) => void) | null = null

  override onDeadline(nowMs: number): void {
    this.firedAt.push(nowMs)
    this.whenMet?.(nowMs)
  }
}

/** Turns the wheel in ticks of 20 ms. */
function turn(wheel: Wheel, fromMs: number, toMs: number): void {
  for (let now = fromMs; now <= toMs; now += 20) wheel.advance(now)
}

await t.test('a deadline is met after its time and at most one step and one tick late', (t) => {
  for (const deadline of [1, 99, 100, 101, 5000, 51_100, 51_200, 51_300, 75_000, 3_600_000]) {
    const wheel = new Wheel(0)
    const entry = new Entry()
    wheel.arm(entry, deadline)
    turn(wheel, 0, deadline + 2 * WHEEL_STEP_MS)
    t.equal(entry.firedAt.length, 1, `${deadline} once`)
    const late = (entry.firedAt[0] ?? 0) - deadline
    t.ok(late >= 0 && late <= WHEEL_STEP_MS + 20, `${deadline} late by ${late}`)
  }
  t.end()
})

await t.test('a deadline that moves further away is met at its last time only', (t) => {
  const wheel = new Wheel(0)
  const entry = new Entry()
  for (let now = 0; now <= 120_000; now += 20) {
    wheel.advance(now)
    if (now < 60_000) wheel.arm(entry, now + 1000)
  }
  t.equal(entry.firedAt.length, 1)
  t.ok((entry.firedAt[0] ?? 0) >= 60_980)
  t.end()
})

await t.test('a deadline that moves nearer is met at the nearer time', (t) => {
  const wheel = new Wheel(0)
  const entry = new Entry()
  wheel.arm(entry, 60_000)
  wheel.arm(entry, 300)
  turn(wheel, 0, 600)
  t.equal(entry.firedAt.length, 1)
  t.end()
})

await t.test('a disarmed entry and a removed one are left alone, and can be armed again', (t) => {
  const wheel = new Wheel(0)
  const disarmed = new Entry()
  const removed = new Entry()
  wheel.arm(disarmed, 200)
  wheel.arm(removed, 200)
  wheel.disarm(disarmed)
  wheel.remove(removed)
  t.equal(removed.lookAtStep, -1)
  turn(wheel, 0, 1000)
  t.same([disarmed.firedAt, removed.firedAt], [[], []])
  t.equal(disarmed.lookAtStep, -1, 'it has left the wheel by itself')
  wheel.arm(disarmed, 1500)
  wheel.arm(removed, 1500)
  turn(wheel, 1000, 2000)
  t.same([disarmed.firedAt.length, removed.firedAt.length], [1, 1])
  t.end()
})

/**
 * Six entries that are due at the same time; each calls `meet` with its neighbours when it is met.
 */
function sixAtOnce(meet: (neighbour: Entry, wheel: Wheel, nowMs: number) => void): Entry[] {
  const wheel = new Wheel(0)
  const entries = Array.from({ length: 6 }, () => new Entry())
  for (const entry of entries) wheel.arm(entry, 500)
  entries.forEach((entry, index) => {
    entry.whenMet = (now) => {
      for (const neighbour of [entries[index - 1], entries[index + 1]]) {
        if (neighbour?.firedAt.length === 0) meet(neighbour, wheel, now)
      }
    }
  })
  turn(wheel, 0, 1000)
  return entries
}

await t.test(
  'a deadline that takes out its neighbours, as a client takes its target, loses no other',
  (t) => {
    const entries = sixAtOnce((neighbour, wheel) => wheel.remove(neighbour))
    t.equal(entries.filter((entry) => entry.firedAt.length === 1).length, 3)
    t.end()
  },
)

await t.test('a deadline that moves its neighbours loses no other', (t) => {
  const entries = sixAtOnce((neighbour, wheel, now) => {
    wheel.remove(neighbour)
    wheel.arm(neighbour, now + 60_000)
  })
  t.equal(entries.filter((entry) => entry.firedAt.length === 1).length, 3)
  t.end()
})

await t.test('a thread that was away for minutes meets all that is overdue at once', (t) => {
  const wheel = new Wheel(0)
  const near = new Entry()
  const far = new Entry()
  wheel.arm(near, 400)
  wheel.arm(far, 70_000)
  wheel.advance(200_000)
  t.same([near.firedAt, far.firedAt], [[200_000], [200_000]])
  t.end()
})

const moves = fc.array(
  fc.record({
    who: fc.nat(4),
    what: fc.constantFrom<'arm' | 'disarm' | 'remove'>('arm', 'arm', 'arm', 'disarm', 'remove'),
    afterMs: fc.integer({ min: 1, max: 130_000 }),
    waitMs: fc.integer({ min: 0, max: 30_000 }),
  }),
  { maxLength: 40 },
)

await t.test(
  'whatever is armed, moved and removed: the wheel does what a plain list would',
  (t) => {
    fc.assert(
      fc.property(moves, (list) => {
        const wheel = new Wheel(0)
        const entries = Array.from({ length: 5 }, () => new Entry())
        const wanted = entries.map(() => Number.POSITIVE_INFINITY)
        let now = 0
        const advance = (untilMs: number): void => {
          for (; now < untilMs; ) {
            now = Math.min(untilMs, now + 100)
            wheel.advance(now)
            entries.forEach((entry, i) => {
              const fired = entry.firedAt.pop() !== undefined
              const due = wanted[i] ?? 0
              if (fired && due > now) throw new Error(`early by ${due - now}`)
              if (!fired && due + 200 <= now) throw new Error(`late by ${now - due}`)
              if (fired) wanted[i] = Number.POSITIVE_INFINITY
            })
          }
        }
        for (const { afterMs, waitMs, what, who } of list) {
          const entry = entries[who]
          if (entry === undefined) continue
          wanted[who] = what === 'arm' ? now + afterMs : Number.POSITIVE_INFINITY
          if (what === 'arm') wheel.arm(entry, now + afterMs)
          else wheel[what](entry)
          advance(now + waitMs)
        }
        advance(now + 140_000)
      }),
      { numRuns: 60 },
    )
    t.end()
  },
)
