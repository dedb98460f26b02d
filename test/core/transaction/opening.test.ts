// When connections are held back: only beyond those that the rate needs, and only while the thread
// that sends is late itself.

import t from 'tap'
import { openingMost } from '../../../src/core/transaction/opening.ts'

const FAST = { perMs: 10, busyMs: 1 }

t.equal(openingMost({ ...FAST, connections: 255, isLate: false }), 16, 'on time: as before')
t.equal(openingMost({ ...FAST, connections: 35, isLate: true }), 16, 'ten are busy: 36 are enough')
t.equal(openingMost({ ...FAST, connections: 36, isLate: true }), 1)
const slow = { perMs: 0.8, busyMs: 100 }
t.equal(openingMost({ ...slow, connections: 175, isLate: true }), 16, 'a slow target needs more')
t.equal(openingMost({ ...slow, connections: 176, isLate: true }), 1)
const unknown = { perMs: 10, busyMs: null, connections: 255, isLate: true }
t.equal(openingMost(unknown), 16, 'nothing is known of the target yet')
