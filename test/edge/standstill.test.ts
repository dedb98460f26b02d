// A process that stands still for a while (a stopped container, a machine that swaps) finds
// everything at once when it goes on: what has come meanwhile, and what is overdue by its clock.
// What has come counts: no target is to blame for our own standstill.

import { type ChildProcess, fork } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { unfollowed } from '../../bench/lab/children.ts'
import { answering, eventually, type Origin, startOrigin } from './harness.ts'
import { get, open, post } from './wire.ts'

const children: ChildProcess[] = []
const origins: Origin[] = []
t.teardown(async () => {
  for (const child of children) child.kill('SIGKILL')
  await Promise.all(origins.map((origin) => origin.close()))
})

async function startTarget(handler: Parameters<typeof startOrigin>[0]): Promise<Origin> {
  const origin = await startOrigin(handler)
  origins.push(origin)
  return origin
}

/** What the process of the edge says. */
interface Words {
  readonly port: number
  readonly counts: object
  readonly notes: readonly string[]
  readonly replaced: readonly string[]
}

/** An edge that can be stopped. */
class EdgeProcess {
  readonly #child: ChildProcess

  constructor(originPort: number, responseHeadMs: number) {
    const script = join(import.meta.dirname, 'standstill.ts')
    const { NODE_COMPILE_CACHE, PATH } = process.env
    const { args, file } = unfollowed([process.execPath])
    this.#child = fork(script, [String(originPort), String(responseHeadMs)], {
      env: { NODE_COMPILE_CACHE, PATH },
      execPath: file,
      execArgv: args,
    })
    children.push(this.#child)
  }

  /** What it says next. */
  next(): Promise<Words> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`It has ended: ${code}`))
      this.#child.once('exit', onExit)
      this.#child.once('message', (words) => {
        this.#child.off('exit', onExit)
        resolve(words as Words)
      })
    })
  }

  /** What it has counted, once it has so many clients and has counted so many answers. */
  counted(wanted: { clients: number; answers: number }): Promise<Words> {
    this.#child.send(wanted)
    return this.next()
  }

  /** Returns when all its threads stand still. */
  async stop(): Promise<void> {
    this.#child.kill('SIGSTOP')
    const tasks = `/proc/${this.#child.pid}/task`
    await eventually(() => readdirSync(tasks).every((task) => isStopped(`${tasks}/${task}/stat`)))
  }

  goOn(): void {
    this.#child.kill('SIGCONT')
  }
}

/** Whether the state in such a file of the Linux kernel, behind the command, is T. */
function isStopped(statFile: string): boolean {
  const text = readFileSync(statFile, 'latin1')
  return text.slice(text.lastIndexOf(')') + 2).startsWith('T')
}

await t.test('answers that came during a standstill are not late', async (t) => {
  const LIMIT_MS = 800
  const held: (() => void)[] = []
  const target = await startTarget((socket, request, count) => {
    held.push(() => answering('ok')(socket, request, count))
  })
  const edge = new EdgeProcess(target.port, LIMIT_MS)
  const { port } = await edge.next()
  const clients = await Promise.all(Array.from({ length: 20 }, () => open(port)))
  for (const client of clients) client.send(get())
  await eventually(() => held.length === 20)
  await edge.stop()
  const since = performance.now()
  for (const answer of held) answer()
  await eventually(() => performance.now() - since > LIMIT_MS + 100)
  edge.goOn()
  for (const client of clients) {
    const { head, status } = await client.answer()
    t.equal(status, 200, head)
  }
  const { counts, notes, replaced } = await edge.counted({ clients: 20, answers: 20 })
  t.same(counts, { ok: 20, evidenceGood: 20 })
  t.same([notes, replaced], [[], []])
  for (const client of clients) client.destroy()
})

// libuv takes 1024 events at a time and looks again in the same turn when there were as many. So
// the answer to what is written in its middle, since it was asked for ahead of a large answer, may
// come in the turn of its request, and is no poison.
await t.test('an answer that comes in a crowded turn is taken', async (t) => {
  const IDLE = 1300
  const large = answering('x'.repeat(8192))
  let release = (): void => undefined
  const target = await startTarget((socket, request, count) => {
    if (!request.startsWith('GET /large ')) return answering('ok')(socket, request, count)
    release = () => large(socket, request, count)
  })
  const edge = new EdgeProcess(target.port, 4000)
  const { port } = await edge.next()
  const idle = []
  for (let i = 0; i < IDLE; i += 100) {
    idle.push(...(await Promise.all(Array.from({ length: 100 }, () => open(port)))))
  }
  const [client, other] = [await open(port), await open(port)]
  client.send(get('/large'))
  await eventually(() => target.requests.length === 1)
  t.equal((await other.ask(get())).status, 200, 'a connection to the target waits')
  client.send(post('order'))
  t.equal((await other.ask(get('/__ready'))).status, 200, 'the edge has read the order')
  await edge.stop()
  release() // first in line
  await Promise.all(
    idle.map(({ socket }) => new Promise<void>((resolve) => void socket.end(resolve))),
  )
  edge.goOn()
  t.equal((await client.answer()).status, 200)
  t.equal((await client.answer()).body, 'ok')
  t.equal(target.requests.length, 3)
  const { counts, notes, replaced } = await edge.counted({ clients: 2, answers: 3 })
  t.same(counts, { ok: 3, evidenceGood: 3 })
  t.same([notes, replaced], [[], []])
  client.destroy()
  other.destroy()
})
