// `vertex demo`: two deployments in front of one's eyes, one that goes well and one that does not.
// Everything is real: app servers, a Vertex and the operator's calls to its admin API are separate
// processes and real HTTP; only the users are played by this process. The story is checked while it
// is told: when it does not come true, the demo says so and ends with 1. With a fleet three nodes
// agree through a Redis, and the operator speaks with the one that leads.

import { setTimeout as sleep } from 'node:timers/promises'
import type { ServiceView } from '../core/command.ts'
import { type Explanation, isExplanation } from '../core/explanation.ts'
import type { JournalEntry } from '../core/journal.ts'
import type { AppBehaviour } from '../demo/app.ts'
import { missingRedis, startFleet } from '../demo/fleet.ts'
import { Screen } from '../demo/screen.ts'
import { type App, type Addresses, Stage } from '../demo/stage.ts'
import { Traffic } from '../demo/traffic.ts'

const REQUESTS_PER_SECOND = 1000
const APP_LATENCY_MS = 20
const POLL_MS = 100
const ONCE_LIMIT_MS = 100_000
/** On a busy machine slow requests come in heaps, and the proof of latency takes its time. */
const PROMOTED_MS = 70_000
const PAGE_LIMIT_MS = 8000
const TOLD_KINDS = ['rollout', 'raise', 'hold', 'promoted', 'rolled-back', 'quarantine']

const ENDING_KINDS = ['promoted', 'rolled-back', 'aborted']

/**
 * Short windows and weak proof; a real node keeps the defaults of 30 s, 60 s and a warm-up of 10 s.
 * One process of an app on a busy machine has slow requests in heaps, hence the wide limit of p99.
 */
const STRATEGY = {
  type: 'canary',
  steps: [
    { weight: '5%', observe: '3s' },
    { weight: '25%', observe: '3s' },
    { weight: '100%', observe: '2s' },
  ],
  bake: '2s',
  warm_up: '1s',
  min_requests: 20,
  beta: 0.2,
  rollback_trigger: { error_rate_threshold: '0.1%', p99_latency_increase: '100%' },
}

interface Fault {
  readonly what: string
  readonly behaviour: Partial<AppBehaviour>
  /** The step at which it shows. */
  readonly step: number
}

const FIRST_FAULT: Fault = {
  what: 'now fails every request: its database password has expired',
  behaviour: { errorRate: 1 },
  step: 1,
}
const FAULTS: readonly Fault[] = [
  { what: 'now fails one request in five', behaviour: { errorRate: 0.2 }, step: 1 },
  { what: 'has become four times slower', behaviour: { latencyMultiplier: 4 }, step: 2 },
  FIRST_FAULT,
]

/** The story did not come true; the message is for the user. */
class Broken extends Error {}

/** The rollout is over and the journal has said so, which takes a write to the disk longer. */
function hasEnded(view: ServiceView, told: readonly JournalEntry[]): boolean {
  const said = told.some((entry) => ENDING_KINDS.includes(entry.kind))
  return view.rollout === null && view.ended !== null && said
}

class Story {
  readonly #stage: Stage
  readonly #screen: Screen
  readonly #proxy: Addresses
  readonly #traffic: Traffic
  readonly #stop: AbortSignal
  #seq = 0

  constructor(parts: {
    stage: Stage
    screen: Screen
    proxy: Addresses
    traffic: Traffic
    stop: AbortSignal
  }) {
    this.#stage = parts.stage
    this.#screen = parts.screen
    this.#proxy = parts.proxy
    this.#traffic = parts.traffic
    this.#stop = parts.stop
  }

  async #ask(path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.#proxy.adminUrl}${path}`, {
      signal: this.#stop,
      ...(body === undefined
        ? {}
        : {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          }),
    })
    const text = await response.text()
    if (!response.ok) throw new Broken(`The admin API refused ${path}: ${text}`)
    return JSON.parse(text)
  }

  /** Tells what the journal says since the last call. Returns the entries. */
  async #tell(): Promise<readonly JournalEntry[]> {
    const page = await this.#ask(`/v1/journal?service=default&limit=1000&after=${this.#seq}`)
    const { entries } = page as { entries: readonly JournalEntry[] }
    for (const entry of entries) {
      this.#seq = Math.max(this.#seq, entry.seq)
      if (!TOLD_KINDS.includes(entry.kind)) continue
      const colour =
        entry.kind === 'promoted' ? 'green' : entry.kind === 'rolled-back' ? 'red' : 'cyan'
      const texts = entry.kind === 'rolled-back' ? textsOf(entry.evidence) : []
      // The entry's text ends with those of the evidence; they are quoted below it.
      this.#screen.say(entry.text.replace(texts.join(' '), '').trim(), colour)
      for (const text of texts) this.#screen.quote(text)
    }
    return entries
  }

  /** Looks at the service every 100 ms until `good` holds; tells the journal meanwhile. */
  async #watch(
    what: string,
    withinMs: number,
    good: (view: ServiceView, told: readonly JournalEntry[]) => boolean,
  ): Promise<{ view: ServiceView; entries: readonly JournalEntry[] }> {
    const entries: JournalEntry[] = []
    const end = performance.now() + withinMs
    for (;;) {
      if (!this.#stage.running) throw new Broken('Vertex has ended by itself')
      const view = (await this.#ask('/v1/services/default')) as ServiceView
      entries.push(...(await this.#tell()))
      this.#screen.show(view, this.#traffic.counts())
      if (good(view, entries)) return { view, entries }
      if (performance.now() > end) {
        const now = view.rollout?.reason ?? view.ended?.reason ?? 'there is no rollout'
        throw new Broken(`This did not happen within ${withinMs / 1000} s: ${what} (${now})`)
      }
      await sleep(POLL_MS, undefined, { signal: this.#stop })
    }
  }

  /** Shows the table for a while. */
  async calm(ms: number): Promise<void> {
    const end = performance.now() + ms
    await this.#watch('time passes', ms + 5000, () => performance.now() > end)
  }

  async #deploy(version: string): Promise<App> {
    const app = await this.#stage.startApp(version, APP_LATENCY_MS)
    this.#screen.say(`Operator: vertex deploy ${version} --target ${app.url}`, 'bold')
    await this.#ask('/v1/services/default/rollouts', { version, targets: [app.url] })
    return app
  }

  /** A rollout that must be promoted. */
  async healthy(version: string): Promise<void> {
    await this.#deploy(version)
    const { view } = await this.#watch(`${version} is promoted`, PROMOTED_MS, hasEnded)
    if (view.ended?.ending !== 'promoted' || view.stable?.version !== version) {
      throw new Broken(`The healthy ${version} was not promoted: ${view.ended?.reason}`)
    }
    this.#screen.say(
      `${version} is the new stable. Users saw ${this.#userErrors()} errors.`,
      'green',
    )
  }

  /** A rollout that turns bad and must be rolled back without a user noticing. */
  async faulty(version: string, fault: Fault): Promise<void> {
    const pagesBefore = this.#stage.pages.length
    const errorsBefore = this.#userErrors()
    const app = await this.#deploy(version)
    await this.#watch(
      `${version} gets traffic`,
      20_000,
      (view) => view.rollout !== null && view.rollout.step >= fault.step,
    )
    await this.calm(2000)
    this.#screen.say(`${version} ${fault.what}.`, 'red')
    const turnedMs = performance.timeOrigin + performance.now()
    app.behave(fault.behaviour)
    const { view, entries } = await this.#watch(`${version} is rolled back`, 25_000, hasEnded)
    if (view.ended?.ending !== 'rolled-back') {
      throw new Broken(`The faulty ${version} was not rolled back: ${view.ended?.ending}`)
    }
    const back = entries.find((entry) => entry.kind === 'rolled-back')
    this.#reckon(app, { back, turnedMs })
    const seen = this.#userErrors() - errorsBefore
    if (seen > 0) {
      throw new Broken(`${seen} users saw an error, the first ${this.#traffic.firstFailure}`)
    }
    this.#screen.say('Users who saw an error: 0. Failed requests were answered by stable.', 'green')
    await this.#page(pagesBefore)
  }

  /** Says how many failures the rollback took, and how long. */
  #reckon(app: App, at: { back: JournalEntry | undefined; turnedMs: number }): void {
    const backMs = at.back === undefined ? Number.NaN : Date.parse(at.back.at)
    const why = at.back?.evidence
    const needed = isExplanation(why) ? failuresIn(why) : 0
    const { failedAtMs } = app
    const lastMs = failedAtMs[needed - 1]
    const took = (fromMs: number): number => Math.max(0, Math.round(backMs - fromMs))
    if (lastMs === undefined) {
      const text = `No failed request was needed; ${took(at.turnedMs)} ms from the change to weight 0.`
      this.#screen.say(text, 'bold')
      return
    }
    const since = took(failedAtMs[0] ?? lastMs)
    this.#screen.say(
      `${needed} failed requests were the evidence; ${since} ms after the first and ` +
        `${took(lastMs)} ms after the last of them the weight was 0.`,
      'bold',
    )
    const more = failedAtMs.length - needed
    if (more > 0) this.#screen.say(`${more} more had been on their way to it.`)
  }

  async #page(before: number): Promise<void> {
    await this.#watch(
      'the page reaches on-call',
      PAGE_LIMIT_MS,
      () => this.#stage.pages.length > before,
    )
    const page = this.#stage.pages[before] ?? ''
    this.#screen.say(`On-call was paged; the webhook received ${page.length} bytes of JSON:`)
    this.#screen.quote(summaryOf(page))
  }

  #userErrors(): number {
    return this.#traffic.counts().failed
  }

  /** Ends the apps that nobody can be sent to any more. */
  async tidy(): Promise<void> {
    const view = (await this.#ask('/v1/services/default')) as ServiceView
    const kept = [view.stable?.version, view.candidate?.version, view.previous?.version]
    await this.#stage.keepApps(kept.filter((version) => version !== undefined))
  }
}

/** How many failed requests of the candidate a decision rests on. */
function failuresIn({ evidence }: Explanation): number {
  return evidence.find(({ metric }) => metric === 'errors')?.candidate.bad ?? 0
}

/** The sentences of what led to a decision; none where that is not said. */
function textsOf(evidence: unknown): readonly string[] {
  return isExplanation(evidence) ? evidence.evidence.map(({ text }) => text) : []
}

/** A page without its long columns of figures; as it came when it is of another form. */
function summaryOf(page: string): string {
  try {
    const { evidence, ...rest } = JSON.parse(page) as { evidence?: unknown }
    return JSON.stringify({ ...rest, evidence: { texts: textsOf(evidence), figures: '…' } })
  } catch {
    return page
  }
}

async function tellStory(story: Story, options: { once: boolean; screen: Screen }): Promise<void> {
  const { once, screen } = options
  await story.calm(3000)
  await story.healthy('v2')
  await story.calm(1500)
  await story.faulty('v3', FIRST_FAULT)
  await story.calm(1500)
  if (once) return
  screen.say('The story goes on with other faults until you press Ctrl-C.', 'bold')
  for (let number = 4; ; number += 2) {
    await story.calm(10_000)
    await story.healthy(`v${number}`)
    await story.calm(10_000)
    await story.faulty(`v${number + 1}`, FAULTS[(number / 2) % FAULTS.length] ?? FIRST_FAULT)
    await story.tidy()
  }
}

/** What stands in front of the app: the node that is spoken with first. */
async function startNodes(
  stage: Stage,
  options: { screen: Screen; config: object; isFleet: boolean },
): Promise<readonly [Addresses, ...Addresses[]]> {
  const { config, isFleet, screen } = options
  if (!isFleet) {
    const proxy = await stage.startVertex(config)
    screen.print(`  Vertex in front      ${proxy.url}`)
    screen.print(`  admin and dashboard  ${proxy.adminUrl}/`)
    return [proxy]
  }
  const { nodes, redis } = await startFleet(stage, config)
  screen.print(`  Redis                ${redis}`)
  for (const { adminUrl, name, url } of nodes) {
    screen.print(`  node ${name}          ${url}, admin and dashboard ${adminUrl}/`)
  }
  const [{ adminUrl }] = nodes
  screen.print(`  the fleet            vertex fleet --admin ${adminUrl}`)
  return nodes
}

/** Sets the stage: an app, the receiver of pages, Vertex, and the users. */
async function setUp(
  stage: Stage,
  options: { screen: Screen; isFleet: boolean },
): Promise<{ proxy: Addresses; traffic: Traffic }> {
  const { isFleet, screen } = options
  const where = isFleet ? ', on three nodes' : ''
  screen.print(
    `Vertex demo: a deployment that goes well, then one that does not${where}.\n`,
    'bold',
  )
  const app = await stage.startApp('v1', APP_LATENCY_MS)
  screen.print(`  app v1               ${app.url}`)
  const config = {
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    threads: 1,
    versions: { v1: { targets: [app.url] } },
    routing: { stable: 'v1 @ 100%' },
    deploy_strategy: STRATEGY,
    page: { webhook: await stage.startReceiver() },
    timeouts: { drain_delay: '0', drain: '2s' },
  }
  const nodes = await startNodes(stage, { screen, config, isFleet })
  screen.print(`  users                ${REQUESTS_PER_SECOND} requests a second, real HTTP`)
  screen.print('\n  To be quick, the demo watches each step for 3 s (by default 30 s, then 60 s),')
  screen.print(
    '  bakes for 2 s (5 min), leaves a warm-up of 1 s (10 s), and is content with weaker',
  )
  screen.print('  proof: beta 0.2 (0.05), and a p99 up to twice that of stable (1.2 times).\n')
  const urls = nodes.map(({ url }) => url)
  return { proxy: nodes[0], traffic: new Traffic(urls, REQUESTS_PER_SECOND) }
}

/**
 * Tells the story. With `once` it ends when the story is told (at most 60 s), otherwise it goes on
 * until the user interrupts it.
 *
 * @returns the exit code: 0 when the story came true, 1 when it did not, 130 when `once` was
 *   interrupted
 */
export async function demo(options: { once: boolean; fleet: boolean }): Promise<number> {
  const missing = options.fleet ? missingRedis() : null
  if (missing !== null) {
    console.error(missing)
    return 1
  }
  const stage = new Stage()
  const screen = new Screen()
  const leave = new AbortController()
  let traffic: Traffic | null = null
  const onSignal = (): void => leave.abort('signal')
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  const timer = setTimeout(() => leave.abort('late'), options.once ? ONCE_LIMIT_MS : 2 ** 31 - 1)
  try {
    const set = await setUp(stage, { screen, isFleet: options.fleet })
    traffic = set.traffic
    traffic.start()
    const story = new Story({ stage, screen, proxy: set.proxy, traffic, stop: leave.signal })
    await tellStory(story, { once: options.once, screen })
    screen.say('The story is told. Your own: vertex run -c vertex.yaml', 'bold')
    return 0
  } catch (error) {
    if (leave.signal.reason === 'signal') return options.once ? 130 : 0
    const late = leave.signal.reason === 'late'
    const why = late ? `it was not told within ${ONCE_LIMIT_MS / 1000} s` : String(error)
    screen.print(`\nThe story did not come true: ${why.replace(/^Error: /, '')}`, 'red')
    if (!(error instanceof Broken)) screen.print(stage.said.slice(-10).join('\n'), 'dim')
    return 1
  } finally {
    clearTimeout(timer)
    await traffic?.stop()
    await stage.close()
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}
