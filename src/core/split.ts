// Which of the two versions a request gets. A random ticket, drawn for each request, or the bucket
// of its customer, is held against the candidate's weight: below it the candidate, otherwise
// stable. As the comparison is with the same number at every weight, a customer who is in at 5 %
// stays in at 25 %. Draws are independent and random, never a smooth round robin, since the
// verdict takes the coin flip itself as its null hypothesis.

import type { Weight } from './weight.ts'

/** Tickets and buckets run from 0 to one below this. */
export const TICKETS = 10_000

export type Arm = 'stable' | 'candidate'

/** The arm for a ticket or bucket in 0 … 9,999. */
export function armFor(ticket: number, weight: Weight): Arm {
  return ticket < weight ? 'candidate' : 'stable'
}

/** Turns a uniform number in [0, 1) into a ticket. */
export function ticketFrom(uniform: number): number {
  return Math.floor(uniform * TICKETS)
}

/**
 * The bucket of a customer: FNV-1a over salt and key, then the finaliser of MurmurHash3, so that
 * keys that differ in one character spread evenly.
 *
 * @see http://www.isthe.com/chongo/tech/comp/fnv/
 */
export function bucketOf(salt: string, key: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < salt.length; i++) hash = Math.imul(hash ^ salt.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ 0xff, 0x01000193)
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  hash ^= hash >>> 16
  // The upper bits times the range: an even spread without the bias of a remainder.
  return Math.floor(((hash >>> 0) / 0x1_0000_0000) * TICKETS)
}
