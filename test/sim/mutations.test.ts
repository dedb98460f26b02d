// A simulation that finds nothing shows nothing. Each mutation breaks the protocol as a plausible
// mistake would, in a copy of the sources in a temporary folder, and the simulation must find it
// within a bounded number of runs. A mutation whose place is not in the sources any more fails, so
// that the list follows the code.

import { spawn } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '..', '..')
const COPIED = ['src/core', 'test/sim', 'test/core/random.ts', 'test/core/rollout-play.ts']

interface Mutation {
  readonly name: string
  readonly file: string
  /** What is replaced, each once: it must be there exactly once. */
  readonly change: readonly (readonly [from: string, to: string])[]
  /** It must be found within so many runs. */
  readonly runs: number
}

const MUTATIONS: readonly Mutation[] = [
  {
    name: 'no fencing, no compare and set',
    file: 'test/sim/redis.ts',
    change: [
      ['lease !== null && lease < held.lease', 'lease !== null && lease < 0'],
      [
        "if (!samePosition(held?.position ?? null, expected)) return { result: 'conflict', stored: held }",
        '',
      ],
      ['if (held !== null && epoch < held.position.epoch) {', 'if (epoch < 0) {'],
    ],
    runs: 300,
  },
  {
    name: 'no tombstones',
    file: 'src/core/fleet/stones.ts',
    change: [
      [
        '(from.tombstones ?? []).filter((stone) => !hasTombstone(document.state, stone))',
        '(from.tombstones ?? []).filter((stone) => hasTombstone(document.state, stone))',
      ],
    ],
    runs: 300,
  },
  {
    name: 'no term',
    file: 'test/sim/redis.ts',
    change: [
      [
        'return Math.max(known, (nowMs + this.#aheadMs) * 1000) + 1 + this.#salt',
        'return known < 0 ? nowMs : 1',
      ],
    ],
    runs: 300,
  },
  {
    name: 'revisions that are not above both',
    file: 'src/core/fleet/reconcile.ts',
    change: [
      [
        'Math.max(whole.state.epoch, ours.state.epoch + 1, theirs.state.epoch + 1)',
        'Math.max(whole.state.epoch, theirs.state.epoch + 1)',
      ],
      [
        'const isExact = isTheirs && theirs.state.epoch > ours.state.epoch',
        'const isExact = isTheirs',
      ],
    ],
    runs: 300,
  },
  {
    name: 'a raise is proposed without the lease',
    file: 'src/core/fleet/replica.ts',
    change: [['if (lease === null && this.isRaised) {', 'if (lease !== null && lease < 0) {']],
    runs: 300,
  },
  {
    name: 'counts are not saved with their evidence',
    file: 'src/core/fleet/replica.ts',
    change: [['countersFor(this.#document, body.counters)', 'null']],
    runs: 300,
  },
  {
    name: 'what does not hold is not said',
    file: 'src/core/fleet/reconcile.ts',
    change: [['if (!isDirty) return []', 'if (isDirty || !isDirty) return []']],
    runs: 300,
  },
  {
    name: 'what Redis has lost is not put back',
    file: 'src/core/fleet/reconcile.ts',
    change: [
      [
        'return isTheirs ? adopted(known, stored, now) : restored(known, now)',
        'return adopted(known, stored, now)',
      ],
    ],
    runs: 300,
  },
]

async function copyOf(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vertex-fleet-'))
  await mkdir(join(folder, 'test', 'core'), { recursive: true })
  for (const part of COPIED) await cp(join(ROOT, part), join(folder, part), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

/** What the simulation says: the first broken invariant, or null. */
function firstBroken(folder: string, runs: number): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [join('test', 'sim', 'replay.ts'), '1', String(runs), 'first'],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    let told = ''
    child.stdout.on('data', (data: Buffer) => {
      told += data.toString()
    })
    child.stderr.on('data', (data: Buffer) => {
      told += data.toString()
    })
    child.on('error', reject)
    child.on('close', (code) => {
      const found = /^seed .*$/m.exec(told)
      if (code === 0 || found !== null) resolve(found?.[0] ?? null)
      else reject(new Error(`the simulation cannot run: ${told}`))
    })
  })
}

async function mutate(folder: string, { change, file }: Mutation): Promise<boolean> {
  let text = await readFile(join(folder, file), 'utf8')
  for (const [from, to] of change) {
    if (text.split(from).length !== 2) return false
    text = text.replace(from, () => to)
  }
  await writeFile(join(folder, file), text)
  return true
}

for (const mutation of MUTATIONS) {
  await t.test(mutation.name, async (t) => {
    const folder = await copyOf()
    try {
      t.ok(await mutate(folder, mutation), 'its place is in the sources')
      const found = await firstBroken(folder, mutation.runs)
      t.not(found, null, `is found within ${mutation.runs} runs`)
      t.comment(found ?? '')
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  })
}
