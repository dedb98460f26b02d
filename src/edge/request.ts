// One request on its way, from its head to the last byte of its answer:
//
//   start      match host and path to a service
//   pick       stable or candidate: override, affinity bucket or ticket; claim it (pick.ts)
//   choose     a target of the version
//   forward    the head, rewritten once, on a pooled connection; the body behind it
//   relay      the answer's head and body (relay.ts), with backpressure both ways
//   again      to another target, or rescued on stable, when nothing has reached the client
//   record     outcome, evidence and latency on the board (record.ts); release the claim
//
// The methods stand in this order. The client's side is an interface (client-side.ts), the target's
// side is a connection (upstream.ts); this file knows neither's sockets.

import { addInFlight, countTarget, releaseClaim } from '../board/tallies.ts'
import { type Outcome, outcomeOfStatus } from '../core/outcome.ts'
import { FAULTS, type Fault } from '../http1/fault.ts'
import { requestHeadOut, switchingHeadOut, timesInVia } from '../http1/forward.ts'
import { pathOf } from '../http1/path.ts'
import { NO_BODY, type RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import { isOfOneTarget, otherTargetIn, shun, targetIn } from './choose-target.ts'
import type { ClientSide } from './client-side.ts'
import type { Edge } from './edge.ts'
import { affinityCookie, pickNamed, pickStable, pickVersion, ticketOf } from './pick.ts'
import { takeConnection } from './pool.ts'
import { Relay } from './relay.ts'
import { RequestCopy } from './request-copy.ts'
import { mayRescue } from './rescue-budget.ts'
import type { Service, Target, Version } from './routes.ts'
import { Tunnel } from './tunnel.ts'
import type { UpstreamConnection } from './upstream.ts'

export class Exchange extends Relay {
  /** The protocol offered to the target, or ''. */
  readonly upgrade: string
  /** Grows by one with each request of the thread. */
  readonly number: number
  bodyLimitBytes = Number.POSITIVE_INFINITY
  tunnel: Tunnel | null = null

  #claimed: Version | null = null
  #target: Target | null = null
  #upstream: UpstreamConnection | null = null
  /** What is needed to send the request, and to send it again. */
  #copy: RequestCopy | null = null
  #sentWhole = false
  #attempts = 0
  #retried = false
  #askedAnother = false
  /** The slot of the stable version that answers in the candidate's place, or −1. */
  #rescueSlot = -1
  /** What a complete answer will be counted as. */
  #outcome: Outcome = 'ok'
  #done = false

  constructor(edge: Edge, client: ClientSide, head: RequestHead) {
    super(edge, client, head)
    this.number = edge.exchanges++
    const { upgradeProtocols } = edge.settings
    const upgrades = head.upgrade !== '' && head.method === 'GET' && head.framing === NO_BODY
    this.upgrade = upgrades && upgradeProtocols.includes(head.upgrade) ? head.upgrade : ''
  }

  // --- match ---------------------------------------------------------------------------------

  start(head: RequestHead): void {
    const path = pathOf(head)
    if (path === null) return this.#answer('bad-path')
    if (timesInVia(head, this.edge.forwarding) > 1) return this.#answer('loop')
    const service = this.edge.routes.router.find(head.matchedHost, path)
    if (service === null) return this.#answer('no-service')
    if (head.maxForwards === 0) return this.#answerOptions()
    this.belongsTo(service, path)
    this.bodyLimitBytes = service.bodyLimitBytes
    if (head.contentLength > service.bodyLimitBytes) return this.#answer('body-too-large')
    if (this.#pick(service, head)) this.#choose(service, head)
  }

  // --- pick ----------------------------------------------------------------------------------

  #pick(service: Service, head: RequestHead): boolean {
    const override = service.versionOverride && head.lines.valueOf(service.versionOverride)
    if (override) {
      this.isEvidence = false
      this.#claimed = pickNamed(this.edge, service, override)
    } else {
      const ticket = ticketOf(service, head, this.client.by.address)
      const pick = pickVersion(this.edge, service, ticket.ticket)
      this.#claimed = pick?.version ?? null
      if (pick !== null) this.drawn(pick, ticket)
      this.answerExtra = affinityCookie(service, ticket.newKey)
    }
    if (this.#claimed !== null) {
      this.countFor(this.#claimed)
      this.logPick(service.name, this.#claimed.name)
      return true
    }
    this.#answer(override ? 'unknown-version-override' : 'no-target')
    return false
  }

  // --- choose --------------------------------------------------------------------------------

  #choose(service: Service, head: RequestHead): void {
    const { edge } = this
    const requestId = edge.nextRequestId()
    const out = requestHeadOut(head, this.client.by, requestId, this.upgrade, edge.forwarding)
    const { keptBodyBytes } = edge.settings.limits
    this.#copy = new RequestCopy(head, out, service.replay, keptBodyBytes)
    this.logRequestId(head, requestId)
    if (service.mirror !== null && this.upgrade === '') this.beginCopy(head, out)
    const target = targetIn(edge, this.#claimed as Version)
    const fault = typeof target === 'string' ? target : this.#attempt(target)
    if (fault === null) return
    this.judge('overload')
    // Nothing has been sent: whatever the method, stable can have it.
    if (!this.#moveToStable()) this.#answer(fault)
  }

  // --- forward -------------------------------------------------------------------------------

  /** Sends the request, or what there is of it so far, to the chosen target. */
  #attempt(target: Target): Fault | null {
    const copy = this.#copy as RequestCopy
    const freshness = this.#retried ? 'new' : copy.mayGoOnAny ? 'any' : 'recent'
    const upstream = takeConnection(this.edge, target, freshness)
    if (upstream === null) return 'overload'
    addInFlight(this.edge.board, this.edge.thread, target.index, 1)
    this.#target = target
    this.#upstream = upstream
    this.logAttempt(target.authority)
    const { body, bodyLength } = copy // it lets go of them when a ready connection takes the head
    upstream.begin(this, copy.head)
    if (++this.#attempts === 1) return null
    if (bodyLength > 0) upstream.out.sendBody(body, 0, bodyLength)
    if (this.#sentWhole) upstream.endRequest()
    else {
      upstream.out.flush()
      this.client.resumeRequest() // the last target may have been what held it back
    }
    return null
  }

  /** The connection of the present attempt is ready, and takes the request. */
  onConnected(): void {
    this.logConnected()
    this.#copy?.leaves()
  }

  /** A part of the request's body, framed as it goes on. */
  onRequestBody(bytes: Buffer, from: number, to: number): void {
    this.#copy?.keep(bytes, from, to)
    this.logBytesIn(to - from)
    this.copyRequestBody(bytes, from, to)
    if (this.#upstream?.out.sendBody(bytes, from, to) === false) this.client.pauseRequest()
  }

  /** No more of the body is there yet: what was held back must not wait for it. */
  onRequestPause(): void {
    this.#upstream?.out.flush()
  }

  onRequestEnd(): void {
    this.#sentWhole = true
    this.copyIsWhole()
    this.#upstream?.endRequest()
  }

  onUpstreamDrain(): void {
    this.client.resumeRequest()
  }

  /** No byte of the request's body has come, or could go on to the target, for too long. */
  onRequestStalled(byTarget: boolean): void {
    if (this.answerBegun) return // it was answered early; the answer has its own time limit
    if (byTarget) this.#upstream?.stalled()
    else this.onRequestFault('request-timeout')
  }

  /** The request's body breaks a rule: nobody's fault but the client's. */
  onRequestFault(fault: Fault): void {
    this.judge('unjudged')
    this.#dropUpstream()
    if (this.answerBegun) return this.#breakOff(fault)
    this.#answer(fault)
  }

  onClientGone(): void {
    this.judge('aborted')
    if (this.tunnel === null) this.logBreak('client-gone')
    this.#dropUpstream()
    this.#finish()
  }

  // --- relay ---------------------------------------------------------------------------------

  onHead(head: ResponseHead): void {
    const good = head.status < 500
    if (this.#rescueSlot < 0) this.recordLatency()
    this.logHead()
    this.#countTarget(good)
    this.#outcome = outcomeOfStatus(head.status)
    // Stable's own 4xx, in the candidate's place, is no failure of the candidate.
    if (this.isError(this.#outcome) && (!good || this.#rescueSlot < 0)) {
      this.judge(this.#outcome, head.status)
      if (!good && this.rescue()) return
      this.noteUserError()
    }
    this.beginAnswer(head)
  }

  /** @param bytes valid during the call only */
  onBody(bytes: Buffer, from: number, to: number): void {
    if (!this.relayBody(bytes, from, to)) this.#upstream?.hold()
  }

  onClientDrain(): void {
    this.#upstream?.resume()
  }

  /** The client has not read for too long. That is as if it were gone, whoever's bytes wait. */
  onClientStalled(): void {
    this.judge('aborted')
    this.#dropUpstream()
    this.#breakOff('client-gone')
  }

  onEnd(): void {
    this.endAnswer()
    this.judge(this.#outcome)
    this.#endAttempt()
    if (this.#rescueSlot >= 0) this.noteRescue()
    this.#finish()
    this.client.finished(this.answerKeepAlive)
  }

  onFailure(fault: Fault, connection: UpstreamConnection): void {
    this.#endAttempt()
    if (this.tunnel !== null) return this.#breakOff(fault)
    if (fault === 'upstream-refused') shun(this.edge, connection.target)
    // The target closed a connection that had waited: no fault, no evidence. What may not be sent
    // again went out on one used a moment ago, which is hardly closed for waiting: the app's fault.
    const isRace = connection.uses > 0 && !connection.answered && fault === 'upstream-reset'
    if (isRace && this.#mayRepeat && !this.#retried) {
      this.#retried = true
      const again = this.#attempt(this.#target as Target)
      if (again === null) return
      this.judge('overload')
      return this.#answer(again)
    }
    if (fault !== 'overload') this.#countTarget(false)
    this.judge(FAULTS[fault].outcome)
    if (fault === 'overload') return this.#answer(fault)
    if (this.answerBegun) {
      this.noteUserError()
      return this.#breakOff(fault)
    }
    if (this.rescue() || this.#askAnother(fault)) return
    this.noteUserError()
    this.#answer(fault)
  }

  /** Whether the request can be sent once more, and no byte of an answer has gone out. */
  get #mayRepeat(): boolean {
    return this.#copy?.isWhole === true && !this.interimSent && !this.answerBegun
  }

  /**
   * A target that cannot be reached says nothing about its neighbours: the request goes to another
   * one of the same version, once. The failure has been judged by then and stays so.
   */
  #askAnother(fault: Fault): boolean {
    if (this.#askedAnother || !isOfOneTarget(fault) || !this.#mayRepeat) return false
    const target = otherTargetIn(this.edge, this.#claimed as Version, this.#target)
    if (target === null) return false
    this.#askedAnother = true
    this.#retried = false
    this.sentAtMs = -1 // it was judged by its first attempt
    return this.#attempt(target) === null
  }

  // --- rescue --------------------------------------------------------------------------------

  /** Sends the request to stable instead; false when that is not possible or not allowed. */
  protected override rescue(): boolean {
    return this.#mayRepeat && this.upgrade === '' && this.#moveToStable()
  }

  #moveToStable(): boolean {
    const service = this.service as Service
    if (this.arm !== 'candidate' || this.#rescueSlot >= 0 || !service.rescue) return false
    const { board, thread } = this.edge
    const stable = pickStable(this.edge, service)
    if (stable === null) return false
    // Promoted meanwhile, it would be the same version that is asked again.
    const allowed =
      stable.slot !== this.slot && mayRescue(this.edge, stable.slot, service.rescueBudget)
    const target = allowed ? targetIn(this.edge, stable) : 'overload'
    if (typeof target === 'string') {
      releaseClaim(board, thread, stable.slot)
      this.edge.noRescueAtMs.set(service.index, this.edge.tickedMs)
      return false
    }
    this.judge('unjudged') // unless it has failed: nobody waited for what it would have been
    this.#dropUpstream()
    this.#release()
    this.#claimed = stable
    this.#retried = false
    this.#rescueSlot = stable.slot
    this.edge.addRescue(stable.slot, 1)
    this.logRescue(stable.name)
    const fault = this.#attempt(target)
    if (fault === null) return true
    this.noteUserError()
    this.#answer(fault)
    return true
  }

  // --- tunnel --------------------------------------------------------------------------------

  onSwitch(head: ResponseHead, rest: Buffer): void {
    if (this.#rescueSlot < 0) this.recordLatency()
    this.#countTarget(true)
    this.judge('ok')
    this.answerBegun = true
    this.logStatus(101)
    const tunnel = new Tunnel({
      client: this.client,
      upstream: this.#upstream as UpstreamConnection,
      number: this.number,
      slot: this.#claimed?.slot ?? this.slot,
      onOver: () => this.#finish(),
    })
    this.tunnel = tunnel
    this.edge.tunnels.add(tunnel)
    this.client.writeText(switchingHeadOut(head))
    if (rest.length > 0) tunnel.fromUpstream(rest)
    this.client.becomeTunnel()
  }

  // --- record --------------------------------------------------------------------------------

  /** Answers a fault ourselves. */
  #answer(fault: Fault): void {
    this.logStatus(FAULTS[fault].status, fault)
    this.#finish()
    this.answerFault(fault)
  }

  /** An OPTIONS that may go no further is answered by whom it has reached. */
  #answerOptions(): void {
    this.logStatus(200)
    this.#finish()
    this.answerAllow()
  }

  /** The answer has begun and cannot be completed. */
  #breakOff(fault: Fault | 'client-gone'): void {
    this.logBreak(fault)
    this.#finish()
    this.client.reset()
  }

  #countTarget(good: boolean): void {
    const { board, thread } = this.edge
    if (this.#target !== null) countTarget(board, thread, this.#target.index, good)
  }

  /** Ends the present attempt, whatever the target is doing. */
  #dropUpstream(): void {
    const upstream = this.#upstream
    this.#endAttempt()
    upstream?.destroy()
  }

  #endAttempt(): void {
    this.edge.headCame(this)
    if (this.#upstream === null || this.#target === null) return
    this.#upstream = null
    addInFlight(this.edge.board, this.edge.thread, this.#target.index, -1)
  }

  #release(): void {
    const version = this.#claimed
    this.#claimed = null
    if (version !== null) releaseClaim(this.edge.board, this.edge.thread, version.slot)
  }

  #finish(): void {
    if (this.#done) return
    this.#done = true
    this.dropCopy()
    this.#endAttempt()
    this.#release()
    if (this.#rescueSlot >= 0) this.edge.addRescue(this.#rescueSlot, -1)
    if (this.tunnel !== null) this.edge.tunnels.delete(this.tunnel)
    this.logEnd(this.tunnel)
  }
}
