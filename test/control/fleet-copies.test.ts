// When a node of a fleet writes the copies of its documents: with a real state directory.

import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { until } from '../../bench/lab/clock.ts'
import { Clock } from '../../src/control/clock.ts'
import { Copies, type CopiesParts } from '../../src/control/fleet/copies.ts'
import type { Proposal } from '../../src/control/ledger.ts'
import { StateDirectory } from '../../src/control/state-directory.ts'
import type { ServiceDocument } from '../../src/core/events.ts'
import { mayWait, NOTHING_KEPT } from '../../src/core/fleet/kept.ts'
import { Replica } from '../../src/core/fleet/replica.ts'
import { step } from '../../src/core/rollout.ts'
import { ABORT, after, at, IDLE, PAUSE, SHIFTING, stored, weight } from '../core/fleet/documents.ts'

const WITHIN_MS = 10_000
const port = { place: 'here' } as CopiesParts['port']

/** A directory that counts what it is asked to write. */
async function scene(t: Test) {
  const directory = await mkdtemp(join(tmpdir(), 'vertex-copies-'))
  const real = await StateDirectory.open({ directory, wall: Date.now })
  t.teardown(async () => {
    await real.close()
    await rm(directory, { recursive: true })
  })
  const durable: boolean[] = []
  const complaints: string[] = []
  const copies = new Copies({
    port,
    clock: new Clock({ monotonic: () => performance.now(), wall: Date.now }),
    directory: {
      read: (service) => real.read(service),
      close: () => real.close(),
      propose: (saved, options): Promise<Proposal> => {
        durable.push(options.durable)
        return real.propose(saved, options)
      },
    },
    onComplaint: (text) => complaints.push(text),
  })
  const held = async (): Promise<ServiceDocument['state'] | null> => {
    const reading = await real.read('shop')
    return reading.found === 'document' ? reading.saved.document.state : null
  }
  return { complaints, copies, directory, durable, held }
}

/** A replica that has taken over what the ledger holds. */
function following(document: ServiceDocument): Replica {
  const replica = new Replica('edge-2', { document: IDLE, kept: NOTHING_KEPT })
  take(replica, document)
  return replica
}

function take(replica: Replica, document: ServiceDocument): void {
  replica.wasRead(replica.asking, { found: 'document', stored: stored(document) }, 5000)
}

function weighed(document: ServiceDocument, percent: number): ServiceDocument {
  return after(document, [weight(percent, document.state.epoch)])
}

/** A weight that is set pauses the rollout. */
const BY_HAND = weighed(SHIFTING, 5)

await t.test('what only gives more waits a moment, and comes as one', async (t) => {
  const { copies, durable, held } = await scene(t)
  const replica = following(BY_HAND)
  copies.soon(replica, true)
  await copies.now(replica, false)
  t.strictSame(durable, [true], 'nothing was known of the disk, so it was not waited for')
  let document = BY_HAND
  for (const percent of [6, 7, 8]) {
    document = weighed(document, percent)
    take(replica, document)
    copies.soon(replica, true)
  }
  t.equal(durable.length, 1)
  await until(() => (durable.length === 2 ? true : null), {
    what: 'the copy is written',
    withinMs: WITHIN_MS,
  })
  await copies.close()
  t.equal((await held())?.weight, document.state.weight)
  t.strictSame(durable, [true, false], 'three changes, one write')
})

await t.test('what restrains is written at once, and lasts', async (t) => {
  for (const event of [ABORT, PAUSE, weight(1, SHIFTING.state.epoch)]) {
    const { copies, durable, held } = await scene(t)
    const replica = following(SHIFTING)
    await copies.now(replica, false)
    const document = after(SHIFTING, [event])
    take(replica, document)
    copies.soon(replica, true)
    await Promise.resolve()
    t.strictSame(durable, [false, true], event.event)
    await copies.close()
    t.equal((await held())?.epoch, document.state.epoch)
  }
})

await t.test('a decision that was accepted is not lost as one that was not', async (t) => {
  const { copies, durable } = await scene(t)
  const replica = following(BY_HAND)
  const stepped = step(replica.document, weight(2, BY_HAND.state.epoch), 5000)
  if ('refused' in stepped) throw new Error(stepped.refused.detail)
  replica.decided(stepped)
  await copies.now(replica, false)
  const sent = replica.proposal({ lease: 1, clockMs: 5000 })
  if (sent === null || 'cannot' in sent) throw new Error('nothing is proposed')
  const position = at(replica.document.state.epoch, 'edge-2')
  replica.wasAnswered(sent, { result: 'accepted', position, save: 2 }, 5000)
  copies.soon(replica, false)
  await Promise.resolve()
  t.strictSame(durable, [false, false])
  copies.soon(replica, false)
  await Promise.resolve()
  t.equal(durable.length, 2, 'and then there is time again')
  await copies.close()
  t.equal(durable.length, 3)
  copies.soon(replica, true)
  await Promise.resolve()
  t.equal(durable.length, 3, "the directory may be somebody else's by now")
})

await t.test('what waits is written when a service is taken out', async (t) => {
  const { copies, held } = await scene(t)
  const replica = following(SHIFTING)
  await copies.now(replica, false)
  const document = weighed(SHIFTING, 9)
  take(replica, document)
  copies.soon(replica, false)
  await copies.forget('shop')
  t.equal((await held())?.epoch, document.state.epoch)
})

await t.test('a disk that refuses is told once, tried again, and well again', async (t) => {
  const { complaints, copies, directory, durable, held } = await scene(t)
  const replica = following(SHIFTING)
  const [services, aside] = [join(directory, 'services'), join(directory, 'aside')]
  await rename(services, aside)
  await writeFile(services, 'no directory')
  t.match(await copies.now(replica, false), 'ENOTDIR')
  await copies.now(replica, false)
  t.equal(complaints.length, 1)
  t.match(complaints[0], /^Cannot keep a copy of service shop as the system refuses: ENOTDIR/)
  t.strictSame(copies.complaints(), complaints)
  await rm(services)
  await rename(aside, services)
  await until(() => (copies.complaints().length === 0 ? true : null), {
    what: 'it is tried again',
    withinMs: WITHIN_MS,
  })
  t.equal(durable.length, 3)
  await copies.close()
  t.equal((await held())?.epoch, replica.document.state.epoch)
})

await t.test('an end, a pause, another row and less weight do not wait', (t) => {
  const wait = (document: ServiceDocument): boolean => mayWait(BY_HAND.state, document.state)
  t.equal(wait(BY_HAND), true)
  t.equal(wait(weighed(BY_HAND, 6)), true)
  t.equal(wait(weighed(BY_HAND, 4)), false)
  t.equal(wait(after(BY_HAND, [ABORT])), false)
  t.equal(wait(IDLE), false)
  t.equal(mayWait(IDLE.state, BY_HAND.state), false)
  t.equal(mayWait(SHIFTING.state, after(SHIFTING, [PAUSE]).state), false)
  t.end()
})
