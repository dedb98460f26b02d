// The journal on the disk: in order, numbered on, cut where a crash has cut it, and never too
// large.

import { appendFile, type FileHandle, open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { JournalFile } from '../../src/control/journal-file.ts'
import { readJournal } from '../../src/core/journal.ts'
import { removeDirectory, temporaryDirectory } from './node.ts'

function entry(text: string) {
  return { kind: 'weight', service: 'shop', epoch: 1, text, by: 'operator' } as const
}

await t.test('entries stand in their order and numbers go on after a restart', async (t) => {
  const directory = await temporaryDirectory()
  const path = join(directory, 'journal.jsonl')
  const first = await JournalFile.open({ directory, wall: () => 0 })
  const heard: number[] = []
  const stop = first.journal.onEntry(({ seq }) => heard.push(seq))
  await Promise.all(['a', 'b', 'c'].map((text) => first.journal.append(entry(text))))
  stop()
  await first.journal.append(entry('d'))
  await first.journal.close()
  t.same(heard, [1, 2, 3])
  await appendFile(path, '{"seq":5,"at":"19')
  const second = await JournalFile.open({ directory, wall: () => 0 })
  t.equal(second.torn, 17)
  await second.journal.append(entry('e'))
  await second.journal.close()
  const reading = readJournal(await readFile(path, 'utf8'))
  t.same(
    reading.entries.map(({ seq, text }) => `${seq}${text}`),
    ['1a', '2b', '3c', '4d', '5e'],
  )
  t.same([reading.tornBytes, reading.unreadable], [0, 0])
  await removeDirectory(directory)
})

await t.test('a listener that fails hides nothing from the others, and is told of', async (t) => {
  const directory = await temporaryDirectory()
  const { journal } = await JournalFile.open({ directory, wall: () => 0 })
  const heard: number[] = []
  journal.onEntry(({ seq }) => {
    if (seq === 1) throw new Error('no room')
  })
  journal.onEntry(({ seq, text }) => {
    heard.push(seq)
    if (text === 'b') void journal.append(entry('from a listener'))
  })
  await Promise.all(['a', 'b'].map((text) => journal.append(entry(text))))
  await journal.append(entry('c'))
  t.match(journal.fault, /entry 1 of the journal .* no room/)
  t.equal(journal.failure, null)
  void journal.append(entry('b'))
  journal.tell()
  t.same(heard, [1, 2, 3, 4, 5, 6], 'at once where somebody waits for it')
  await journal.close()
  await removeDirectory(directory)
})

await t.test('a full file is kept once and a new one goes on', async (t) => {
  const directory = await temporaryDirectory()
  const options = { directory, wall: () => 0, rotateBytes: 2000 }
  const { journal } = await JournalFile.open(options)
  for (let i = 0; i < 60; i++) await journal.append(entry(`entry ${i}`))
  await journal.close()
  for (const name of ['journal.jsonl', 'journal.1.jsonl']) {
    t.ok((await stat(join(directory, name))).size <= 2000, name)
  }
  const [older, newer] = await Promise.all(
    ['journal.1.jsonl', 'journal.jsonl'].map(async (name) => {
      const reading = readJournal(await readFile(join(directory, name), 'utf8'))
      return reading.entries.map(({ seq }) => seq)
    }),
  )
  t.equal(newer?.at(-1), 60)
  t.equal(newer?.[0], (older?.at(-1) ?? 0) + 1, 'no number is missing between the two')
  await removeDirectory(directory)
})

await t.test('a rotation just before a crash does not begin the numbers anew', async (t) => {
  const directory = await temporaryDirectory()
  await appendFile(join(directory, 'journal.1.jsonl'), '{"seq":7,"kind":"start"}\n')
  const { journal } = await JournalFile.open({ directory, wall: () => 0 })
  await journal.append(entry('next'))
  await journal.close()
  const reading = readJournal(await readFile(join(directory, 'journal.jsonl'), 'utf8'))
  t.equal(reading.entries[0]?.seq, 8)
  await removeDirectory(directory)
})

await t.test('a write that a full disk cuts off costs its own lines and no others', async (t) => {
  const directory = await temporaryDirectory()
  const { journal } = await JournalFile.open({ directory, wall: Date.now })
  const write = async (text: string): Promise<void> => {
    await journal.append(entry(text))
  }
  await write('one')
  // A disk that fills up cannot be had here, so the file's own write is cut off.
  const other = await open(join(directory, 'other'), 'a')
  const handle = Object.getPrototypeOf(other) as FileHandle
  const whole: FileHandle['appendFile'] = Reflect.get(handle, 'appendFile')
  handle.appendFile = async function cutOff(data): Promise<void> {
    await whole.call(this, (data as Buffer).subarray(0, 20))
    throw new Error('no space left')
  }
  await write('two')
  handle.appendFile = whole
  t.match(journal.failure, /no space left/)
  await write('three')
  await write('four')
  await journal.close()
  await other.close()
  const reading = readJournal(await readFile(join(directory, 'journal.jsonl')))
  t.same(
    reading.entries.map(({ text }) => text),
    ['one', 'three', 'four'],
  )
  t.equal(reading.unreadable, 0)
  await removeDirectory(directory)
})
