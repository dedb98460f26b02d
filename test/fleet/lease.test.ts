// The lease among real processes, which are killed and paused: another node takes over within three
// seconds, and at no moment do two of them lead.

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { RedisServer, type TestScope, until } from './redis-server.ts'

/** Milliseconds between two lines of one process that still belong together. */
const GAP_MS = 100

interface Reign {
  readonly node: string
  readonly lease: number
  readonly fromMs: number
  toMs: number
}

class Holder {
  readonly node: string
  readonly child: ChildProcess
  readonly reigns: Reign[] = []

  constructor(t: TestScope, { node, port }: { node: string; port: number }) {
    this.node = node
    const program = join(import.meta.dirname, 'holder-process.ts')
    this.child = spawn(process.execPath, [program, node, String(port)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    t.teardown(() => this.kill())
    let rest = ''
    this.child.stdout?.on('data', (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#read(line)
    })
  }

  /** It has said so within the last moments. */
  get leadsNow(): boolean {
    const nowMs = Number(process.hrtime.bigint()) / 1e6
    return nowMs - (this.reigns.at(-1)?.toMs ?? 0) < GAP_MS
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = new Promise((resolve) => this.child.on('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
  }

  #read(line: string): void {
    const [at, lease] = line.split(' ').map(Number)
    const ms = (at ?? 0) / 1e6
    const last = this.reigns.at(-1)
    if (last !== undefined && last.lease === lease && ms - last.toMs < GAP_MS) last.toMs = ms
    else this.reigns.push({ node: this.node, lease: lease ?? 0, fromMs: ms, toMs: ms })
  }
}

await t.test('one leads, whoever is killed or paused', async (t) => {
  const server = await RedisServer.start(t)
  const holders = ['a', 'b', 'c'].map((node) => new Holder(t, { node, port: server.port }))
  const leader = (): Holder | undefined => holders.find((holder) => holder.leadsNow)
  const another = (than: Holder | undefined): boolean => {
    return leader() !== undefined && leader() !== than
  }
  await until('one leads', { is: () => leader() !== undefined })

  const first = leader()
  await first?.kill()
  await until('another leads', { is: () => another(first), withinMs: 3_000 })

  const second = leader()
  second?.child.kill('SIGSTOP')
  await until('a third leads', { is: () => another(second), withinMs: 3_000 })
  second?.child.kill('SIGCONT')

  server.pause()
  await until('nobody leads', { is: () => leader() === undefined, withinMs: 2_000 })
  server.resume()
  await until('one leads again', { is: () => leader() !== undefined, withinMs: 3_000 })
  await sleep(300) // what both might say at once has to be seen

  const reigns = holders.flatMap((holder) => holder.reigns)
  reigns.sort((one, other) => one.fromMs - other.fromMs)
  const overlaps = reigns.flatMap((reign, index) => {
    const next = reigns[index + 1]
    return next !== undefined && next.fromMs <= reign.toMs ? [[reign, next]] : []
  })
  t.strictSame(overlaps, [], 'never two at once')
  const leases = reigns.map(({ lease }) => lease)
  t.strictSame(
    leases,
    leases.toSorted((one, other) => one - other),
    'numbers only grow',
  )
  t.ok(reigns.length >= 3, 'each has led in its turn')
})
