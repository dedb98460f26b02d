import { appendFile, link, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { request } from 'undici'
import { readJournalPage } from '../../src/admin/journal-file.ts'
import type { JournalEntry } from '../../src/core/journal.ts'
import { call, entry, startAdmin } from './harness.ts'

const admin = await startAdmin()
t.teardown(() => admin.stop())
const current = join(admin.stateDir, 'journal.jsonl')
const rotated = join(admin.stateDir, 'journal.1.jsonl')

function lines(entries: readonly JournalEntry[]): string {
  return entries.map((one) => `${JSON.stringify(one)}\n`).join('')
}

function range(from: number, to: number, change: Partial<JournalEntry> = {}): JournalEntry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, change))
}

async function page(query: string) {
  const { status, json } = await call(`${admin.url}/v1/journal${query}`)
  const { entries, next, last } = json as unknown as {
    entries: JournalEntry[]
    next: number | null
    last: number | null
  }
  return { status, seqs: entries?.map(({ seq }) => seq), next, last }
}

await t.test('without files the journal is empty', async (t) => {
  t.same(await page(''), { status: 200, seqs: [], next: null, last: null })
  t.same(await page('?after=3'), { status: 200, seqs: [], next: null, last: null })
})

await t.test('pages run over both files, and a torn last line is left out', async (t) => {
  await writeFile(rotated, lines(range(1, 5)))
  await writeFile(current, `${lines(range(6, 8))}{"seq":9,"at":"2026-`)
  t.same(await page(''), { status: 200, seqs: [1, 2, 3, 4, 5, 6, 7, 8], next: null, last: 8 })
  t.same(await page('?limit=4'), { status: 200, seqs: [5, 6, 7, 8], next: null, last: 8 })
  t.same(await page('?after=0&limit=3'), { status: 200, seqs: [1, 2, 3], next: 3, last: 3 })
  t.same(await page('?after=3&limit=3'), { status: 200, seqs: [4, 5, 6], next: 6, last: 6 })
  t.same(await page('?after=6&limit=3'), { status: 200, seqs: [7, 8], next: null, last: 8 })
  t.same(await page('?after=8'), { status: 200, seqs: [], next: null, last: null })
})

await t.test('entries are chosen by service and by kind', async (t) => {
  await writeFile(rotated, '')
  await writeFile(
    current,
    lines([
      entry(1),
      entry(2, { service: 'cart' }),
      entry(3, { kind: 'evidence' }),
      entry(4, { service: null, kind: 'start' }),
      entry(5, { kind: 'rolled-back' }),
    ]),
  )
  t.same((await page('?service=shop')).seqs, [1, 3, 5])
  t.same((await page('?service=cart&after=0')).seqs, [2])
  t.same((await page('?kind=raise,rolled-back&service=shop')).seqs, [1, 5])
  t.same((await page('?kind=rolled-back&limit=1&after=0')).last, 5)
  const wrong = await call(`${admin.url}/v1/journal?kind=raised`)
  t.equal(wrong.status, 400)
  t.match(JSON.stringify(wrong.json?.allowed), /"raise"/)
  const nobody = await call(`${admin.url}/v1/journal?service=nosvc`)
  t.equal(nobody.status, 404, 'an empty page would look as if nothing had happened')
  t.match(nobody.json, { type: 'urn:vertex:problem:unknown-service', allowed: ['shop'] })
  const live = await call(`${admin.url}/v1/events?service=nosvc`)
  t.equal(live.status, 404)
  for (const query of ['after=-1', 'after=x', 'limit=0', 'limit=1001', 'before=1']) {
    t.equal((await call(`${admin.url}/v1/journal?${query}`)).status, 400, query)
  }
})

await t.test('in a long journal any place is found', async (t) => {
  const text = 'x'.repeat(300)
  await writeFile(rotated, lines(range(1, 9000, { text })))
  await writeFile(current, lines(range(9001, 12_000, { text })))
  for (const after of [0, 1, 499, 4321, 8998, 8999, 9000, 9001, 11_998]) {
    const seqs = [after + 1, after + 2]
    t.same((await page(`?after=${after}&limit=2`)).seqs, seqs)
  }
  t.same((await page('?limit=3')).seqs, [11_998, 11_999, 12_000])
  let after = 0
  let seen = 0
  for (;;) {
    const { seqs, next } = await page(`?after=${after}&limit=1000`)
    seen += seqs.length
    if (next === null) break
    after = next
  }
  t.equal(seen, 12_000)
})

await t.test('around every place that the search looks at, no entry is skipped', async (t) => {
  const sizes = range(1, 9000, { text: 'x'.repeat(300) }).map((one) => lines([one]).length)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const wrong: number[] = []
  let at = 0
  for (const [i, size] of sizes.entries()) {
    // Halving a file in 32 parts looks at these places and at no others.
    const part = Math.floor(((at + size) / total) * 32)
    if (part !== Math.floor((at / total) * 32)) {
      for (let after = i - 2; after < i + 8; after++) {
        const ask = { after, limit: 2, wanted: () => true }
        const { entries } = await readJournalPage(admin.stateDir, ask)
        if (entries.map(({ seq }) => seq - after).join() !== '1,2') wrong.push(after)
      }
    }
    at += size
  }
  t.same(wrong, [])
})

await t.test('a file that is seen under both names in a rotation is read once', async (t) => {
  const stateDir = t.testdir({ 'journal.jsonl': lines(range(1, 3)) })
  await link(join(stateDir, 'journal.jsonl'), join(stateDir, 'journal.1.jsonl'))
  for (const after of [null, 0]) {
    const { entries } = await readJournalPage(stateDir, { after, limit: 9, wanted: () => true })
    t.same(entries, range(1, 3))
  }
})

/** Reads a stream until `enough` of its text has come, then gives it up. */
async function listen(
  path: string,
  options: {
    headers?: Record<string, string>
    enough: (text: string) => boolean
    open?: () => void
  },
) {
  const { headers = {}, enough, open } = options
  const abort = new AbortController()
  const answer = await request(admin.url + path, { headers, signal: abort.signal })
  let text = ''
  try {
    for await (const chunk of answer.body) {
      if (text === '') open?.()
      text += chunk
      if (enough(text)) break
    }
  } finally {
    abort.abort()
  }
  const ids = [...text.matchAll(/^id: (\d+)\nevent:/gm)].map(([, id]) => Number(id))
  return { ids, text, type: answer.headers['content-type'] }
}

await t.test('a listener that comes back misses nothing and hears nothing twice', async (t) => {
  await appendFile(current, lines(range(12_001, 12_500)))
  // 12,498 to 12,500 are in the file and told; 12,501 and 12,502 are told and not yet in the file.
  for (const one of range(12_498, 12_502)) admin.tell({ tell: 'event', entry: one })
  const { ids } = await listen('/v1/events', {
    headers: { 'last-event-id': '11900' },
    open: () => admin.tell({ tell: 'event', entry: entry(12_503) }),
    enough: (so) => so.includes('id: 12503\n'),
  })
  t.same(
    ids,
    range(11_901, 12_503).map(({ seq }) => seq),
  )
})

await t.test('events are told live', async (t) => {
  const { ids, text, type } = await listen('/v1/events', {
    open: () => {
      admin.tell({ tell: 'event', entry: entry(20_001) })
      admin.tell({ tell: 'event', entry: entry(20_002, { kind: 'rolled-back' }) })
    },
    enough: (so) => so.includes('id: 20002\n') && so.endsWith('\n\n'),
  })
  t.match(type, 'text/event-stream')
  t.same(ids, [20_001, 20_002])
  t.match(text, /^: connected\nid: 12503\n\n/, 'and where to go on when none had come')
  t.ok(
    text.includes(
      `event: rolled-back\ndata: ${JSON.stringify(entry(20_002, { kind: 'rolled-back' }))}\n`,
    ),
  )
})

await t.test('a stream can be narrowed to one service', async (t) => {
  const { ids } = await listen('/v1/events?service=shop', {
    open: () => {
      admin.tell({ tell: 'event', entry: entry(30_001, { service: 'cart' }) })
      admin.tell({ tell: 'event', entry: entry(30_002) })
    },
    enough: (so) => so.includes('id: 30002\n'),
  })
  t.same(ids, [30_002])
})

await t.test('streams are bounded in number, and end when the thread stops', async (t) => {
  const other = await startAdmin()
  const streams = await Promise.all(
    Array.from({ length: 32 }, () => request(`${other.url}/v1/events`)),
  )
  const refused = await call(`${other.url}/v1/events`)
  t.equal(refused.status, 503)
  t.match(refused.json, { type: 'urn:vertex:problem:too-many-streams' })
  const texts = streams.map(({ body }) => body.text())
  t.equal(await other.stop(), 0)
  t.match(await Promise.all(texts), Array(32).fill(/^: connected/))
})
