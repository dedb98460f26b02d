// A node of a fleet for tests: the Redis side alone, with a listener that writes down what it is
// told, and documents that are as small as they may be.

import type { FleetListener } from '../../src/control/fleet-port.ts'
import type { Broadcast, Letter } from '../../src/core/fleet/message.ts'
import type { FleetStanding } from '../../src/core/fleet/standing.ts'
import type { Body } from '../../src/core/fleet/stored.ts'
import type { JournalEntry } from '../../src/core/journal.ts'
import { RedisFleet } from '../../src/fleet/fleet.ts'
import type { FleetOptions, RedisAddress } from '../../src/fleet/options.ts'
import { type TestScope, until } from './redis-server.ts'

export class Heard implements FleetListener {
  readonly standings: FleetStanding[] = []
  readonly broadcasts: Broadcast[] = []
  readonly letters: Letter[] = []
  connected = 0

  onStanding(standing: FleetStanding): void {
    this.standings.push(standing)
  }

  onBroadcast(message: Broadcast): void {
    this.broadcasts.push(message)
  }

  onLetter(message: Letter): void {
    this.letters.push(message)
  }

  onConnected(): void {
    this.connected++
  }
}

export interface FleetNode {
  readonly fleet: RedisFleet
  readonly heard: Heard
  /** What was logged. */
  readonly lines: readonly string[]
}

export function single(port: number): RedisAddress {
  return { kind: 'single', host: '127.0.0.1', port, db: 0, tls: null }
}

/** Starts a node; it is closed when the test ends. */
export async function fleetNode(
  t: TestScope,
  { node, redis, ...rest }: Partial<FleetOptions> & { node: string; redis: RedisAddress },
): Promise<FleetNode> {
  const lines: string[] = []
  const log = (_fields: object, text: string): void => {
    lines.push(text)
  }
  const fleet = new RedisFleet({
    node,
    redis,
    id: `id-of-${node}`,
    version: '0.1.0',
    listen: '127.0.0.1:8080',
    prefix: 'vertex:',
    username: null,
    password: null,
    log: { info: log, warn: log, error: log },
    ...rest,
  })
  const heard = new Heard()
  t.teardown(() => fleet.close())
  await fleet.start(heard)
  return { fleet, heard, lines }
}

export async function leads({ fleet }: FleetNode, withinMs = 60_000): Promise<void> {
  const is = (): boolean => fleet.standing.standing === 'leading'
  await until(`${fleet.node} leads`, { is, withinMs })
}

export async function follows({ fleet }: FleetNode, withinMs = 60_000): Promise<void> {
  const is = (): boolean => fleet.standing.standing === 'following'
  await until(`${fleet.node} follows`, { is, withinMs })
}

export async function isCutOff({ fleet }: FleetNode, withinMs = 60_000): Promise<void> {
  const is = (): boolean => fleet.standing.standing === 'cut-off'
  await until(`${fleet.node} is cut off`, { is, withinMs })
}

/** A document; the note makes bodies of one epoch differ. */
export function bodyOf(service: string, { epoch, note = '' }: { epoch: number; note?: string }) {
  const state = { service, epoch, weight: 0, versions: {}, quarantine: {}, note }
  const document = { state, evidence: null, facts: {} }
  return { document, counters: null, clockMs: 1_000 } as unknown as Body
}

export function entryOf(service: string | null, seq: number): JournalEntry {
  const at = new Date(1_000 + seq).toISOString()
  return { seq, at, kind: 'weight', service, epoch: seq, text: `entry ${seq}`, by: 'operator' }
}
