// What comes from other nodes as text, read into messages. Anybody who may write to Redis can send
// anything; so every field that is relied on is looked at, and what is no message of ours is null.

import type { Answer, Command } from '../command.ts'
import type { NodeCounters } from '../counters.ts'
import { bodyComplaint, FORMAT } from './document-form.ts'
import type { Applied, Broadcast, Changed, Letter, VersionInterval } from './message.ts'
import type { Position } from './position.ts'
import type { Body, Stored } from './stored.ts'

/** Services in one letter of who has not heard of them. */
export const UNHEARD_MAX = 100

/** A bitmap of all buckets is 1.7 KB, packed or not. */
const TESTIMONY_MAX = 4096

type Fields = Readonly<Record<string, unknown>>

function fieldsOf(value: unknown): Fields | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return value as Fields
}

function isNumbers(value: unknown): value is Readonly<Record<string, number>> {
  const fields = fieldsOf(value)
  return fields !== null && Object.values(fields).every(Number.isFinite)
}

function parse(text: string): Fields | null {
  try {
    return fieldsOf(JSON.parse(text))
  } catch {
    return null // counted by the caller as no message
  }
}

function isPosition(value: unknown): value is Position {
  const { term, epoch, writer } = fieldsOf(value) ?? {}
  return Number.isSafeInteger(term) && Number.isSafeInteger(epoch) && typeof writer === 'string'
}

/** What came with the news; null where it cannot be used: then it has to be read. */
function readStored(value: unknown, service: string): Stored | null {
  const { position, base, save, body } = fieldsOf(value) ?? {}
  if (!isPosition(position) || !Number.isSafeInteger(save)) return null
  if (base !== null && !isPosition(base)) return null
  if (bodyComplaint(body, service) !== null) return null
  return { position, base, save: save as number, body: body as Body }
}

function readChanged({ format, position, save, service, stored }: Fields): Changed | null {
  if (typeof service !== 'string' || !isPosition(position)) return null
  if (typeof save !== 'number' || !Number.isSafeInteger(save)) return null
  // What a newer release has written is told as that when it is read.
  const isOurs = typeof format === 'number' && format <= FORMAT
  const known = isOurs ? readStored(stored, service) : null
  return { message: 'changed', service, position, save, stored: known }
}

function readApplied({ atMs, node, others, position, service }: Fields): Applied | null {
  if (typeof node !== 'string' || typeof service !== 'string') return null
  if (!isPosition(position) || typeof atMs !== 'number') return null
  const applied = { message: 'applied', node, service, position, atMs } as const
  if (others === undefined) return applied
  return isNumbers(others) ? { ...applied, others } : null
}

export function readBroadcast(text: string): Broadcast | null {
  const fields = parse(text)
  if (fields === null) return null
  const { message, node, lease } = fields
  if (message === 'changed') return readChanged(fields)
  if (message === 'applied') return readApplied(fields)
  if (message !== 'leads' || typeof node !== 'string') return null
  return typeof lease === 'number' && Number.isSafeInteger(lease) ? { message, node, lease } : null
}

function isCounts(value: unknown): boolean {
  if (!isNumbers(value)) return false
  return ['good', 'bad', 'exceeded', 'userErrors'].every((name) => Object.hasOwn(value, name))
}

function isTestimony(value: unknown): boolean {
  if (value === undefined) return true
  const texts = ['window', 'errors', 'exceedances'].map((name) => fieldsOf(value)?.[name])
  return texts.every((text) => typeof text === 'string' && text.length <= TESTIMONY_MAX)
}

function isCounters(value: unknown): value is NodeCounters {
  const fields = fieldsOf(value)
  if (fields === null) return false
  const { node, run, number, rollout, candidate, stable, stableSlow } = fields
  if (typeof node !== 'string' || typeof rollout !== 'string') return false
  if (![run, number, stableSlow].every(Number.isFinite)) return false
  return isCounts(candidate) && isCounts(stable) && isTestimony(fields.testimony)
}

function isInterval(value: unknown): value is VersionInterval {
  const fields = fieldsOf(value)
  if (fields === null) return false
  const { version, latency, outcomes, rescued, evidenceGood, evidenceBad, given } = fields
  if (typeof version !== 'string' || typeof latency !== 'string') return false
  if (!Array.isArray(outcomes) || !outcomes.every(Number.isFinite)) return false
  if (![rescued, evidenceGood, evidenceBad, fields.inFlight].every(Number.isFinite)) return false
  return isNumbers(given)
}

export function readLetter(text: string): Letter | null {
  const fields = parse(text)
  if (fields === null) return null
  const { message, id, node, command, answer, service, counters, intervals } = fields
  switch (message) {
    case 'applied':
      return readApplied(fields)
    case 'counted': {
      if (typeof service !== 'string' || !Array.isArray(intervals)) return null
      if (counters !== null && !isCounters(counters)) return null
      if (!intervals.every(isInterval)) return null
      return { message, service, counters, intervals }
    }
    case 'asked': {
      const asked = fieldsOf(command)
      if (typeof id !== 'string' || typeof node !== 'string' || asked === null) return null
      if (typeof asked.do !== 'string') return null
      return { message, id, node, command: command as Command }
    }
    case 'answered':
      if (typeof id !== 'string' || fieldsOf(answer) === null) return null
      return { message, id, answer: answer as Answer }
    case 'unheard': {
      const { services } = fields
      if (!Array.isArray(services) || services.length > UNHEARD_MAX) return null
      return services.every((one) => typeof one === 'string') ? { message, services } : null
    }
    default:
      return null
  }
}
