// One request on its way, from its head to the last byte of its answer:
//
//   start      match host and path to a service
//   pick       stable or candidate: override, affinity bucket or ticket; claim it (pick.ts)
//   choose     a target of the version
//   forward    the head, rewritten once, on a pooled connection; the body behind it
//   relay      the answer's head and body (relay.ts), with backpressure both ways
//   rescue     on stable, when the attempt failed and nothing has reached the client
//   record     outcome, evidence and latency on the board (record.ts); release the claim
//
// The methods stand in this order. The client's side is an interface (client-side.ts), the target's
// side is a connection (upstream.ts); this file knows neither's sockets.

import { randomUUID } from 'node:crypto'
import { addInFlight, countTarget, releaseClaim, targetInFlight } from '../board/tallies.ts'
import { chooseTarget } from '../core/choose.ts'
import { type Outcome, outcomeOfStatus } from '../core/outcome.ts'
import type { Arm } from '../core/split.ts'
import { FAULTS, type Fault } from '../http1/fault.ts'
import { requestHeadOut, switchingHeadOut, timesInVia } from '../http1/forward.ts'
import { matchHost } from '../http1/host.ts'
import { normalisePath } from '../http1/path.ts'
import { NO_BODY, type RequestHead } from '../http1/request-head.ts'
import type { ResponseHead } from '../http1/response-head.ts'
import type { ClientSide } from './client-side.ts'
import type { Edge } from './edge.ts'
import { pickNamed, pickStable, pickVersion, ticketOf } from './pick.ts'
import { Relay } from './relay.ts'
import { mayRescue } from './rescue-budget.ts'
import type { Service, Target, Version } from './routes.ts'
import { takeConnection, type UpstreamConnection } from './upstream.ts'

/** Methods that may be sent again without asking anybody (RFC 9110 section 9.2.1). */
const REPEATABLE = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Draws until one falls on another target; with two targets eight fail once in 256 times. */
const DRAWS = 8

export class Exchange extends Relay {
  /** The protocol offered to the target, or ''. */
  readonly upgrade: string
  bodyLimitBytes = Number.POSITIVE_INFINITY

  readonly #repeatable: boolean
  #service: Service | null = null
  #arm: Arm = 'stable'
  #claimed: Version | null = null
  #target: Target | null = null
  #upstream: UpstreamConnection | null = null
  #headOut = ''
  #retried = false
  #askedAnother = false
  #rescuing = false
  /** What a complete answer will be counted as. */
  #outcome: Outcome = 'ok'
  #tunnel = false
  #tunnelEnds = 0
  #done = false

  constructor(edge: Edge, client: ClientSide, head: RequestHead) {
    super(edge, client, head)
    this.#repeatable = REPEATABLE.has(head.method) && head.framing === NO_BODY
    const { upgradeProtocols } = edge.settings
    const upgrades = head.upgrade !== '' && head.method === 'GET' && head.framing === NO_BODY
    this.upgrade = upgrades && upgradeProtocols.includes(head.upgrade) ? head.upgrade : ''
  }

  // --- match ---------------------------------------------------------------------------------

  start(head: RequestHead): void {
    const path = head.target === '*' ? '/' : normalisePath(head.target)
    if (path === null) return this.#answer('bad-path')
    if (timesInVia(head) > 1) return this.#answer('loop')
    const service = this.edge.routes.router.find(matchHost(head.host), path)
    if (service === null) return this.#answer('no-service')
    this.#service = service
    this.bodyLimitBytes = service.bodyLimitBytes
    if (head.contentLength > service.bodyLimitBytes) return this.#answer('body-too-large')
    if (this.#pick(service, head)) this.#choose(head)
  }

  // --- pick ----------------------------------------------------------------------------------

  #pick(service: Service, head: RequestHead): boolean {
    const override = service.versionOverride && head.lines.valueOf(service.versionOverride)
    if (override) {
      this.isEvidence = false
      this.#claimed = pickNamed(this.edge, service, override)
    } else {
      const { address } = this.client.by
      const { newKey, ticket } = ticketOf(service, head, address, randomUUID)
      const pick = pickVersion(this.edge, service, ticket)
      this.#claimed = pick?.version ?? null
      this.#arm = pick?.arm ?? 'stable'
      if (newKey !== '' && service.affinity?.by === 'cookie') {
        this.answerExtra = `Set-Cookie: ${service.affinity.name}=${newKey}; Path=/; HttpOnly; SameSite=Lax\r\n`
      }
    }
    if (this.#claimed !== null) {
      this.slot = this.#claimed.slot
      return true
    }
    this.#answer(override ? 'unknown-version-override' : 'no-target')
    return false
  }

  // --- choose --------------------------------------------------------------------------------

  #choose(head: RequestHead): void {
    const fault = this.#chooseIn(this.#claimed as Version)
    if (fault !== null) {
      this.judge('overload')
      return this.#answer(fault)
    }
    const requestId = this.edge.nextRequestId()
    this.#headOut = requestHeadOut(head, this.client.by, requestId, this.upgrade)
    this.#forward()
  }

  #chooseIn(version: Version): Fault | null {
    const index = chooseTarget(version, Math.random())
    const target = index < 0 ? undefined : version.targets[index]
    if (target === undefined) return 'no-target'
    const cap = this.edge.settings.limits.inFlightPerTarget
    if (targetInFlight(this.edge.board, target.index) >= cap) return 'overload'
    this.#target = target
    return null
  }

  // --- forward -------------------------------------------------------------------------------

  #forward(): void {
    const target = this.#target as Target
    addInFlight(this.edge.board, this.edge.thread, target.index, 1)
    const freshness = this.#retried ? 'new' : this.#repeatable ? 'any' : 'recent'
    this.#upstream = takeConnection(this.edge, target, freshness)
    this.#upstream.begin(this, this.#headOut)
    // A second attempt goes out at once: its request, which has no body, has been read long ago.
    if (this.#retried || this.#rescuing || this.#askedAnother) this.#upstream.endRequest()
  }

  /** A part of the request's body, framed as it goes on. */
  onRequestBody(bytes: Buffer, from: number, to: number): void {
    if (this.#upstream?.sendBody(bytes, from, to) === false) this.client.pauseRequest()
  }

  /** No more of the body is there yet: what was held back must not wait for it. */
  onRequestPause(): void {
    this.#upstream?.flush()
  }

  onRequestEnd(): void {
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
    if (this.answerBegun) return this.#breakOff()
    this.#answer(fault)
  }

  onClientGone(): void {
    this.judge('aborted')
    this.#dropUpstream()
    this.#finish()
  }

  // --- relay ---------------------------------------------------------------------------------

  onHead(head: ResponseHead): void {
    const good = head.status < 500
    if (!this.#rescuing) this.recordLatency()
    this.#countTarget(good)
    this.#outcome = outcomeOfStatus(head.status)
    if (!good) {
      this.judge('serverError')
      if (this.#rescue()) return
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
    this.#breakOff()
  }

  onEnd(): void {
    this.endAnswer()
    this.judge(this.#outcome)
    this.#endAttempt()
    if (this.#rescuing) this.noteRescue()
    this.#finish()
    this.client.finished(this.answerKeepAlive)
  }

  onFailure(fault: Fault, connection: UpstreamConnection): void {
    this.#endAttempt()
    if (this.#tunnel) return this.#breakOff()
    const stale = connection.uses > 0 && !connection.answered && fault === 'upstream-reset'
    if (stale) {
      // The target closed a connection that had waited: no fault of the target, no evidence.
      if (this.#repeatable && !this.#retried && !this.answerBegun) {
        this.#retried = true
        return this.#forward()
      }
      this.isEvidence = false
    } else if (fault !== 'overload') this.#countTarget(false)
    this.judge(FAULTS[fault].outcome)
    if (fault === 'overload') return this.#answer(fault)
    if (this.answerBegun) {
      this.noteUserError()
      return this.#breakOff()
    }
    if (this.#rescue() || this.#askAnother(fault)) return
    this.noteUserError()
    this.#answer(fault)
  }

  /**
   * A target that cannot be reached says nothing about its neighbours: the request goes to another
   * one of the same version, once. The failure has been judged by then and stays so.
   */
  #askAnother(fault: Fault): boolean {
    if (this.#askedAnother || !this.#repeatable || this.upgrade !== '') return false
    if (fault !== 'upstream-refused' && fault !== 'upstream-reset') return false
    const failed = this.#target
    const version = this.#claimed
    if (version === null || version.count < 2) return false
    for (let draw = 0; draw < DRAWS; draw++) {
      if (this.#chooseIn(version) !== null || this.#target === failed) continue
      this.#askedAnother = true
      this.#retried = false
      this.#forward()
      return true
    }
    this.#target = failed
    return false
  }

  // --- rescue --------------------------------------------------------------------------------

  /** Sends the request to stable instead; false when that is not possible or not allowed. */
  #rescue(): boolean {
    const service = this.#service as Service
    if (this.#arm !== 'candidate' || this.#rescuing || !this.#repeatable || !service.rescue) {
      return false
    }
    if (!this.isEvidence || this.upgrade !== '' || this.answerBegun) return false
    const stable = pickStable(this.edge, service)
    if (stable === null) return false
    if (stable.slot === this.slot) {
      // It has been promoted meanwhile: there is no other version to ask.
      releaseClaim(this.edge.board, this.edge.thread, stable.slot)
      return false
    }
    const target = this.#target
    if (!mayRescue(this.edge, stable.slot) || this.#chooseIn(stable) !== null) {
      releaseClaim(this.edge.board, this.edge.thread, stable.slot)
      this.#target = target
      return false
    }
    const chosen = this.#target
    this.#target = target
    this.#dropUpstream()
    this.#release()
    this.#target = chosen
    this.#claimed = stable
    this.#rescuing = true
    this.#retried = false
    this.edge.rescuesInFlight++
    this.#forward()
    return true
  }

  // --- tunnel --------------------------------------------------------------------------------

  onSwitch(head: ResponseHead, rest: Buffer): void {
    if (!this.#rescuing) this.recordLatency()
    this.#countTarget(true)
    this.judge('ok')
    this.#tunnel = true
    this.answerBegun = true
    this.edge.tunnels.add(this)
    this.client.writeText(switchingHeadOut(head))
    if (rest.length > 0) this.onTunnelFromUpstream(rest)
    this.client.becomeTunnel()
  }

  onTunnelFromUpstream(chunk: Buffer): void {
    this.#upstream?.touchTunnel()
    if (!this.client.writeBytes(chunk)) this.#upstream?.hold()
  }

  onTunnelFromClient(chunk: Buffer): void {
    this.#upstream?.touchTunnel()
    if (this.#upstream?.socket.write(chunk) === false) this.client.pauseRequest()
  }

  /** The target has ended its direction. */
  onTunnelEnd(): void {
    this.client.endTunnel()
    this.#endTunnelSide()
  }

  onTunnelEndFromClient(): void {
    this.#upstream?.socket.end()
    this.#endTunnelSide()
  }

  #endTunnelSide(): void {
    if (++this.#tunnelEnds < 2) return this.#upstream?.halfCloseTunnel()
    const upstream = this.#upstream
    this.#endAttempt()
    upstream?.letGo()
    this.closeTunnel()
  }

  /** Ends both directions; also called when the tunnel's version is evacuated. */
  closeTunnel(): void {
    this.#dropUpstream()
    this.#finish()
    this.client.finished(false)
  }

  // --- record --------------------------------------------------------------------------------

  /** Answers a fault ourselves. */
  #answer(fault: Fault): void {
    this.#finish()
    this.answerFault(fault)
  }

  /** The answer has begun and cannot be completed. */
  #breakOff(): void {
    this.#finish()
    this.client.reset()
  }

  #countTarget(good: boolean): void {
    if (this.#target !== null) {
      countTarget(this.edge.board, this.edge.thread, this.#target.index, good)
    }
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
    this.#endAttempt()
    this.#release()
    if (this.#rescuing) this.edge.rescuesInFlight--
    if (this.#tunnel) this.edge.tunnels.delete(this)
  }
}
