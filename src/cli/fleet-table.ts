// How a fleet looks on a terminal: how the node that was asked stands in it, whether Redis is there
// and what it means when it is not, a row a node, and a row a service with who has not confirmed
// its revision. Text in, text out.

import type { Convergence, FleetView, MemberView } from '../core/fleet/view.ts'
import { count, duration } from '../core/verdict/words.ts'
import { elapsed, slowestMs, unconfirmed, unconfirmedText } from './fleet-text.ts'
import { align, type Cell, noteLines, type Paint, painted, type Paper } from './status-cells.ts'

export interface FleetPaper extends Paper {
  /** Milliseconds since 1970. */
  readonly nowMs: number
  /** Only this service; null: all. */
  readonly service: string | null
  /** Also when each node served by the revision, not only the last one. */
  readonly times: boolean
}

/** From here on a clock is worth a look: five seconds keep a node from leading. */
const CLOCK_MS = 1000

const NODE_HEAD = ['NODE', 'STATE', 'RELEASE', 'CLOCK', 'LISTEN']
const NODE_LEFT = [true, true, true, false, true]
/** Without Redis the others may have gone on. */
const serviceHead = ({ awaySince }: FleetView): readonly string[] => {
  const inForce = awaySince === null ? 'IN FORCE' : 'LAST KNOWN IN FORCE'
  return ['SERVICE', 'REVISION', inForce, 'AFTER', 'NOT CONFIRMED BY']
}
const SERVICE_LEFT = [true, false, false, true, true]

function headOf(texts: readonly string[]): Cell[] {
  return texts.map((text) => ({ text, paint: 'dim' }))
}

/** `edge-1 follows edge-2`. */
function standingText({ leader, node, standing }: FleetView): string {
  if (standing === 'leading') return `${node} leads`
  if (standing === 'following') return `${node} follows${leader === null ? '' : ` ${leader}`}`
  return `${node} is cut off${leader === null ? '' : `, last led by ${leader}`}`
}

const PAINTS: Readonly<Record<FleetView['standing'], Paint>> = {
  leading: 'green',
  following: 'cyan',
  'cut-off': 'red',
}

/** Without Redis nobody is heard of. */
function liveText({ awaySince, members }: FleetView): string {
  if (awaySince !== null) return `${count(members.length, 'node')} known`
  const live = members.filter(({ isLive }) => isLive).length
  return `${live} of ${count(members.length, 'node')} live`
}

/** What stands below the title: Redis, and what that means. */
function notes(fleet: FleetView, nowMs: number): Cell[] {
  const { awaySince, mayNotRaise, meaning, redis, standing } = fleet
  const away = awaySince === null ? 0 : nowMs - Date.parse(awaySince)
  const lines: Cell[] = [
    awaySince === null
      ? { text: `Redis at ${redis} is there`, paint: 'dim' }
      : {
          text: `Redis at ${redis} has been away for ${duration(away)}, since ${awaySince}`,
          paint: 'red',
        },
  ]
  if (meaning !== '') lines.push({ text: meaning, paint: 'yellow' })
  // A follower never raises; elsewhere the meaning has said why, where there is one.
  else if (mayNotRaise !== null && standing !== 'following') {
    lines.push({ text: `raises no weight here as ${mayNotRaise}`, paint: 'yellow' })
  }
  return lines
}

function clockText(aheadMs: number): string {
  const text = elapsed(Math.abs(aheadMs))
  if (Math.round(aheadMs) === 0) return text
  return `${aheadMs > 0 ? '+' : '−'}${text}`
}

function stateCell({ isLive, isSelf, node, silentMs }: MemberView, fleet: FleetView): Cell {
  if (fleet.awaySince !== null && !isSelf) return { text: 'not heard of', paint: 'yellow' }
  if (isSelf && fleet.standing === 'cut-off') return { text: 'cut off', paint: 'red' }
  if (!isLive) return { text: `silent for ${duration(silentMs)}`, paint: 'red' }
  return node === fleet.leader ? { text: 'leads', paint: 'green' } : { text: 'live' }
}

function memberRow(member: MemberView, fleet: FleetView): Cell[] {
  const { clockAheadMs, isSelf, listen, node, version } = member
  const own = fleet.members.find((one) => one.isSelf)?.version ?? version
  const isOff = Math.abs(clockAheadMs) >= CLOCK_MS
  return [
    { text: isSelf ? `${node} (this)` : node, paint: 'bold' },
    stateCell(member, fleet),
    { text: version, ...(version === own ? {} : { paint: 'yellow' as const }) },
    { text: clockText(clockAheadMs), ...(isOff ? { paint: 'yellow' as const } : {}) },
    { text: listen },
  ]
}

/** `releases differ: 1.2.3 on edge-1, edge-2; 1.3.0 on edge-3`; nothing while they do not. */
function releaseNotes(members: readonly MemberView[]): Cell[] {
  const nodes = Map.groupBy(members, ({ version }) => version)
  if (nodes.size < 2) return []
  const texts = [...nodes].map(
    ([version, of]) => `${version} on ${of.map(({ node }) => node).join(', ')}`,
  )
  return [{ text: `releases differ: ${texts.join('; ')}`, paint: 'yellow' }]
}

function afterText(convergence: Convergence, times: boolean): string {
  const { applied } = convergence
  if (applied.length === 0) return '–'
  if (!times) return elapsed(slowestMs(convergence))
  const inOrder = applied.toSorted((one, other) => one.afterMs - other.afterMs)
  return inOrder.map(({ afterMs, node }) => `${node} ${elapsed(afterMs)}`).join(', ')
}

function serviceRow(
  convergence: Convergence,
  { fleet, times }: { fleet: FleetView; times: boolean },
): Cell[] {
  const { applied, revision, service } = convergence
  const all = applied.length + unconfirmed(convergence, fleet).length
  return [
    { text: service, paint: 'bold' },
    { text: String(revision) },
    { text: `${applied.length}/${all}` },
    { text: afterText(convergence, times) },
    { text: unconfirmedText(convergence, fleet), paint: 'yellow' },
  ]
}

/** The fleet as lines of text. */
export function fleetText(fleet: FleetView, paper: FleetPaper): string {
  const { colour, nowMs, service, times } = paper
  const { members } = fleet
  const shown = fleet.services.filter((one) => service === null || one.service === service)
  const nodes = [headOf(NODE_HEAD), ...members.map((member) => memberRow(member, fleet))]
  const services = shown.map((one) => serviceRow(one, { fleet, times }))
  const title = painted({ text: 'fleet', paint: 'bold' }, colour)
  const standing = painted({ text: standingText(fleet), paint: PAINTS[fleet.standing] }, colour)
  return [
    `${title}  ${standing}, ${liveText(fleet)}`,
    ...notes(fleet, nowMs).flatMap((cell) => noteLines(cell, paper)),
    ...(members.length === 0 ? [] : align(nodes, { colour, left: NODE_LEFT })),
    ...releaseNotes(members).flatMap((cell) => noteLines(cell, paper)),
    ...(services.length === 0
      ? []
      : align([headOf(serviceHead(fleet)), ...services], { colour, left: SERVICE_LEFT })),
  ].join('\n')
}

/** One line about the fleet, for a log that is watched: it holds no time that passes. */
export function fleetLine(fleet: FleetView, service: string | null): string {
  const { awaySince, services } = fleet
  const open = services
    .filter((one) => service === null || one.service === service)
    .flatMap((one) => {
      const names = unconfirmed(one, fleet)
      return names.length === 0 ? [] : [`${one.service} not confirmed by ${names.join(', ')}`]
    })
  const away = awaySince === null ? [] : [`Redis away since ${awaySince}`]
  return [`fleet  ${standingText(fleet)}, ${liveText(fleet)}`, ...away, ...open].join('; ')
}
