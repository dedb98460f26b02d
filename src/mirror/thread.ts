// The entry of the mirror thread: copies of requests come in over the lines of the edge threads,
// and tallies go to the main thread. It has a thread of its own so that sockets to a candidate
// that hangs or floods, and the comparison of bodies, take no time from the loop that serves
// customers; and on Linux it gives way to those threads when the cores are busy.

import { type MessagePort, parentPort } from 'node:worker_threads'
import { type Credits, returnCredit, takeDropped } from '../board/mirror-credits.ts'
import type { MirrorCopy } from '../core/mirror/order.ts'
import { giveWay } from './give-way.ts'
import type { FromLine, FromMirror, ToMirror } from './mirror-data.ts'
import { Shadow } from './shadow.ts'

const SWEEP_MS = 25
/** Tallies are told at most so often. */
const REPORT_MS = 100

const shadows = new Map<string, Shadow>()
const byCell = new Map<number, Shadow>()
const lines = new Set<Credits>()
/** The largest number of an order that has come. */
let newest = 0
/**
 * Copies that have come before their order: orders and copies take different ways, which nothing
 * puts in order. Each holds its credit, so they are no more than those.
 */
const early: { readonly copy: MirrorCopy; readonly credits: Credits }[] = []

giveWay((text) => tell({ say: 'note', text }))

parentPort?.on('message', (message: ToMirror) => {
  if (message.do === 'edge') openLine(message.port)
  else follow(message)
})

function tell(word: FromMirror): void {
  parentPort?.postMessage(word)
}

function follow({ order, service }: Extract<ToMirror, { do: 'follow' }>): void {
  const shadow = shadows.get(service) ?? new Shadow(service)
  shadows.set(service, shadow)
  if (shadow.order !== null) byCell.delete(shadow.order.cell)
  report(shadow)
  shadow.follow(order)
  if (order !== null) {
    byCell.set(order.cell, shadow)
    newest = Math.max(newest, order.number)
  }
  keepTime()
  for (const { copy, credits } of early.splice(0)) take(copy, credits)
}

/** Takes a copy over, or keeps it until its order is there. */
function take(copy: MirrorCopy, credits: Credits): void {
  if (copy.order > newest) {
    early.push({ copy, credits })
    return
  }
  const shadow = byCell.get(copy.cell)
  if (shadow === undefined) returnCredit(credits, copy.cell)
  else shadow.take(copy, credits)
}

function openLine(port: MessagePort): void {
  let credits: Credits | null = null
  port.on('message', (message: FromLine) => {
    if ('credits' in message) {
      credits = message.credits
      lines.add(credits)
      return
    }
    if (credits === null) return // the first message says where they are
    for (const copy of message.copies) take(copy, credits)
  })
  port.on('close', () => {
    if (credits !== null) lines.delete(credits)
  })
}

function report(shadow: Shadow): void {
  const { order } = shadow
  if (order !== null) {
    for (const credits of lines) shadow.dropped(takeDropped(credits, order.cell, order.number))
  }
  const news = shadow.news()
  if (news !== null) tell({ say: 'tally', ...news })
}

/** Time is kept only while something is mirrored: a thread that waits costs nothing. */
let timers: readonly NodeJS.Timeout[] = []

function keepTime(): void {
  const isNeeded = byCell.size > 0
  if (isNeeded === timers.length > 0) return
  for (const timer of timers) clearInterval(timer)
  timers = isNeeded ? [setInterval(sweep, SWEEP_MS), setInterval(reportAll, REPORT_MS)] : []
}

function sweep(): void {
  const nowMs = performance.now()
  for (const shadow of shadows.values()) shadow.sweep(nowMs)
}

function reportAll(): void {
  for (const shadow of shadows.values()) report(shadow)
}
