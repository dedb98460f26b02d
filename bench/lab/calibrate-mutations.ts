// A test that cannot fail shows nothing. Each mutation here breaks the rule in a way that a
// plausible mistake would, in a copy of the sources in a temporary folder, and a named test of
// `npm test` must turn red on it. All copies are made of one that was taken at the beginning, in
// which the same tests must be green, so nobody who works on the sources meanwhile disturbs it or
// is disturbed. A mutation whose place is no longer found in the sources is reported as a failure,
// so that the list follows the code.

import { spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Measured } from './calibrate-bars.ts'

const ROOT = new URL('../..', import.meta.url).pathname
const COPIED = ['src', 'test', 'bench/lab', 'config', 'package.json', 'tsconfig.json']
const TEST_LIMIT_MS = 120_000

interface Mutation {
  readonly name: string
  readonly file: string
  /** What is replaced, each once: it must be there exactly once. */
  readonly change: readonly (readonly [from: string, to: string])[]
  readonly test: string
}

const MUTATIONS: readonly Mutation[] = [
  {
    name: 'stale w after a raise: the weight before it stays',
    file: 'src/core/verdict/weights.ts',
    change: [
      [
        'return { current: change.weight, past }',
        `const isRaised = change.weight > log.current && log.current > 0
  return { current: isRaised ? log.current : change.weight, past }`,
      ],
    ],
    test: 'test/core/verdict-harmless.test.ts',
  },
  {
    name: 'Σγ = 2',
    file: 'src/core/verdict/schedule.ts',
    change: [
      ['const RAISES = 0.7', 'const RAISES = 1.4'],
      ['const TIME = 0.3', 'const TIME = 0.6'],
    ],
    test: 'test/core/verdict-theory.test.ts',
  },
  {
    name: 'γ of time is used up after a quarter of an hour',
    file: 'src/core/verdict/schedule.ts',
    change: [
      [
        'const blocks = ms / 1000 / FIRST_BLOCK_SECONDS',
        `if (ms >= 0) return TIME * Math.min(1, ms / 1000 / FIRST_BLOCK_SECONDS)
  const blocks = ms / 1000 / FIRST_BLOCK_SECONDS`,
      ],
    ],
    test: 'test/core/verdict-power.test.ts',
  },
  {
    name: 'evidence begins anew every minute',
    file: 'src/core/verdict/evidence.ts',
    change: [
      [
        'export function foldTick(evidence: Evidence, tick: Tick, trigger: Trigger): Evidence {',
        `export function foldTick(known: Evidence, tick: Tick, trigger: Trigger): Evidence {
  const minute = (ms: number): number => Math.floor(ms / 60_000)
  const isNew = minute(known.elapsedMs + tick.nowMs - known.seenMs) > minute(known.elapsedMs)
  const anew = { absolute: noScores(ABSOLUTE_TIMES), relative: noScores(ERROR_TIMES) }
  const evidence = isNew ? { ...known, ...anew, tail: noScores(TAIL_TIMES) } : known`,
      ],
    ],
    test: 'test/core/verdict-power.test.ts',
  },
  {
    name: 'successes are dropped',
    file: 'src/core/verdict/evidence.ts',
    change: [['good: candidate.good,', 'good: 0,']],
    test: 'test/core/verdict-calibration.test.ts',
  },
  {
    name: 'a rescue is counted for stable',
    file: 'src/edge/record.ts',
    change: [
      [
        'if (!this.#userError) this.edge.count(this.slot, TALLY.rescued)',
        `if (!this.#userError) this.edge.count(this.slot, TALLY.rescued)
    for (const slot of this.edge.rescuesInFlight.keys()) this.edge.count(slot, TALLY.evidenceGood)`,
      ],
    ],
    test: 'test/edge/rescue.test.ts',
  },
  {
    name: 'a raise needs time alone, no proof',
    file: 'src/core/verdict/readiness.ts',
    change: [
      [
        'function dataHold(',
        'function dataHold(_: Standstill): null {\n  return null\n}\n\nfunction unused(',
      ],
    ],
    test: 'test/core/verdict-promotion.test.ts',
  },
  {
    name: 'a message that comes twice adds twice',
    file: 'src/core/counters.ts',
    change: [
      ['message.number <= before.number', 'message.number < before.number'],
      ['difference(message.candidate, before?.candidate ?? NO_COUNTS)', 'message.candidate'],
    ],
    test: 'test/core/counters.test.ts',
  },
]

export interface Turned extends Measured {
  readonly name: string
}

type Colour = 'green' | 'red' | 'broken'

/**
 * What a test file says in a copy of the project. Red is only an assertion that does not hold: a
 * file that cannot even be loaded shows nothing, nor does one that only was too slow.
 */
function runTest(folder: string, test: string): Promise<Colour> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [test], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: TEST_LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    let isRed = false
    createInterface({ input: child.stdout }).on('line', (line) => {
      // The tests around what failed say "not ok" as well, with their time and whatever the reason.
      if (/^ *not ok /.test(line) && !/timeout!|# time=/.test(line)) isRed = true
    })
    child.on('error', reject)
    child.on('close', (code) => resolve(code === 0 ? 'green' : isRed ? 'red' : 'broken'))
  })
}

async function copyOf(root: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vertex-mutation-'))
  for (const part of COPIED) await cp(join(root, part), join(folder, part), { recursive: true })
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  return folder
}

function mutated(text: string, { change }: Mutation): string | null {
  let next = text
  for (const [from, to] of change) {
    if (next.split(from).length !== 2) return null
    next = next.replace(from, () => to)
  }
  return next
}

function turned(mutation: Mutation, seen: { result: string; pass: boolean }): Turned {
  const what = mutation.test
  return { name: mutation.name, what, limit: 'red, and green without it', ...seen }
}

/** The project as it is now, and what its tests say of it: each is asked once. */
interface Original {
  readonly folder: string
  readonly colours: Map<string, Promise<Colour>>
}

function colourOf({ colours, folder }: Original, test: string): Promise<Colour> {
  const colour = colours.get(test) ?? runTest(folder, test)
  colours.set(test, colour)
  return colour
}

async function tryMutation(original: Original, mutation: Mutation): Promise<Turned> {
  const text = mutated(await readFile(join(original.folder, mutation.file), 'utf8'), mutation)
  if (text === null) {
    return turned(mutation, { result: 'its place is not in the sources', pass: false })
  }
  const before = await colourOf(original, mutation.test)
  if (before !== 'green') return turned(mutation, { result: `${before} without it`, pass: false })
  const folder = await copyOf(original.folder)
  try {
    await writeFile(join(folder, mutation.file), text)
    const result = await runTest(folder, mutation.test)
    return turned(mutation, { result, pass: result === 'red' })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Test 11: tries every mutation, as many at a time as there are cores. */
export async function mutationsTurnRed(): Promise<readonly Turned[]> {
  const results: Turned[] = []
  const queue = [...MUTATIONS]
  const original = { folder: await copyOf(ROOT), colours: new Map<string, Promise<Colour>>() }
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      results.push(await tryMutation(original, next))
    }
  }
  try {
    await Promise.all(Array.from({ length: availableParallelism() }, lane))
  } finally {
    await rm(original.folder, { recursive: true, force: true })
  }
  return MUTATIONS.flatMap(({ name }) => results.find((one) => one.name === name) ?? [])
}
