// A list of gates becomes what a rollout runs. Each item is of one kind; names are what reports and
// messages call a gate, so they differ within a list.

import { basename } from 'node:path'
import type { Gate } from '../core/gate.ts'
import type { Transaction } from '../core/transaction/transaction.ts'
import { GATE, GATE_MIRROR, MANUAL_TIMEOUT } from './gate-settings.ts'
import { type Report, under } from './mistake.ts'
import type { GateDocument, StrategyDocument, Texts } from './schema.ts'
import { type Setting, valueFrom } from './setting.ts'
import { suggest } from './suggest.ts'

const KINDS = ['synthetic', 'command', 'webhook', 'manual', 'mirror'] as const
/** More than anybody waits for before a raise. */
const MOST_GATES = 16

interface Place {
  readonly pointer: string
  readonly report: Report
}

/** All gates of a list that has passed the check of its shape. */
export function gatesOf(
  documents: readonly (GateDocument | undefined)[],
  place: Place,
): readonly Gate[] {
  const gates: Gate[] = []
  for (const [index, document] of documents.entries()) {
    if (document === undefined || isEmpty(document)) continue // already reported
    const at = { ...place, pointer: under(place.pointer, index) }
    const gate = gateOf(document, at)
    if (gate === null) continue
    if (gates.some(({ name }) => name === gate.name)) {
      const rule = `their names must differ within a list: set name. Current value is ${gate.name}`
      place.report(at.pointer, `Cannot tell two gates apart as ${rule}`)
    }
    gates.push(gate)
  }
  if (documents.length > MOST_GATES) {
    const rule = `at most ${MOST_GATES} stand before a raise: current value is ${documents.length}`
    place.report(place.pointer, `Cannot run all these gates as ${rule}`)
  }
  return gates
}

function isEmpty(part: object): boolean {
  return Object.keys(part).length === 0
}

function gateOf(document: GateDocument, at: Place): Gate | null {
  const kinds = KINDS.filter((kind) => document[kind] !== undefined)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    const seen = kinds.length === 0 ? 'none' : kinds.join(' and ')
    const rule = `it must be one of ${KINDS.join(', ')}: current value is ${seen}`
    at.report(at.pointer, `Cannot run this gate as ${rule}`)
    return null
  }
  const common = (name: string, fallback?: string) => ({
    name: document.name ?? name,
    timeoutMs: valueFrom(GATE.timeout, document.timeout ?? fallback),
  })
  const { command, manual, mirror, synthetic, webhook } = document
  if (typeof synthetic === 'string') {
    return { kind: 'synthetic', ...common(synthetic), scenario: synthetic, assertions: [] }
  }
  if (typeof manual === 'string') return { kind: 'manual', ...common(manual, MANUAL_TIMEOUT) }
  if (command !== undefined) {
    const words = command.filter((one) => one !== undefined)
    const [program = ''] = words
    return { kind: 'command', ...common(basename(program)), command: words }
  }
  if (typeof webhook === 'string') {
    const name = new URL(webhook).host
    const tokenFile = document.token_file ?? null
    return { kind: 'webhook', ...common(name), url: webhook, tokenFile }
  }
  if (mirror === undefined || isEmpty(mirror)) return null
  return { ...common('mirror'), ...mirrorGate(mirror, at) }
}

function optional<T>(row: Setting<T>, text: string | undefined): T | null {
  return text === undefined ? null : valueFrom(row, text)
}

function mirrorGate(mirror: Texts, at: Place) {
  const bounds = {
    errorRate: optional(GATE_MIRROR.errorRate, mirror.error_rate),
    p99Ms: optional(GATE_MIRROR.p99Latency, mirror.p99_latency),
    mismatchRate: optional(GATE_MIRROR.mismatchRate, mirror.mismatch_rate),
  }
  if (Object.values(bounds).every((bound) => bound === null)) {
    const known = 'error_rate, p99_latency or mismatch_rate'
    at.report(
      under(at.pointer, 'mirror'),
      `Cannot judge mirrored requests as nothing is asked of them: set ${known}`,
    )
  }
  const minRequests = valueFrom(GATE_MIRROR.minRequests, mirror.min_requests)
  return { kind: 'mirror', minRequests, ...bounds } as const
}

/** What the gates of a service count on, and is not there. */
export function reportMissing(
  strategy: StrategyDocument | undefined,
  known: {
    /** Null: what is wrong with them was reported. */
    scenarios: readonly Transaction[] | null
    isMirrored: boolean
    pointer: string
    report: Report
  },
): void {
  const { pointer } = known
  const lists = [
    { gates: strategy?.gate ?? [], at: under(pointer, 'gate'), isLater: false },
    ...(strategy?.steps ?? []).map((step, index) => ({
      gates: step?.gate ?? [],
      at: under(under(under(pointer, 'steps'), index), 'gate'),
      isLater: index > 0,
    })),
  ]
  for (const { at, gates, isLater } of lists) {
    for (const [index, gate] of gates.entries()) {
      if (gate === undefined) continue
      const place = { ...known, pointer: under(at, index) }
      reportScenario(gate, place)
      reportMirror(gate, { ...place, isLater })
    }
  }
}

function reportScenario(
  gate: GateDocument,
  known: { scenarios: readonly Transaction[] | null } & Place,
): void {
  const { pointer, report, scenarios } = known
  const name = gate.synthetic
  if (typeof name !== 'string' || scenarios === null) return
  const found = scenarios.find((scenario) => scenario.name === name)
  if (found === undefined) {
    const names = scenarios.map((scenario) => scenario.name)
    const guess = suggest(name, names)
    const all = names.length === 0 ? 'none' : names.join(', ')
    const hint = guess === null ? `known are ${all}` : `did you mean ${guess}?`
    const message = `Cannot run ${JSON.stringify(name)} as a gate as there is no such scenario`
    report(under(pointer, 'synthetic'), `${message}: ${hint}`)
    return
  }
  const timeoutMs = valueFrom(GATE.timeout, gate.timeout)
  const takesMs = found.warmUpMs + found.durationMs
  if (timeoutMs > takesMs) return
  const rule =
    `its scenario goes on for ${takesMs / 1000} s: current value is ${timeoutMs / 1000} s. ` +
    'Set timeout'
  report(pointer, `Cannot pass this gate within its timeout as ${rule}`)
}

function reportMirror(
  { mirror }: GateDocument,
  known: { isMirrored: boolean; isLater: boolean } & Place,
): void {
  const { isLater, isMirrored, pointer, report } = known
  if (mirror === undefined) return
  if (isLater) {
    const rule = 'nothing is mirrored above 0 %: name it in the first step, or for all'
    report(under(pointer, 'mirror'), `Cannot judge mirrored requests here as ${rule}`, 'key')
  } else if (!isMirrored) {
    const rule = 'nothing is mirrored: set mirror for the service, too'
    report(under(pointer, 'mirror'), `Cannot judge mirrored requests as ${rule}`, 'key')
  }
}

/** What only the operator of the node may say: it runs programs and reads files there. */
export function reportForeign(
  lists: readonly (readonly (GateDocument | undefined)[] | undefined)[],
  report: (message: string) => void,
): void {
  const items = lists.flatMap((list) => list ?? [])
  if (items.some((item) => item?.command !== undefined)) {
    report('Cannot run a command as a gate of this rollout as commands come from the config file')
  }
  if (items.some((item) => item?.token_file !== undefined)) {
    report('Cannot read a token_file for this rollout as files are named by the config file only')
  }
}
