// The pager alone, against receivers that check what their documentation says, fail in every way,
// and then take it: who is told what, how often and in which order, and what is left on the disk.

import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import type { ReceiverConfig } from '../../src/config/config.ts'
import { Pager, type PagerNote, type PagerOptions } from '../../src/control/pages/pager.ts'
import type { Incident } from '../../src/core/service.ts'
import { blankDocument } from '../../src/core/rollout/transition.ts'
import { removeDirectory, temporaryDirectory, until } from './node.ts'
import { KINDS, PageReceiver, ROUTING_KEY, SLACK_PATH, TOKEN } from './page-receiver.ts'

interface Played {
  pager: Pager
  readonly notes: PagerNote[]
  readonly directory: string
  /** Closes it and opens another on what it left behind. */
  restart(): Promise<void>
}

const NO_JITTER: Partial<PagerOptions> = { firstPauseMs: 10, attemptMs: 2000 }

async function withPager(
  receivers: readonly ReceiverConfig[],
  play: (played: Played) => Promise<void>,
  options: Partial<PagerOptions> = {},
): Promise<void> {
  const directory = await temporaryDirectory()
  const notes: PagerNote[] = []
  const open = async (): Promise<Pager> => {
    const { complaints, pager } = await Pager.open({
      ...{ directory, wall: Date.now, random: () => 0.5, onNote: (note) => notes.push(note) },
      ...NO_JITTER,
      ...options,
    })
    for (const text of complaints) {
      notes.push({ service: '', text, isTrouble: true, evidence: { incident: '' } })
    }
    pager.configure(receivers)
    return pager
  }
  const played: Played = {
    ...{ pager: await open(), notes, directory },
    async restart() {
      await played.pager.close()
      played.pager = await open()
    },
  }
  try {
    await play(played)
  } finally {
    await played.pager.close()
    await removeDirectory(directory)
  }
}

const EVIDENCE = { evidence: [{ text: 'errors: 3 of 3 failed, "all" <of> them & more.' }] }

function tell(pager: Pager, rollout: number, text = `shop: v${rollout} is <bad> & "worse"`): void {
  pager.page({
    ...{ service: 'shop', incident: `shop-${rollout}`, version: `v${rollout}` },
    ...{ severity: 'error', text, evidence: EVIDENCE, at: new Date().toISOString() },
  })
}

function end(pager: Pager, rollout: number): void {
  const at = new Date().toISOString()
  pager.resolve({ incident: `shop-${rollout}`, text: 'shop: all is well', at })
}

async function filesOf(directory: string): Promise<string[]> {
  const names = await readdir(join(directory, 'pages'))
  return names.filter((name) => name.endsWith('.json'))
}

function receiversOf(all: readonly PageReceiver[]): ReceiverConfig[] {
  return all.map((one) => one.config())
}

await t.test('500, 429, silence, 202: one incident opened, one resolved, by each', async (t) => {
  const plan = [500, { status: 429, retryAfter: '1' }, 'hang'] as const
  const all = await Promise.all(KINDS.map((kind) => PageReceiver.start(kind, plan)))
  await withPager(receiversOf(all), async ({ directory, notes, pager }) => {
    tell(pager, 1)
    tell(pager, 1, 'shop: v1 was rolled back, too')
    end(pager, 1)
    await until('all know of the end', () => all.every(({ resolved }) => resolved.length === 1))
    for (const { attempts, kind, objections, opened, taken } of all) {
      t.strictSame(objections, [])
      t.equal(opened.length, 1, `${kind}: one incident is opened`)
      t.equal(taken.length, kind === 'webhook' ? 2 : 3, `${kind}: nothing is sent twice`)
      const [, limited, next] = attempts.map(({ atMs }) => atMs)
      t.ok((next ?? 0) - (limited ?? 0) >= 1000, `${kind}: Retry-After is honoured`)
    }
    await until('nothing is left', async () => (await filesOf(directory)).length === 0)
    t.strictSame(pager.faults(), [])
    const said = notes.map(({ text }) => text)
    t.match(said[0], /^incident shop-1 opens, for webhook, pagerduty, slack, alertmanager: /)
    t.ok(
      said.includes('pagerduty (pagerduty) took the opening of incident shop-1 after 4 attempts'),
    )
    t.ok(said.includes('slack (slack) took the end of incident shop-1 after 1 attempt'))
    t.ok(said.some((text) => /has not taken .* yet, it is tried on: no answer within/.test(text)))
  })
  await Promise.all(all.map((one) => one.stop()))
})

await t.test(
  'what was not told is told after a restart, in order, and nothing twice',
  async (t) => {
    const all = await Promise.all(KINDS.map((kind) => PageReceiver.start(kind)))
    const [hook] = all
    await withPager(receiversOf(all), async (played) => {
      const others = all.filter(({ kind }) => kind !== 'webhook')
      await hook?.stop()
      tell(played.pager, 1)
      await until('three know', () => others.every(({ taken }) => taken.length === 1))
      await until('it is said', () => played.pager.faults().length === 1)
      t.match(
        played.pager.faults()[0],
        /^Cannot page webhook \(webhook\) as it .*: ECONNREFUSED; a page/,
      )
      await played.restart()
      end(played.pager, 1)
      await until('three know the end', () => others.every(({ resolved }) => resolved.length === 1))
      await played.restart()
      await hook?.listen()
      await played.restart()
      await until('the last one knows', () => hook?.resolved.length === 1)
      for (const { objections, opened, taken } of all) {
        t.strictSame(
          { objections, opened: opened.length, taken: taken.length },
          {
            ...{ objections: [], opened: 1, taken: 2 },
          },
        )
      }
      await until('nothing is left', async () => (await filesOf(played.directory)).length === 0)
    })
    await Promise.all(all.map((one) => one.stop()))
  },
)

await t.test('a second incident of the same name is another one', async (t) => {
  const duty = await PageReceiver.start('pagerduty')
  await withPager(receiversOf([duty]), async ({ pager }) => {
    for (const count of [1, 2]) {
      tell(pager, 1)
      await until('it is open', () => duty.opened.length === count)
      end(pager, 1)
      await until('it is over', () => duty.resolved.length === count)
    }
    end(pager, 1)
    end(pager, 2)
  })
  t.equal(duty.taken.length, 4, 'what is not open cannot end')
  await duty.stop()
})

await t.test('who asks for a pause holds up all its incidents, and nobody else', async (t) => {
  const plan = [{ status: 503, retryAfter: '1' }]
  const [slow, quick] = [
    await PageReceiver.start('slack', plan),
    await PageReceiver.start('webhook'),
  ]
  await withPager(receiversOf([slow, quick]), async ({ pager }) => {
    tell(pager, 1)
    await until('it asks', () => pager.faults().length === 1)
    const askedMs = slow.attempts[0]?.atMs ?? 0
    await until('the first is told', () => quick.taken.length === 1)
    tell(pager, 2)
    await until('the second is told', () => quick.taken.length === 2)
    t.equal(slow.attempts.length, 1)
    await until('both', () => slow.opened.length === 2)
    for (const { atMs } of slow.attempts.slice(1)) t.ok(atMs - askedMs >= 1000)
  })
  await Promise.all([slow.stop(), quick.stop()])
})

await t.test('silence does not hold up a node that stops, and nothing is lost by it', async (t) => {
  const mute = await PageReceiver.start('pagerduty', ['hang', 'hang'])
  const slowly = { attemptMs: 600_000 }
  const play = async (played: Played): Promise<void> => {
    tell(played.pager, 1)
    await until('the attempt', () => mute.attempts.length === 1)
    await played.pager.close()
    t.equal((await filesOf(played.directory)).length, 1)
    mute.plan = []
    await played.restart()
    await until('it is told', () => mute.opened.length === 1)
  }
  await withPager(receiversOf([mute]), play, slowly)
  await mute.stop()
})

await t.test('no secret is said or kept, not even when a receiver says it back', async (t) => {
  const all = await Promise.all(
    KINDS.map((kind) => PageReceiver.start(kind, [400, 401, 404, 400, 500])),
  )
  const configs = receiversOf(all)
  const [hook] = configs
  const secretUrl = `${hook?.url.replace('http://', 'http://user:hidden-password@')}`
  const basic = await PageReceiver.start('webhook', [401, 401, 401, 401])
  const withPassword = {
    ...basic.config('basic'),
    url: `${basic.origin.replace('//', '//user:hidden-password@')}/hook`,
  }
  await withPager([...configs, withPassword], async ({ directory, notes, pager }) => {
    tell(pager, 1)
    await until('trouble', () => pager.faults().length === 5)
    await until('news', () => notes.filter(({ isTrouble }) => isTrouble).length >= 5)
    const faults = pager.faults()
    t.match(faults.join('\n'), /pagerduty \(pagerduty\) .*status 4\d\d \(Event object is invalid; /)
    t.match(faults.join('\n'), /slack \(slack\) .*status 4\d\d \(invalid_payload\)/)
    const kept = await Promise.all(
      (await filesOf(directory)).map((name) => readFile(join(directory, 'pages', name), 'utf8')),
    )
    const said = JSON.stringify([faults, notes, kept])
    for (const secret of [ROUTING_KEY, SLACK_PATH, TOKEN, TOKEN.slice(7), 'hidden-password']) {
      t.notMatch(said, secret)
    }
    t.notMatch(said, secretUrl)
  })
  await Promise.all([...all, basic].map((one) => one.stop()))
})

await t.test('what is refused as it is is given up after a day, all else is not', async (t) => {
  const bad = await PageReceiver.start(
    'webhook',
    Array.from({ length: 50 }, () => 422),
  )
  const locked = await PageReceiver.start(
    'alertmanager',
    Array.from({ length: 50 }, () => 401),
  )
  let days = 0
  const wall = (): number => Date.now() + days * 86_400_000
  const play = async ({ notes, pager }: Played): Promise<void> => {
    tell(pager, 1)
    await until('both fail', () => pager.faults().length === 2)
    days = 2
    await until('one is given up', () => pager.faults().length === 1)
    t.match(pager.faults()[0], /alertmanager.*status 401/)
    t.match(notes.at(-1)?.text, /never took the opening of incident shop-1, .* status 422/)
    bad.plan = []
    end(pager, 1)
    await until('the end is told', () => bad.taken.length === 1)
  }
  await withPager(receiversOf([bad, locked]), play, { wall })
  await Promise.all([bad.stop(), locked.stop()])
})

await t.test(
  'a reload: who is new hears of what is open, who is gone holds up nothing',
  async (t) => {
    const [gone, fresh] = [await PageReceiver.start('slack'), await PageReceiver.start('pagerduty')]
    const refuses = { ...fresh.config(), url: 'http://127.0.0.1:1/v2/enqueue' }
    await gone.stop()
    const patient = { firstPauseMs: 60_000 }
    const play = async ({ directory, pager }: Played): Promise<void> => {
      tell(pager, 1)
      tell(pager, 2)
      end(pager, 2)
      await until('it cannot be told', () => pager.faults().length === 1)
      pager.configure([gone.config(), refuses])
      await until('neither can it', () => pager.faults().length === 2)
      pager.configure(receiversOf([fresh]))
      await until('it knows', () => fresh.opened.length === 1)
      end(pager, 1)
      await until('it knows the end', () => fresh.resolved.length === 1)
      t.strictSame(fresh.objections, [])
      await until('nothing is left', async () => (await filesOf(directory)).length === 0)
    }
    await withPager([gone.config()], play, patient)
    await fresh.stop()
  },
)

await t.test(
  'an alert that is open is sent again, for an Alertmanager that has forgotten',
  async (t) => {
    const manager = await PageReceiver.start('alertmanager')
    await withPager(
      receiversOf([manager]),
      async ({ pager }) => {
        tell(pager, 1)
        await until('it comes again', () => manager.taken.length >= 4)
        t.equal(manager.opened.length, 1, 'as the same alert')
        end(pager, 1)
        await until('it ends', () => manager.resolved.length === 1)
        const { length } = manager.taken
        await new Promise((resolve) => setTimeout(resolve, 80))
        t.equal(manager.taken.length, length, 'and stays so')
        t.strictSame(manager.objections, [])
      },
      { repeatMs: 20 },
    )
    await manager.stop()
  },
)

await t.test('the state of a service says what was decided and not told', async (t) => {
  const duty = await PageReceiver.start('pagerduty')
  await withPager(receiversOf([duty]), async (played) => {
    const { state } = blankDocument('shop')
    const openedAt = new Date().toISOString()
    const open: Incident = { version: 'v2', openedAt, severity: 'error', text: 'shop: v2 is bad' }
    played.pager.reconcile({ ...state, incidents: { 'shop-2': open } })
    await until('it is told', () => duty.opened.length === 1)
    await played.restart()
    played.pager.reconcile({ ...state, incidents: { 'shop-2': open } })
    tell(played.pager, 3)
    await until('another one', () => duty.opened.length === 2)
    t.equal(duty.taken.length, 2, 'the first is known to be told')
    played.pager.reconcile({ ...state, incidents: {} })
    await until('both ended meanwhile', () => duty.resolved.length === 2)
    tell(played.pager, 4)
    await until('a third', () => duty.opened.length === 3)
    played.pager.forgetOthers(new Set(['shop']))
    played.pager.forgetOthers(new Set(['cart']))
    await until('a service that is gone', () => duty.resolved.length === 3)
    t.strictSame(duty.objections, [])
  })
  await duty.stop()
})

await t.test('a damaged file is put aside and said; the others are told', async (t) => {
  const duty = await PageReceiver.start('pagerduty', [500, 500, 500])
  await withPager(receiversOf([duty]), async (played) => {
    tell(played.pager, 1)
    await until('the file', async () => (await filesOf(played.directory)).length === 1)
    await played.pager.close()
    for (const [name, text] of Object.entries({
      a: '{"form',
      b: '{}',
      c: '{"format":1,"incident":{}}',
    })) {
      await writeFile(join(played.directory, 'pages', `${name}.json`), text)
    }
    await played.restart()
    await until('it is told', () => duty.opened.length === 1)
    const said = played.notes
      .map(({ text }) => text)
      .filter((text) => text.startsWith('Cannot use'))
    t.equal(said.length, 3)
    t.match(said[0], /put aside as .*a\.json\.damaged-\d+$/)
  })
  await duty.stop()
})

await t.test('what waits has a bound: the oldest is let go, and it is said', async (t) => {
  await withPager([{ ...(await nobody()) }], async ({ directory, notes, pager }) => {
    for (let rollout = 1; rollout <= 205; rollout++) tell(pager, rollout)
    for (let page = 0; page < 50; page++) tell(pager, 100)
    t.match(pager.faults().at(-1), /^5 incidents were never told/)
    t.equal(notes.filter(({ text }) => /is let go as more than 200/.test(text)).length, 5)
    await pager.close()
    const names = await filesOf(directory)
    t.equal(names.length, 200)
    t.notOk(names.includes('shop-5.json'))
    const kept = await readFile(join(directory, 'pages', 'shop-100.json'), 'utf8')
    t.equal(kept.split('"action"').length - 1, 20)
  })
})

/** A receiver that is not there. */
async function nobody(): Promise<ReceiverConfig> {
  const receiver = await PageReceiver.start('slack')
  await receiver.stop()
  return receiver.config()
}
