// One message of the fuzzer: its bytes, and the settings under which it is read. Everything follows
// from a seed and a number.

import { ForwardedBy, type ForwardingRules, forwardingRules } from '../../src/http1/forward.ts'
import type { AnswerSettings } from './answer-engine.ts'
import type { Peer } from './model.ts'
import { randomAnswer, randomRequests } from './mutate.ts'
import { Random } from './random.ts'
import type { RequestSettings } from './request-engine.ts'

export interface RequestCase {
  readonly kind: 'request'
  readonly text: string
  readonly settings: RequestSettings
  readonly peer: Peer
  /** Where the bytes are cut: fractions of the length. */
  readonly cuts: readonly number[]
}

export interface AnswerCase {
  readonly kind: 'answer'
  readonly text: string
  readonly settings: AnswerSettings
  readonly cuts: readonly number[]
}

export type Case = RequestCase | AnswerCase

interface Circumstance {
  readonly peer: Peer
  readonly rules: ForwardingRules
}

function circumstance(trusted: boolean, change: Partial<Peer>): Circumstance {
  const peer = {
    address: '192.0.2.7',
    proto: 'http',
    trusted,
    via: 'vertex',
    forwarded: false,
    proxyAuthorization: false,
    ...change,
  }
  return { peer, rules: forwardingRules(peer) }
}

const CIRCUMSTANCES = [
  circumstance(false, {}),
  circumstance(false, {}),
  circumstance(true, {}),
  circumstance(true, { address: '2001:db8::1', proto: 'https', forwarded: true }),
  circumstance(false, { address: '2001:db8::1', forwarded: true, proxyAuthorization: true }),
  circumstance(false, { via: 'a.b', forwarded: true }),
]

const DEFAULTS = { headBytes: 32_768, targetBytes: 16_384, headerLines: 100 }
const REQUEST_LIMITS = [
  DEFAULTS,
  DEFAULTS,
  { ...DEFAULTS, nonAsciiTarget: true, doubleQuestionMark: true },
  { headBytes: 400, targetBytes: 60, headerLines: 6 },
]
const RESPONSE_LIMITS = [
  { responseHeadBytes: 65_536, responseHeaderLines: 256 },
  { responseHeadBytes: 65_536, responseHeaderLines: 256 },
  { responseHeadBytes: 300, responseHeaderLines: 5 },
]

function cutsOf(random: Random): number[] {
  return Array.from({ length: 1 + random.below(3) }, () => random.next() / 0x100000000)
}

export function requestCase(random: Random): RequestCase {
  const { peer, rules } = random.pick(CIRCUMSTANCES)
  const limits = random.pick(REQUEST_LIMITS)
  const proto = peer.proto === 'https' ? 'https' : 'http'
  const by = new ForwardedBy(peer.address, proto, peer.trusted)
  const settings = { limits, by, rules }
  return { kind: 'request', settings, peer, text: randomRequests(random), cuts: cutsOf(random) }
}

export function answerCase(random: Random): AnswerCase {
  const settings = {
    limits: random.pick(RESPONSE_LIMITS),
    toHead: random.oneIn(6),
    oldClient: random.oneIn(5),
    offered: random.oneIn(3) ? 'websocket' : '',
    trailers: random.oneIn(2),
  }
  return { kind: 'answer', settings, text: randomAnswer(random), cuts: cutsOf(random) }
}

/** Message number `index` of a seed: two requests for each answer. */
export function caseOf(seed: number, index: number): Case {
  const random = new Random(seed, index)
  return random.oneIn(3) ? answerCase(random) : requestCase(random)
}

/** The ends of the pieces of so many bytes. */
export function piecesOf(fractions: readonly number[], length: number): number[] {
  const cuts = fractions.map((fraction) => Math.floor(fraction * length)).sort((a, b) => a - b)
  return [...cuts, length]
}
