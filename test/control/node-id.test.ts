// A node's identity: made once, kept through everything that leaves the file whole, and made anew
// when the file is damaged.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readNodeId } from '../../src/control/node-id.ts'
import { removeDirectory, temporaryDirectory } from './node.ts'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

async function directoryFor(t: Test): Promise<string> {
  const directory = await temporaryDirectory()
  t.teardown(() => removeDirectory(directory))
  return directory
}

await t.test('an id is made once, and is another one in another directory', async (t) => {
  const directory = await directoryFor(t)
  const first = await readNodeId(directory)
  t.match(first, { id: UUID, complaint: null })
  t.strictSame(await readNodeId(directory), first)
  t.not((await readNodeId(await directoryFor(t))).id, first.id)
  t.strictSame(await readdir(directory), ['node.json'])
})

await t.test('what a crash left beside the file is no id', async (t) => {
  const directory = await directoryFor(t)
  await writeFile(join(directory, 'node.json.new'), '{"format":1,"id":"0000')
  const { complaint, id } = await readNodeId(directory)
  t.equal(complaint, null)
  t.equal((await readNodeId(directory)).id, id)
})

await t.test('a damaged file is put aside with a sentence, and a new id is kept', async (t) => {
  const good = '00000000-0000-4000-8000-000000000000'
  const damages = {
    '': 'it is no JSON',
    '{"format":1,"id":"0000': 'it is no JSON',
    null: 'its format is undefined, not 1',
    [`{"format":2,"id":"${good}"}`]: 'its format is 2, not 1',
    '{"format":1}': 'it holds no UUID',
    '{"format":1,"id":"../../etc"}': 'it holds no UUID',
  }
  for (const [text, rule] of Object.entries(damages)) {
    const directory = await directoryFor(t)
    const path = join(directory, 'node.json')
    await writeFile(path, text)
    const aside = `${path}.damaged-7`
    t.strictSame(await readNodeId(directory, { wall: () => 7, create: () => good }), {
      id: good,
      complaint:
        `Cannot use the saved identity of this node as ${rule}: it was put aside as ${aside}, ` +
        'and the node has a new one',
    })
    t.equal(await readFile(aside, 'utf8'), text)
    t.strictSame(await readNodeId(directory), { id: good, complaint: null })
  }
})

await t.test('a directory that cannot hold it is said in one sentence', async (t) => {
  const directory = await directoryFor(t)
  const refused = /^Cannot keep the identity of this node as the system refuses: E/
  await t.rejects(readNodeId(join(directory, 'none')), { message: refused })
  await mkdir(join(directory, 'node.json'))
  await t.rejects(readNodeId(directory), { message: refused })
})
