// Who leads. One node holds a lease in Redis and renews it; the others hear from it several times
// a second. From these two facts each node knows how it stands:
//
//   connected and member?   holds the lease?   hears from a holder?   standing
//   no                      (any)              (any)                  cut-off
//   yes                     yes                (any)                  leading
//   yes                     no                 yes                    following
//   yes                     no                 no                     cut-off
//
// The holder's own deadline is earlier than the one in Redis, as it is reckoned from the moment at
// which the renewal was sent, less a margin for clocks that run at different speeds. So between
// nodes that see the same Redis there is never a moment with two holders. The number of a lease
// grows with each new holder; it fences what an earlier one still has under way.
//
// Times are milliseconds of the node's own clock that never goes back.

import type { FleetStanding, Standing } from './standing.ts'

/** How long Redis gives the lease to a holder that is not heard of. */
export const LEASE_MS = 2_000
/** By how much earlier the holder itself believes it lost. */
export const LEASE_MARGIN_MS = 300
export const RENEW_EVERY_MS = 500
/** How often the holder tells all nodes that it leads. */
export const LEADS_EVERY_MS = 250
/** After this much silence a node follows no longer. */
export const SILENCE_MS = 1_500

export interface LeaseState {
  /** Since when Redis is away; null: it is there. */
  readonly awaySinceMs: number | null
  /** Redis has been there at least once. */
  readonly wasThere: boolean
  /** Why this node is no member of the fleet, as a clause. */
  readonly barred: string | null
  /** Why this node may not take the lease, as a clause; it may follow. */
  readonly blocked: string | null
  readonly held: { readonly number: number; readonly deadlineMs: number } | null
  /** The latest holder that is known; `heardMs` is null before it was heard. */
  readonly leader: {
    readonly node: string
    readonly number: number
    readonly heardMs: number | null
  } | null
  /** The largest number that is known: a Redis that was emptied must not begin again below it. */
  readonly knownNumber: number
}

export type LeaseEvent =
  | { readonly event: 'connected' }
  | { readonly event: 'away'; readonly nowMs: number }
  | { readonly event: 'barred'; readonly reason: string | null }
  | { readonly event: 'blocked'; readonly reason: string | null }
  /** Redis gave or renewed the lease; the question was sent at `sentMs`. */
  | {
      readonly event: 'granted'
      readonly node: string
      readonly number: number
      readonly sentMs: number
    }
  /** Somebody else holds it. */
  | { readonly event: 'refused'; readonly node: string; readonly number: number }
  /** A document has been written by the holder of this lease, which is later than ours. */
  | { readonly event: 'fenced'; readonly number: number }
  /** This node gives it back. */
  | { readonly event: 'released' }
  /** Another node says that it leads. */
  | {
      readonly event: 'leads'
      readonly node: string
      readonly number: number
      readonly nowMs: number
    }

export function noLease(nowMs: number): LeaseState {
  return {
    awaySinceMs: nowMs,
    wasThere: false,
    barred: null,
    blocked: null,
    held: null,
    leader: null,
    knownNumber: 0,
  }
}

function afterRefusal(state: LeaseState, { node, number }: { node: string; number: number }) {
  const known = state.leader
  const isKnown = known !== null && known.node === node && known.number === number
  return {
    ...state,
    held: null,
    leader: isKnown ? known : { node, number, heardMs: null },
    knownNumber: Math.max(state.knownNumber, number),
  }
}

export function leaseAfter(state: LeaseState, event: LeaseEvent): LeaseState {
  switch (event.event) {
    case 'connected':
      return { ...state, awaySinceMs: null, wasThere: true }
    case 'away':
      return state.awaySinceMs === null ? { ...state, awaySinceMs: event.nowMs } : state
    case 'barred':
      return { ...state, barred: event.reason }
    case 'blocked':
      return { ...state, blocked: event.reason }
    case 'granted': {
      const { node, number, sentMs } = event
      // An answer that a later holder has overtaken is worth nothing.
      if (number < state.knownNumber) return { ...state, held: null }
      return {
        ...state,
        held: { number, deadlineMs: sentMs + LEASE_MS - LEASE_MARGIN_MS },
        leader: { node, number, heardMs: null },
        knownNumber: number,
      }
    }
    case 'refused':
      return afterRefusal(state, event)
    case 'fenced': {
      if (event.number <= state.knownNumber) return state
      return { ...state, held: null, knownNumber: event.number }
    }
    case 'released':
      return { ...state, held: null, leader: state.held === null ? state.leader : null }
    case 'leads': {
      const { node, number, nowMs } = event
      if (number < state.knownNumber || state.held?.number === number) return state
      return {
        ...state,
        held: null,
        leader: { node, number, heardMs: nowMs },
        knownNumber: number,
      }
    }
  }
}

/** Whether this node holds the lease now, whatever else may be wrong. */
export function holdsLease({ held }: LeaseState, nowMs: number): boolean {
  return held !== null && nowMs < held.deadlineMs
}

/** A word for why no weight may be raised; it changes less often than the sentence. */
export type Hindrance = 'none' | 'away' | 'barred' | 'blocked' | 'leaderless' | 'follows'

export interface StandingNow {
  readonly standing: FleetStanding
  readonly hindrance: Hindrance
}

function seconds(ms: number): string {
  return `${Math.floor(ms / 1_000)} s`
}

export function standingAt(state: LeaseState, nowMs: number): StandingNow {
  const { awaySinceMs, barred, blocked, held, leader } = state
  const heardMs = leader?.heardMs ?? null
  // Whoever has fallen silent is not named: it may be gone.
  const isSilent = heardMs !== null && nowMs - heardMs > SILENCE_MS
  const name = isSilent ? null : (leader?.node ?? null)
  const stands = (
    standing: Standing,
    hindrance: Hindrance,
    mayNotRaise: string | null,
  ): StandingNow => {
    const lease = standing === 'leading' && held !== null ? held.number : null
    return { standing: { standing, leader: name, lease, mayNotRaise }, hindrance }
  }
  if (awaySinceMs !== null) {
    const awayMs = nowMs - awaySinceMs
    return stands('cut-off', 'away', awayText(awayMs, state.wasThere))
  }
  if (barred !== null) return stands('cut-off', 'barred', barred)
  if (holdsLease(state, nowMs)) return stands('leading', 'none', null)
  if (heardMs !== null && !isSilent) {
    return stands('following', 'follows', `node ${name} leads the fleet`)
  }
  if (blocked !== null) return stands('cut-off', 'blocked', blocked)
  return stands('cut-off', 'leaderless', 'no node is heard that leads the fleet')
}

function awayText(awayMs: number, wasThere: boolean): string {
  if (awayMs < 1000) return wasThere ? 'Redis is away' : 'Redis is not reached yet'
  const since = seconds(awayMs)
  return wasThere ? `Redis has been away for ${since}` : `Redis has not been reached for ${since}`
}

/** Whether something else than the length of a time has changed. */
export function isSameStanding(one: StandingNow, other: StandingNow): boolean {
  const [a, b] = [one.standing, other.standing]
  if (one.hindrance !== other.hindrance || a.standing !== b.standing) return false
  if (a.leader !== b.leader || a.lease !== b.lease) return false
  return one.hindrance === 'away' || a.mayNotRaise === b.mayNotRaise
}
