// `npm run fuzz`: random messages, right ones and broken ones, through our parsers and writers to
// Node's own parser, and through a real edge to a real Node server. Prints its seed; exit code 1
// when the two disagree about any message, with the smallest one that shows it.
//
//   --seconds 60    for how long, all parts together
//   --messages N    so many messages without sockets, however long they take
//   --seed N        the same messages again
//   --from N        beginning with this one
//   --wire          over sockets only

import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { fuzzAnswersOnWire } from './answer-wire.ts'
import { caseOf } from './case.ts'
import type { LoopReport, LoopWork } from './loop.ts'
import { described, quoted } from './shrink.ts'
import { fuzzWire, type WireReport } from './wire.ts'

/** When nothing moves for so long, the present message hangs. */
const HANGS_MS = 20_000
const COVERAGE_SHARE = 0.3
const WIRE_SHARE = 0.25
const ENOUGH_MESSAGES = 50_000

interface Plan {
  readonly seed: number
  readonly from: number
  readonly seconds: number
  readonly messages: number
  readonly wireOnly: boolean
}

function planOf(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '60' },
      messages: { type: 'string' },
      seed: { type: 'string' },
      from: { type: 'string', default: '0' },
      wire: { type: 'boolean', default: false },
    },
  })
  const number = (name: string, text: string): number => {
    const value = Number(text)
    if (Number.isSafeInteger(value) && value >= 0) return value
    throw new Error(`Cannot fuzz as --${name} must be a whole number: current value is ${text}`)
  }
  const chosen = Math.floor(Math.random() * 1_000_000_000)
  return {
    seed: number('seed', values.seed ?? `${chosen}`),
    from: number('from', values.from),
    seconds: number('seconds', values.seconds),
    messages: values.messages === undefined ? 0 : number('messages', values.messages),
    wireOnly: values.wire,
  }
}

type Part = Omit<LoopWork, 'present'>

/** Runs a part in a thread and watches it. */
function run(part: Part): Promise<LoopReport> {
  const present = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(new URL('./loop.ts', import.meta.url), {
    workerData: { ...part, present } satisfies LoopWork,
  })
  return new Promise((resolve, reject) => {
    let seen = -1
    const watch = setInterval(() => {
      const index = Atomics.load(present, 0)
      if (index === seen) {
        clearInterval(watch)
        void worker.terminate()
        reject(new Error(`Message ${index} of seed ${part.seed} hangs`))
      }
      seen = index
    }, HANGS_MS)
    worker.once('message', (report: LoopReport) => {
      clearInterval(watch)
      resolve(report)
    })
    worker.once('error', (error) => {
      clearInterval(watch)
      reject(error)
    })
  })
}

function rate({ messages, ms }: { readonly messages: number; readonly ms: number }): string {
  const count = messages.toLocaleString('en')
  const perSecond = Math.round((messages / Math.max(1, ms)) * 1000).toLocaleString('en')
  return `${count} messages in ${(ms / 1000).toFixed(1)} s (${perSecond}/s)`
}

function printFound(seed: number, report: LoopReport): void {
  for (const { index, wrong } of report.found) console.log(`\n${described(seed, index, wrong)}`)
}

async function branches(plan: Plan): Promise<boolean> {
  const ms = plan.seconds * 1000 * COVERAGE_SHARE
  const { from, seed } = plan
  const part = { seed, from, messages: 1_000_000, ms, coverage: true, byteByByte: false }
  const report = await run(part)
  printFound(seed, report)
  const { total, unreached } = report.coverage ?? { total: 0, unreached: [] }
  console.log(`branches     ${total - unreached.length} of ${total} reached by ${rate(report)}`)
  for (const place of unreached) console.log(`             not reached: ${place}`)
  // A slow machine has not had the time to reach what one message in ten thousand reaches.
  const enough = report.messages >= ENOUGH_MESSAGES
  return report.found.length === 0 && (unreached.length === 0 || !enough)
}

async function parsers(plan: Plan): Promise<boolean> {
  const { from, messages, seconds, seed } = plan
  const time = seconds * 1000 * (1 - COVERAGE_SHARE - WIRE_SHARE)
  const ms = messages > 0 ? Number.MAX_SAFE_INTEGER : time
  const limit = messages > 0 ? messages : Number.MAX_SAFE_INTEGER
  const report = await run({ seed, from, messages: limit, ms, coverage: false, byteByByte: true })
  printFound(seed, report)
  const { accepted, found } = report
  const share = Math.round((100 * accepted) / Math.max(1, report.messages))
  console.log(
    `parsers      ${rate(report)}, ${share} % accepted and read by both, ` +
      `${found.length} disagreements`,
  )
  // Of a few messages all may be bad ones.
  const few = report.messages > 1000 && share < 10
  if (few) console.log('             too few were accepted to mean much')
  return found.length === 0 && !few
}

async function wire(plan: Plan): Promise<boolean> {
  const { from, messages, seconds, seed, wireOnly } = plan
  const counted = wireOnly && messages > 0
  const ms = counted ? Number.MAX_SAFE_INTEGER : seconds * 1000 * (wireOnly ? 1 : WIRE_SHARE)
  const work = { seed, from, messages: counted ? messages : Number.MAX_SAFE_INTEGER, ms: ms / 2 }
  const requests = await fuzzWire(work)
  printWire('wire', seed, requests)
  const answers = await fuzzAnswersOnWire(work)
  printWire('wire answers', seed, answers)
  return requests.found.length + answers.found.length === 0
}

function printWire(name: string, seed: number, report: WireReport): void {
  for (const { index, wrong } of report.found) {
    const row = index < 0 ? '' : `\n  row('…', ${quoted(caseOf(seed, index).text)}, …)`
    console.log(`\nover the wire, message ${index} of seed ${seed}: ${wrong}${row}`)
  }
  const { found, refused, requests } = report
  const counts = `${requests} requests at the server, ${refused} refusals`
  console.log(`${name.padEnd(13)}${rate(report)}, ${counts}, ${found.length} disagreements`)
}

const plan = planOf(process.argv.slice(2))
console.log(`seed         ${plan.seed}`)
const results: boolean[] = []
if (!plan.wireOnly) {
  results.push(await parsers(plan))
  // A replay of a few messages is no measure of what a run reaches.
  if (plan.messages === 0 || plan.messages > 10_000) results.push(await branches(plan))
}
if (plan.wireOnly || plan.messages === 0 || plan.messages > 10_000) results.push(await wire(plan))
if (results.includes(false)) process.exitCode = 1
