// Reads and writes transcripts of rollouts: an event, `----`, then the state after it and the
// effects, in the order in which they are carried out. Blocks are separated by an empty line; `#`
// begins a comment. An event may be preceded by the time that has passed since the last one, such
// as `+30s`.

import type { Effect, RolloutEvent, ServiceDocument } from '../../src/core/events.ts'
import type { ArmCounts, Facts } from '../../src/core/facts.ts'
import type { Gate } from '../../src/core/gate.ts'
import { step } from '../../src/core/rollout.ts'
import { gateHold } from '../../src/core/rollout/gates.ts'
import { blankDocument, standingOf } from '../../src/core/rollout/transition.ts'
import type { Strategy } from '../../src/core/strategy.ts'
import { readEvidence } from '../../src/core/verdict/evidence.ts'
import { amount } from '../../src/core/verdict/words.ts'
import { percentFromWeight } from '../../src/core/weight.ts'
import { GOOD_FACTS, STRATEGY } from './rollout-play.ts'

export interface Block {
  /** Comment lines above the event, as they stand. */
  readonly comments: readonly string[]
  readonly event: string
  readonly expected: string
}

export function parseTranscript(text: string): Block[] {
  const blocks: Block[] = []
  for (const part of text.trimEnd().split(/\n\n+/)) {
    const lines = part.split('\n')
    const comments = lines.filter((line) => line.startsWith('#'))
    const rest = lines.filter((line) => !line.startsWith('#'))
    const [event] = rest
    if (event === undefined) blocks.push({ comments, event: '', expected: '' })
    else blocks.push({ comments, event, expected: rest.slice(2).join('\n') })
  }
  return blocks
}

export function writeTranscript(blocks: readonly Block[]): string {
  return `${blocks
    .map(({ comments, event, expected }) => {
      const body = event === '' ? [] : [event, '----', expected]
      return [...comments, ...body].join('\n')
    })
    .join('\n\n')}\n`
}

type Words = Readonly<Record<string, string>>

function counts(text: string | undefined): ArmCounts {
  const [good = 0, bad = 0, exceeded = 0, userErrors = 0] = (text ?? '').split('/').map(Number)
  return { good, bad, exceeded, userErrors }
}

function targets(text: string): { healthy: number; total: number } {
  const [healthy = 0, total = 0] = text.split('/').map(Number)
  return { healthy, total }
}

function factsFrom(before: Facts, words: Words): Facts {
  // What is said against targets holds for this survey only.
  const { healthy, total } = before.candidate
  const next = { ...before, candidate: { healthy, total } }
  for (const [key, value] of Object.entries(words)) {
    if (key === 'resident') Object.assign(next, { candidateResident: value === 'yes' })
    if (key === 'stable' || key === 'candidate' || key === 'previous') {
      Object.assign(next, { [key]: targets(value) })
    }
    if (key === 'unproven') {
      Object.assign(next, { candidate: { ...next.candidate, unproven: Number(value) } })
    }
    if (key === 'why') {
      const why = value.replaceAll('_', ' ')
      Object.assign(next, { candidate: { ...next.candidate, why } })
    }
    if (key === 'raises') {
      const { mayNotRaise: _before, ...others } = next
      const now = value === 'yes' ? others : { ...others, mayNotRaise: value.replaceAll('_', ' ') }
      Reflect.deleteProperty(next, 'mayNotRaise')
      Object.assign(next, now)
    }
    if (key === 'given') Object.assign(next, { given: { 'http://b:1': Number(value) } })
    if (key === 'rate') Object.assign(next, { ratePerSecond: Number(value) })
    if (key === 'tail') {
      Object.assign(next, { tail: { ...GOOD_FACTS.tail, requests: Number(value) } })
    }
  }
  return next
}

/** A gate with this name: a person or a mirror where that is its name, else a command. */
function gateNamed(name: string): Gate {
  const common = { name, timeoutMs: 120_000 }
  if (name === 'person') return { ...common, kind: 'manual' }
  if (name !== 'mirror') return { ...common, kind: 'command', command: ['true'] }
  const bounds = { errorRate: 0, p99Ms: null, mismatchRate: null }
  return { ...common, kind: 'mirror', minRequests: 10, ...bounds }
}

/** What node edge-2 knows of a rollout's end: an operator's abort, or a verdict. */
function entombed([rollout = '', version = '', by]: readonly string[], at: string): RolloutEvent {
  const node = 'edge-2'
  if (by === 'verdict') {
    const reason = `${version} was rolled back by its errors`
    const quarantine = { reason, evidence: 'It failed.', at, targets: ['http://b:1'] }
    return { event: 'entombed', node, tombstone: { rollout, version, by, reason, at }, quarantine }
  }
  const reason = `${version} was aborted by hand`
  const tombstone = { rollout, version, by: 'operator', reason, at } as const
  return { event: 'entombed', node, tombstone }
}

/** Plays one transcript line after the other. */
export class Player {
  document: ServiceDocument = blankDocument('shop')
  now = 0
  #strategy: Strategy = STRATEGY

  /** Plays an event and describes what came of it. */
  play(line: string): string {
    const [, seconds, rest = line] = /^\+([\d.]+)s (.*)$/.exec(line) ?? []
    this.now += Number(seconds ?? 0) * 1000
    const [verb = '', ...args] = rest.split(' ')
    const words = Object.fromEntries(
      args.filter((arg) => arg.includes('=')).map((arg) => arg.split('=', 2)),
    ) as Words
    const plain = args.filter((arg) => !arg.includes('='))
    if (verb === 'gates') {
      this.#strategy = { ...this.#strategy, gates: args.map(gateNamed) }
      return 'ok'
    }
    if (verb === 'strategy') {
      this.#strategy = { ...this.#strategy, ...JSON.parse(plain.join(' ')) }
      return 'ok'
    }
    const stepped = step(this.document, this.#event(verb, { words, plain }), this.now)
    if ('refused' in stepped) {
      const { status, code, detail } = stepped.refused
      return `refused ${status} ${code}: ${detail}`
    }
    this.document = stepped.document
    const note = stepped.note === '' || stepped.effects.length > 0 ? [] : [`note: ${stepped.note}`]
    const isTold = verb === 'entombed'
    return [this.#describe(isTold), ...stepped.effects.map(describeEffect), ...note].join('\n')
  }

  #event(verb: string, said: { words: Words; plain: readonly string[] }): RolloutEvent {
    const { plain, words } = said
    const [first = ''] = plain
    const ifMatch = words.if === undefined ? null : Number(words.if)
    const strategy = this.#strategy
    switch (verb) {
      case 'file': {
        const versions = { v1: ['http://a:1'], v2: [words.v2 ?? 'http://b:1'] }
        const weight = Number(words.weight ?? 0) * 100
        const { stable = null, candidate = null } = words
        const hash = `${stable}-${candidate}-${weight}.${words.v2 ?? ''}`
        return { event: 'routing', versions, stable, candidate, weight, hash, strategy }
      }
      case 'deploy': {
        const replace = plain.includes('replace')
        const urls = plain.slice(1).filter((word) => word !== 'replace')
        return { event: 'deploy', version: first, targets: urls, replace, strategy, ifMatch }
      }
      case 'weight':
        return {
          ...{ event: 'weight', weight: Number(first) * 100, strategy, ifMatch },
          force: plain.includes('force'),
        }
      case 'promote':
        return { event: 'promote', full: first === 'full', ifMatch }
      case 'pause':
      case 'resume':
      case 'abort':
        return { event: verb, ifMatch }
      case 'rollback':
        return { event: 'rollback', force: first === 'force', ifMatch }
      case 'retry':
        return { event: 'retry', version: first, ifMatch }
      case 'targets':
        return { event: 'targets', version: first, targets: plain.slice(1), ifMatch }
      case 'gated': {
        const gate = plain[0] ?? ''
        const passed = plain[1] === 'passed'
        const reason = plain.slice(2).join(' ') || 'it was as it should be'
        const run = words.run ?? this.document.state.rollout?.gate?.run ?? ''
        const startedAt = new Date(this.now).toISOString()
        const report = { gate, kind: 'command', passed, reason, startedAt } as const
        return { event: 'gated', run, report: { ...report, durationMs: 1000, details: null } }
      }
      case 'tick': {
        const candidate = counts(words.candidate)
        return { event: 'tick', candidate, stable: counts(words.stable), stableSlow: 0 }
      }
      case 'survey': {
        const before = this.document.facts.memoryMs === 0 ? GOOD_FACTS : this.#facts()
        return { event: 'survey', facts: factsFrom(before, words) }
      }
      case 'restarted':
        return { event: 'restarted', watched: plain.includes('watched') }
      case 'unsaved': {
        const weight = Number(words.weight) * 100
        const epoch = ifMatch ?? this.document.state.epoch
        const pauses = !plain.includes('goes-on')
        return { event: 'unsaved', epoch, weight, reason: 'the disk is full', pauses }
      }
      case 'entombed':
        return entombed(plain, new Date(this.now).toISOString())
      default:
        throw new Error(`unknown event ${verb}`)
    }
  }

  /** The facts of the last survey; good ones before the first. */
  #facts(): Facts {
    const { facts } = this.document
    return facts.stable.total === 0 ? GOOD_FACTS : { ...facts, candidateResident: true }
  }

  #describe(isTold: boolean): string {
    const { state, evidence } = this.document
    const { rollout } = state
    const lines = [
      `${this.now / 1000}s epoch ${state.epoch} ${standingOf(state)}` +
        (rollout === null ? '' : ` ${rollout.id} step ${rollout.step + 1}`) +
        ` | stable ${state.stable}, candidate ${state.candidate} ` +
        `${percentFromWeight(state.weight)} %`,
    ]
    if (rollout?.pause) lines.push(`paused: ${rollout.pause.reason}`)
    if (rollout?.reopened) lines.push('reopened')
    const hold = rollout === null ? null : gateHold(rollout, this.now)
    if (hold !== null) lines.push(`gate: ${rollout?.gate?.run} ${hold.text}`)
    if (state.ended !== null) lines.push(`ended: ${state.ended.ending}`)
    if (state.previous !== null) lines.push(`previous: ${state.previous.version}`)
    // On a single node each ending says it already; entombed ones are what a fleet brings.
    if (isTold) {
      const stones = (state.tombstones ?? []).map((stone) => `${stone.rollout} of ${stone.version}`)
      if (stones.length > 0) lines.push(`tombstones: ${stones.join(', ')}`)
    }
    const quarantined = Object.keys(state.quarantine)
    if (quarantined.length > 0) lines.push(`quarantine: ${quarantined.join(', ')}`)
    if (evidence !== null) {
      const values = readEvidence(evidence)
      const warm = evidence.warmUp === null ? '' : ', warming up'
      lines.push(
        `evidence: errors ${amount(values.errors)}, p99 ${amount(values.tail)}, ` +
          `γ ${amount(evidence.granted)}${warm}`,
      )
    }
    return lines.join('\n')
  }
}

function describeEffect(effect: Effect): string {
  switch (effect.effect) {
    case 'assign': {
      const { stable, candidate, weight } = effect
      const percent = percentFromWeight(weight)
      return `> assign stable ${stable}, candidate ${candidate} at ${percent} %`
    }
    case 'journal':
      return `> journal ${effect.kind} by ${effect.by}: ${effect.text}`
    case 'page':
      return `> page ${effect.text}`
    case 'resolve':
      return `> resolve ${effect.incident}: ${effect.text}`
    case 'limits':
      return `> limits stable ${effect.stableUs} µs, candidate ${effect.candidateUs} µs`
    case 'evacuate':
      return `> evacuate ${effect.version}`
    default:
      return `> ${effect.effect}`
  }
}
