// Picking a version and claiming it, in one synchronous block. The row is read, the claim is
// raised, and the row's number is read again: if it changed meanwhile, the claim goes back and the
// pick is made anew with the same ticket. Without the second look a drain on the control thread
// could find no claim although a request is about to go to the version that it ends.

import { randomUUID } from 'node:crypto'
import {
  assignedCandidate,
  assignedStable,
  assignedWeight,
  assignmentNumber,
  NO_SLOT,
} from '../board/assignment.ts'
import { raiseClaim, releaseClaim } from '../board/tallies.ts'
import { type Arm, armFor, bucketOf, ticketFrom } from '../core/split.ts'
import type { RequestHead } from '../http1/request-head.ts'
import type { Edge } from './edge.ts'
import { isServed, type Service, type Version } from './routes.ts'

export interface Pick {
  readonly version: Version
  readonly arm: Arm
  /** The assignment that it was drawn by. */
  readonly row: number
}

/** Claims the version that the ticket falls on; null when the service has none to give. */
export function pickVersion(edge: Edge, service: Service, ticket: number): Pick | null {
  const { board, thread } = edge
  for (;;) {
    const number = assignmentNumber(board, service.index)
    const candidate = assignedCandidate(board, service.index, number)
    const weight = candidate === NO_SLOT ? 0 : assignedWeight(board, service.index, number)
    const arm = armFor(ticket, weight)
    const slot = arm === 'candidate' ? candidate : assignedStable(board, service.index, number)
    const version = edge.routes.bySlot.get(slot)
    if (version === undefined) {
      // Sixteen switches while it was being read may have torn the row: then it is read anew.
      if (number === 0 || assignmentNumber(board, service.index) === number) return null
      continue
    }
    raiseClaim(board, thread, slot)
    if (assignmentNumber(board, service.index) === number) return { version, arm, row: number }
    releaseClaim(board, thread, slot)
  }
}

/** Claims stable, whatever the weight: for a rescue. Null also when the service is gone. */
export function pickStable(edge: Edge, service: Service): Version | null {
  if (!isServed(edge.routes, service)) return null
  return pickVersion(edge, service, Number.POSITIVE_INFINITY)?.version ?? null
}

/** Claims a version by its name: for an override. No weight is involved, so no second look. */
export function pickNamed(edge: Edge, service: Service, name: string): Version | null {
  const version = service.versions.get(name)
  if (version === undefined) return null
  raiseClaim(edge.board, edge.thread, version.slot)
  return version
}

export interface Ticket {
  readonly ticket: number
  /** The customer's bucket, which is the ticket then; −1 for a random draw. */
  readonly bucket: number
  /** A new affinity key that the client must be given in a cookie, or ''. */
  readonly newKey: string
}

/** The ticket of a request: its customer's bucket, or a random draw. */
export function ticketOf(service: Service, head: RequestHead, address: string): Ticket {
  const { affinity } = service
  if (affinity === null) return randomTicket()
  if (affinity.by === 'address') return bucketTicket(service, address, '')
  if (affinity.by === 'header') {
    const key = head.lines.valueOf(affinity.name)
    return key === null ? randomTicket() : bucketTicket(service, key, '')
  }
  const key = cookieOf(head, affinity.name)
  if (key !== null) return bucketTicket(service, key, '')
  const newKey = randomUUID()
  return bucketTicket(service, newKey, newKey)
}

function randomTicket(): Ticket {
  return { ticket: ticketFrom(Math.random()), bucket: -1, newKey: '' }
}

function bucketTicket({ salt }: Service, key: string, newKey: string): Ticket {
  const bucket = bucketOf(salt, key)
  return { ticket: bucket, bucket, newKey }
}

/** The line that gives a client its new affinity key, or ''. */
export function affinityCookie({ affinity }: Service, newKey: string): string {
  if (newKey === '' || affinity?.by !== 'cookie') return ''
  return `Set-Cookie: ${affinity.name}=${newKey}; Path=/; HttpOnly; SameSite=Lax\r\n`
}

/** The value of a cookie, or null. The first of several counts (RFC 6265 section 5.4). */
export function cookieOf(head: RequestHead, name: string): string | null {
  const cookies = head.lines.valueOf('cookie')
  if (cookies === null) return null
  for (const pair of cookies.split(';')) {
    const equals = pair.indexOf('=')
    if (equals >= 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim()
  }
  return null
}
