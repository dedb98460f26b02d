// Tells on-call, once for each incident: it opens with the first page of a rollout and is resolved
// when the rollout's service is well again (core decides when). What is to be told is kept in the
// state directory until every receiver has taken it, across restarts. Nothing waits for the pager,
// least of all a rollback, and it keeps a node that stops for a second at most.

import { hostname } from 'node:os'
import type { ReceiverConfig } from '../../config/config.ts'
import type { ServiceState, Severity } from '../../core/service.ts'
import {
  blankIncident,
  type Incident,
  isDone,
  type Page,
  sentTo,
  withPage,
  withReceivers,
  withSent,
} from './incident.ts'
import { IncidentFiles } from './incident-files.ts'
import { Lane, type LaneShared, Receiver } from './lane.ts'
import { ATTEMPT_MS, post } from './post.ts'
import { requestFor } from './requests.ts'

/** Open or not yet told; beyond it the oldest is let go. A rollout opens one. */
const MOST_INCIDENTS = 200
/** Alertmanager forgets at a restart what is not sent again; Prometheus does it each minute. */
const REPEAT_MS = 60_000
/** What is on its way when the node stops may arrive. */
const GRACE_MS = 1000
/** A receiver that fails once or twice is no news. */
const ATTEMPTS_BEFORE_NEWS = 3

/** A line for the journal. */
export interface PagerNote {
  readonly service: string
  readonly text: string
  /** Whether somebody should look: it also goes to the log. */
  readonly isTrouble: boolean
  readonly evidence: { readonly incident: string; readonly [key: string]: unknown }
}

export interface PagerOptions {
  /** The state directory. */
  readonly directory: string
  readonly onNote: (note: PagerNote) => void
  /** What tells the keys of incidents apart from those of others; null: this node alone. */
  readonly fleet?: string | null
  readonly wall: () => number
  /** From 0 to 1, for the jitter. */
  readonly random: () => number
  /** For tests: how long an attempt may take, the first pause, how often alerts are repeated. */
  readonly attemptMs?: number
  readonly firstPauseMs?: number
  readonly repeatMs?: number
}

export interface Telling {
  readonly service: string
  /** The id of the rollout, or of a fault. */
  readonly incident: string
  readonly version: string | null
  readonly severity: Severity
  readonly text: string
  readonly evidence: unknown
  /** ISO 8601. */
  readonly at: string
}

export class Pager {
  readonly #options: PagerOptions
  readonly #files: IncidentFiles
  /** In the order in which they were opened. */
  readonly #incidents = new Map<string, Incident>()
  /** Services of which another node of the fleet tells: what was told is let go of here. */
  readonly #elsewhere = new Set<string>()
  /** By the incident's id and the receiver's name. */
  readonly #lanes = new Map<string, Map<string, Lane>>()
  readonly #stop = new AbortController()
  readonly #shared: LaneShared
  readonly #repeat: NodeJS.Timeout
  #receivers: ReadonlyMap<string, Receiver> = new Map()
  #letGo = 0

  private constructor(options: PagerOptions, files: IncidentFiles) {
    const { attemptMs = ATTEMPT_MS, firstPauseMs, random, repeatMs = REPEAT_MS, wall } = options
    this.#options = options
    this.#files = files
    this.#shared = {
      ...{ attemptMs, random, wall, source: hostname(), stop: this.#stop.signal },
      ...(firstPauseMs === undefined ? {} : { firstPauseMs }),
      monotonic: () => performance.now(),
      isClosing: false,
    }
    this.#repeat = setInterval(() => this.#repeatAlerts(), repeatMs)
    this.#repeat.unref()
  }

  /** Reads what was not told yet; nobody is told before `configure` says who there is. */
  static async open(
    options: PagerOptions,
  ): Promise<{ pager: Pager; complaints: readonly string[] }> {
    const { complaints, files, incidents } = await IncidentFiles.open(options)
    const pager = new Pager(options, files)
    for (const incident of incidents) pager.#incidents.set(incident.id, incident)
    return { pager, complaints }
  }

  /** At the start and after a reload. A receiver that has changed is tried at once. */
  configure(configs: readonly ReceiverConfig[]): void {
    const { attemptMs } = this.#shared
    const before = this.#receivers
    this.#receivers = new Map(
      configs.map((config) => {
        const known = before.get(config.name)
        const isSame = JSON.stringify(known?.config) === JSON.stringify(config)
        return [config.name, known && isSame ? known : new Receiver(config, attemptMs)]
      }),
    )
    for (const [name, receiver] of before) {
      // Ends what has begun; an attempt has a limit.
      if (this.#receivers.get(name) !== receiver) void receiver.agent.close()
    }
    for (const lane of this.#allLanes()) lane.hurry()
    for (const incident of [...this.#incidents.values()]) this.#join(incident)
  }

  /** Tells of a page in the background: it opens its incident, or adds to it. */
  page(telling: Telling): void {
    const { at, incident: id, service, severity, version } = telling
    const key = this.#keyOf(id)
    const known = this.#incidents.get(id)
    const blank = blankIncident({ id, key, service, version, severity, openedAt: at })
    this.#add(known ?? blank, { ...telling, action: 'page' })
  }

  /** Tells in the background that an incident is over; nothing when it is not open. */
  resolve(end: { incident: string; text: string; at: string }): void {
    const known = this.#incidents.get(end.incident)
    if (known === undefined) return
    const { severity } = known
    this.#add(known, { ...end, action: 'resolve', severity, evidence: null })
  }

  /**
   * Tells what a node that was killed had decided and not told: the saved state of a service says
   * which of its incidents are open.
   *
   * @param known in a fleet: what was opened before this time (ISO 8601) another node has told
   */
  reconcile({ ended, incidents = {}, service }: ServiceState, known = ''): void {
    this.#elsewhere.delete(service)
    for (const [incident, open] of Object.entries(incidents)) {
      if (this.#incidents.get(incident)?.resolved === false) continue
      const { openedAt: at, severity, text, version } = open
      const evidence = ended?.id === incident ? (ended.explanation ?? null) : null
      const telling = { service, incident, version, severity, text, evidence, at }
      if (at < known) this.#takeOver(telling)
      else this.page(telling)
    }
    const open = [...this.#incidents.values()].filter((one) => one.service === service)
    for (const { id } of open.filter((one) => !(one.id in incidents))) {
      this.#resolveNow(id, `${service}: it was over when the node started`)
    }
  }

  /** Ends the incidents of services that the file does not name any more. */
  forgetOthers(services: ReadonlySet<string>): void {
    for (const { id, service } of [...this.#incidents.values()]) {
      if (services.has(service)) continue
      this.#resolveNow(id, `${service}: the service is no longer in the file`)
    }
  }

  /** The same in a fleet, where other nodes may have such a service still. */
  leaveOthers(services: ReadonlySet<string>): void {
    for (const { service } of [...this.#incidents.values()]) {
      if (!services.has(service)) this.leave(service)
    }
  }

  /** Another node of the fleet tells of a service from now on; what waits here is still told. */
  leave(service: string): void {
    this.#elsewhere.add(service)
    const left = [...this.#incidents.values()].filter((one) => one.service === service)
    for (const incident of left) this.#keep(incident)
  }

  /** Sentences about who cannot be told; empty when all is well. */
  faults(): readonly string[] {
    const faults = [...this.#receivers.values()].flatMap((receiver) => this.#faultOf(receiver))
    if (this.#files.failure !== null) faults.push(this.#files.failure)
    if (this.#letGo > 0) {
      faults.push(`${this.#letGo} incidents were never told as more than ${MOST_INCIDENTS} waited`)
    }
    return faults
  }

  /** Lets attempts on their way end, for a second; what is left is told after the next start. */
  async close(): Promise<void> {
    clearInterval(this.#repeat)
    this.#shared.isClosing = true
    const lanes = this.#allLanes()
    for (const lane of lanes) lane.hurry()
    const grace = setTimeout(() => this.#stop.abort(), GRACE_MS)
    await Promise.all(lanes.map((lane) => lane.settle()))
    clearTimeout(grace)
    this.#stop.abort()
    await Promise.all([...this.#receivers.values()].map(({ agent }) => agent.destroy()))
    await this.#files.settle()
  }

  #allLanes(): readonly Lane[] {
    return [...this.#lanes.values()].flatMap((lanes) => [...lanes.values()])
  }

  // --- incidents -------------------------------------------------------------------------------

  /** Receivers that were added tell of it, too. */
  #join(before: Incident): void {
    const incident = withReceivers(before, [...this.#receivers.keys()])
    if (incident !== before) this.#keep(incident)
    this.#deliver(incident)
  }

  #add(before: Incident, telling: Parameters<typeof withPage>[1]): void {
    const incident = withPage(withReceivers(before, [...this.#receivers.keys()]), telling)
    if (incident.pages === before.pages) return
    this.#keep(incident)
    this.#boundIncidents()
    const page = incident.pages.at(-1)
    if (page !== undefined && this.#receivers.size > 0) this.#noteTold(incident, page)
    this.#deliver(incident)
  }

  #keyOf(id: string): string {
    return `vertex-${this.#options.fleet ?? this.#files.installation}-${id}`
  }

  /** Another node has told of it; its end will be told from here. */
  #takeOver({ incident: id, service, severity, version, ...open }: Telling): void {
    const about = { id, key: this.#keyOf(id), service, version, severity, openedAt: open.at }
    const incident = withPage(blankIncident(about), { ...open, action: 'page', severity })
    const sent = [...this.#receivers.keys()].map((name) => [name, 1] as const)
    this.#keep({ ...incident, sent: Object.fromEntries(sent) })
  }

  /** Whether nothing is left to be told of it here. */
  #isDone(incident: Incident): boolean {
    const isOver = incident.resolved || this.#elsewhere.has(incident.service)
    return isDone({ ...incident, resolved: isOver }, [...this.#receivers.keys()])
  }

  /** Saves an incident, or forgets it when everybody knows of its end. */
  #keep(incident: Incident): void {
    const { id } = incident
    if (!this.#isDone(incident)) {
      this.#incidents.set(id, incident)
      this.#files.save(incident)
      return
    }
    this.#forget(id)
  }

  #forget(id: string): void {
    this.#incidents.delete(id)
    this.#lanes.delete(id)
    this.#files.remove(id)
  }

  #boundIncidents(): void {
    if (this.#incidents.size <= MOST_INCIDENTS) return
    const all = [...this.#incidents.values()]
    const oldest = all.find(({ resolved }) => resolved) ?? all[0]
    if (oldest === undefined) return
    const { id, service } = oldest
    this.#forget(id)
    this.#letGo++
    const text = `incident ${id} is let go as more than ${MOST_INCIDENTS} wait to be told`
    this.#options.onNote({ service, text, isTrouble: true, evidence: { incident: id } })
  }

  #resolveNow(id: string, text: string): void {
    const at = new Date(this.#options.wall()).toISOString()
    this.resolve({ incident: id, text, at })
  }

  // --- delivery --------------------------------------------------------------------------------

  #deliver(incident: Incident): void {
    if (this.#shared.isClosing) return
    for (const name of this.#receivers.keys()) {
      if (sentTo(incident, name) >= incident.pages.length) continue
      this.#laneOf(incident.id, name).start()
    }
    if (this.#isDone(incident)) this.#keep(incident)
  }

  #laneOf(id: string, name: string): Lane {
    const lanes = this.#lanes.get(id) ?? new Map<string, Lane>()
    this.#lanes.set(id, lanes)
    const known = lanes.get(name)
    if (known !== undefined) return known
    const lane: Lane = new Lane({
      shared: this.#shared,
      incident: () => this.#incidents.get(id) ?? null,
      receiver: () => this.#receivers.get(name) ?? null,
      onPast: (page, end) => this.#onPast(page, { id, name, ...end }),
      onFailed: (page, { attempts, why }) => {
        const incident = this.#incidents.get(id)
        if (attempts !== ATTEMPTS_BEFORE_NEWS || incident === undefined) return
        const text = `has not taken ${nounOf(page)} incident ${id} yet, it is tried on: ${why}`
        this.#noteDelivery(page, { incident, name, text, isTrouble: true, attempts })
      },
    })
    lanes.set(name, lane)
    return lane
  }

  #onPast(
    page: Page,
    past: { id: string; name: string; attempts: number; left: string | null },
  ): void {
    const { attempts, id, left, name } = past
    const incident = this.#incidents.get(id)
    if (incident === undefined) return
    this.#keep(withSent(incident, name))
    if (left === '') return // it was not meant for this receiver
    const what = `${nounOf(page)} incident ${id}`
    const times = `after ${attempts} attempt${attempts === 1 ? '' : 's'}`
    const text =
      left === null
        ? `took ${what} ${times}`
        : `never took ${what}, which was given up ${times}: ${left}`
    this.#noteDelivery(page, { incident, name, text, isTrouble: left !== null, attempts })
  }

  /** Sends open incidents again to those who forget them. Whether it arrives is no matter. */
  #repeatAlerts(): void {
    const { attemptMs, source, stop, wall } = this.#shared
    for (const receiver of this.#receivers.values()) {
      if (receiver.config.kind !== 'alertmanager') continue
      const { agent, config } = receiver
      for (const incident of this.#incidents.values()) {
        const page = incident.pages.at(-1)
        const knows = sentTo(incident, config.name) >= incident.pages.length
        if (incident.resolved || !knows || page === undefined) continue
        const outgoing = requestFor(config, { incident, page, source, nowMs: wall() })
        void post(outgoing, config, { dispatcher: agent, stop, timeoutMs: attemptMs, wall })
      }
    }
  }

  // --- what is said of it ----------------------------------------------------------------------

  #noteTold({ id, service }: Incident, page: Page): void {
    const { action, severity, text } = page
    const verb = { open: 'opens', update: 'goes on', resolve: 'is over' }[action]
    const names = [...this.#receivers.keys()]
    const evidence = { incident: id, action, severity, receivers: names }
    this.#options.onNote({
      ...{ service, evidence, isTrouble: false },
      text: `incident ${id} ${verb}, for ${names.join(', ')}: ${text}`,
    })
  }

  #noteDelivery(
    page: Page,
    told: { incident: Incident; name: string; text: string; isTrouble: boolean; attempts: number },
  ): void {
    const { attempts, incident, isTrouble, name, text } = told
    const { id, service } = incident
    const title = this.#receivers.get(name)?.title ?? name
    const evidence = { incident: id, action: page.action, receiver: name, attempts }
    this.#options.onNote({ service, evidence, isTrouble, text: `${title} ${text}` })
  }

  #faultOf(receiver: Receiver): readonly string[] {
    const { name } = receiver.config
    const stuck = [...this.#incidents.values()].flatMap((incident) => {
      const trouble = this.#lanes.get(incident.id)?.get(name)?.trouble
      const page = incident.pages[sentTo(incident, name)]
      return trouble && page ? [{ ...trouble, at: page.at }] : []
    })
    const [first] = stuck
    if (first === undefined) return []
    const many = stuck.length === 1 ? 'a page waits' : `pages of ${stuck.length} incidents wait`
    const { title } = receiver
    return [`Cannot page ${title} as it does not take it: ${first.why}; ${many} since ${first.at}`]
  }
}

function nounOf({ action }: Page): string {
  return { open: 'the opening of', update: 'the news of', resolve: 'the end of' }[action]
}
