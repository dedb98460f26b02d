// A fleet of three nodes as one of them tells of it, and a node in it with a service `shop` on
// which every change succeeds.

import type { Answer, Command } from '../../src/core/command.ts'
import type { Convergence, FleetView, MemberView } from '../../src/core/fleet/view.ts'
import { entry, nodeView, obliging } from './harness.ts'

export function memberView(node: string, change: Partial<MemberView> = {}): MemberView {
  return {
    node,
    isSelf: false,
    version: '1.2.3',
    format: 1,
    startedAt: '2026-01-01T00:00:00.000Z',
    listen: '10.0.0.1:8080',
    silentMs: 120,
    isLive: true,
    clockAheadMs: 3,
    ...change,
  }
}

/** All three nodes serve by it. */
export function convergenceView(change: Partial<Convergence> = {}): Convergence {
  return {
    service: 'shop',
    revision: 7,
    applied: [
      { node: 'edge-1', afterMs: 5 },
      { node: 'edge-2', afterMs: 0 },
      { node: 'edge-3', afterMs: 8 },
    ],
    waiting: [],
    ...change,
  }
}

export const MEMBERS: readonly MemberView[] = [
  memberView('edge-1', { isSelf: true }),
  memberView('edge-2', { listen: '10.0.0.2:8080', clockAheadMs: -12.4 }),
  memberView('edge-3', { listen: '10.0.0.3:8080', clockAheadMs: 0 }),
]

/** As edge-1 sees it, which follows edge-2. */
export function fleetView(change: Partial<FleetView> = {}): FleetView {
  return {
    node: 'edge-1',
    standing: 'following',
    leader: 'edge-2',
    mayNotRaise: 'edge-2 leads',
    redis: 'redis://127.0.0.1:6379/0',
    awaySince: null,
    meaning: '',
    members: MEMBERS,
    services: [convergenceView()],
    ...change,
  }
}

/** Answers like edge-1. */
export function inFleet(command: Command): Answer {
  if (command.do === 'node') {
    return { ok: true, answer: 'node', node: nodeView({ fleet: fleetView() }) }
  }
  if (command.do === 'fleet-journal' && command.service === 'shop') {
    const entries = [
      { ...entry(12, { kind: 'weight', text: 'Set to 5 %' }), node: 'edge-2' },
      { ...entry(4, { kind: 'aborted', text: 'Aborted', by: 'operator' }), node: 'edge-1' },
    ]
    return { ok: true, answer: 'fleet-journal', entries }
  }
  const answer = obliging(command)
  const isChange = answer.ok && answer.answer === 'service' && command.do !== 'service'
  return isChange ? { ...answer, convergence: convergenceView() } : answer
}
