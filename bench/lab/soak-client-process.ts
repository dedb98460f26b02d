// The soak's client as a process of its own: keeps so many connections busy, half of them as fast
// as they are answered and half with pauses, until so many requests have ended.

import { monotonicMs } from './clock.ts'
import { answerParent } from './rpc.ts'
import type { Census, ClientReport, ClientSpec } from './soak-client.ts'
import { type Seat, type Shared, SoakConnection } from './soak-connection.ts'
import { Dice } from './soak-plan.ts'
import { Tally } from './soak-tally.ts'

const EXPIRE_EVERY_MS = 500
/** What is out when the load ends gets so long. */
const FINISH_MS = 30_000

const connections = new Set<SoakConnection>()
let spec: ClientSpec
let tally = new Tally({ notesLosses: false })
let drawn = 0
let finishing = false
let whenEmpty = (): void => undefined

function open(shared: Shared, seat: Seat): void {
  connections.add(new SoakConnection(shared, seat))
}

function start(argument: unknown): void {
  spec = argument as ClientSpec
  const calm = spec.profile === 'calm'
  tally = new Tally({ notesLosses: calm })
  const shared: Shared = {
    spec,
    tally,
    draw: () => spec.firstNumber + drawn++,
    wantsMore: () => !finishing && tally.done < spec.requests,
    onClosed: (connection) => {
      connections.delete(connection)
      if (!shared.wantsMore()) {
        if (connections.size === 0) whenEmpty()
        return
      }
      // A thread that has just died needs a moment until its port refuses nobody.
      if (calm) setTimeout(() => open(shared, connection.seat), 50)
      else open(shared, connection.seat)
    },
  }
  for (let i = 0; i < spec.connections; i++) {
    open(shared, { dice: new Dice(spec.seed * 1009 + i), paced: i % 2 === 1 })
  }
  setInterval(() => {
    const now = monotonicMs()
    for (const connection of connections) connection.expire(now)
  }, EXPIRE_EVERY_MS)
}

function census(): Census {
  const byThread: Record<string, number> = {}
  let unknown = spec.connections - connections.size
  for (const { leaves, thread } of connections) {
    // One that is about to be closed by us could be lost no more.
    if (thread === '' || leaves) unknown++
    else byThread[thread] = (byThread[thread] ?? 0) + 1
  }
  return { byThread, unknown }
}

async function finish(): Promise<ClientReport> {
  finishing = true
  if (connections.size > 0) {
    await new Promise<void>((resolve) => {
      whenEmpty = resolve
      setTimeout(resolve, FINISH_MS)
    })
  }
  return tally.report()
}

answerParent({
  start,
  progress: () => tally.progress(),
  census,
  losses: () => tally.losses,
  reshuffle: () => {
    for (const connection of connections) connection.leaves = true
  },
  finish,
})
